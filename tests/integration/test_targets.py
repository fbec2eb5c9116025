"""A target that the config leaves empty says so, and which key to set."""

import re

import pytest

import tiny_coco
from project import ROOT

EMPTY = {"semantic": {"train": []}, "instance": {"train": []}}


@pytest.mark.parametrize(
    ("target", "key"),
    [
        ("semantic", "semantic.train"),
        ("instance", "instance.train"),
        ("voc_submission", "semantic.train"),
        ("models", "semantic.train and instance.train"),
        ("export_network", "semantic.train and instance.train"),
        ("predict", "semantic.train and instance.train"),
    ],
)
def test_an_empty_target_stops(project, target, key):
    process = project.snakemake(target, "--dry-run", changes=EMPTY)
    assert process.returncode == 1
    assert f"makes nothing, because {key} of the config is empty" in process.stdout + process.stderr


def test_networks_are_no_must(project):
    assert "train_semantic" not in project.pending("all", changes=EMPTY)


def test_cocos_test_split_is_predicted_and_packed(project, tmp_path):
    root = tiny_coco.write(tmp_path / "coco", **{"test-dev2017": tiny_coco.VAL})
    changes = {
        "dataset": {"format": "coco", "root": str(root), "test": "test-dev2017"},
        "instance": {"train": ["light"]},
    }
    pending = project.pending("coco_submission", changes=changes)
    expected = ("index_test_images", "train_instance", "predict_test_instances", "pack_coco_submission")
    assert {name: pending.get(name) for name in expected} == dict.fromkeys(expected, 1)
    assert not {"predict_instance", "rasterise_ground_truth"} & set(pending)


def test_the_page_on_the_demo_counts_its_jobs(project):
    """The demo is what the config of the repository makes; ``all`` counts as a step."""
    jobs = project.pending("all", config=ROOT / "config" / "config.yaml")
    steps = set(re.findall(r"of (\d+) steps", (ROOT / "docs" / "demo.md").read_text()))
    assert steps == {str(sum(jobs.values()) + 1)}

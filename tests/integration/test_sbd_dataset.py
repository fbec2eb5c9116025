"""VOC with SBD's archive in the workflow: one config makes the list, the index and the true masks."""

import pytest

from aisi.formats.dataset import read_images
from project import Project
from tiny_sbd import TRAIN_AUG, write_sbd, write_voc

MASKS = "results/reference/true_masks/SegmentationObject"


@pytest.fixture(scope="module")
def run(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("voc")
    voc, sbd = write_voc(folder / "VOC2012"), write_sbd(folder / "sbd")
    dataset = {"format": "voc", "root": str(voc), "train": "train_aug"}
    changes = {"dataset": dataset | {"sbd": {"root": str(sbd), "train_aug": len(TRAIN_AUG)}}, "shards": 1}
    return Project(source, tmp_path_factory.mktemp("sbd")), changes


def test_one_command_indexes_train_aug_and_writes_all_true_masks(run):
    project, changes = run
    project.finish("results/images/train_aug/shard_0.csv", MASKS, changes=changes)
    images = read_images(project.run_folder / "results/images/train_aug/shard_0.csv")
    assert images["image_id"].tolist() == TRAIN_AUG
    masks = {path.stem for path in (project.run_folder / MASKS).glob("*.png")}
    assert masks == {*TRAIN_AUG, "c", "d"}
    jobs = project.pending("all", changes=changes)  # true instances of all photos are evaluated
    assert {"evaluate_salient_instances", "evaluate_proxy_instances", "evaluate_semantic"} <= set(jobs)
    assert "list_train_aug" not in jobs and "convert_sbd" not in jobs


def test_the_papers_count_stops_an_incomplete_archive(run):
    project, changes = run
    dataset = changes["dataset"] | {"sbd": changes["dataset"]["sbd"] | {"train_aug": 10582}}
    process = project.snakemake("results/images/train_aug/shard_0.csv", changes=changes | {"dataset": dataset})
    assert process.returncode != 0 and "found 5 photos" in process.stdout + process.stderr

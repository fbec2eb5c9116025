"""A photo that is added changes the files of its own shard, and only that shard's photos are looked at again."""

import csv
import shutil

import pytest

from aisi.dataset.index import shard_of
from project import digests

TARGETS = [f"results/features/train/shard_{shard}.h5" for shard in (0, 1)]


@pytest.fixture
def growing(project, finished):
    """Adds one of the rendered photos at a time, and gives its id; detector and extractor are trained already."""
    with open(finished.run_folder / "results/demo/keywords.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    (project.home / "photos").mkdir()

    def add(row):
        name = f"{row['image_id']}.jpg"
        shutil.copy(finished.run_folder / "results/demo/JPEGImages" / name, project.home / "photos" / name)
        table = project.home / "keywords.csv"
        with open(table, "a") as file:
            if not file.tell():
                file.write("image_id,split,keywords\n")
            file.write(f"{row['image_id']},train,{row['keywords']}\n")
        return row["image_id"]

    for row in rows[:-1]:
        add(row)
    return lambda: add(rows[-1])


@pytest.fixture
def changes(project, finished):
    results = finished.run_folder / "results"
    return {
        "dataset": {
            "format": "photos",
            "root": str(project.home / "photos"),
            "keywords": str(project.home / "keywords.csv"),
            "val": None,
        },
        "salient_instances": {"weights": str(results / "salient_instances/s4net.safetensors")},
        "features": {"weights": str(results / "features/extractor.safetensors")},
    }


def test_a_further_photo(project, growing, changes):
    project.finish(*TARGETS, changes=changes)
    before = digests(project.run_folder)
    shard = shard_of(growing(), 2)

    project.finish("results/categories.csv", changes=changes)  # the index alone
    assert project.pending(*TARGETS, changes=changes) == {"detect_salient_instances": 1, "compute_features": 1}

    project.finish(*TARGETS, changes=changes)
    after = digests(project.run_folder)
    assert before.keys() == after.keys()
    stages = [("images", "csv"), ("salient_instances", "h5"), ("features", "h5")]
    changed = {f"results/{stage}/train/shard_{shard}.{suffix}" for stage, suffix in stages}
    different = {path.removesuffix(".sha256") for path in before if before[path] != after[path]}
    assert different - {"results/categories.csv"} == changed


def test_batches_and_sweeps_are_jobs_of_their_own(finished):
    targets = [f"results/tags/{name}.csv" for name in ("partition", "beta-10", "beta-20")]
    batches = {"partition": {"mode": "batches", "batch_size": 4, "jobs": 3}}
    assert finished.pending(*targets, changes=batches)["solve_partition"] == 9

"""A target that the config leaves empty says so, and which key to set."""

import pytest

EMPTY = {"semantic": {"train": []}, "instance": {"train": []}}


@pytest.mark.parametrize(
    ("target", "key"), [("semantic", "semantic"), ("instance", "instance"), ("voc_submission", "semantic")]
)
def test_an_empty_target_stops(project, target, key):
    process = project.snakemake(target, "--dry-run", changes=EMPTY)
    assert process.returncode == 1
    assert f"makes nothing, because {key}.train of the config is empty" in process.stdout + process.stderr


def test_networks_are_no_must(project):
    assert "train_semantic" not in project.pending("all", changes=EMPTY)

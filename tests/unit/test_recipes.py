"""Recipes are checked before any job runs: enough samples for all GPUs, no second warm-up."""

import pytest
import yaml

from aisi.planning.recipes import check_recipe, recipes_in_use
from workflow_text import ROOT

RECIPE = {"batch_size": 4, "schedule": "one_cycle"}


@pytest.mark.parametrize(
    ("changes", "n_gpus", "message"),
    [
        ({"batch_size": 2}, 8, "A: found batch_size 2 with 8 GPUs, expected a sample for each"),
        ({"warmup": 3}, 1, "A: found warmup with schedule one_cycle"),
    ],
)
def test_recipes_that_cannot_work_are_refused(changes, n_gpus, message):
    check_recipe("A", RECIPE, n_gpus=4)
    with pytest.raises(ValueError, match=message):
        check_recipe("A", RECIPE | changes, n_gpus)


def test_recipes_of_the_trainings_that_the_config_asks_for():
    """Weights from a file need no training, and of the segmenters those count that train names."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    stages = ["salient_instances", "attention", "features", "semantic.networks.light"]
    assert [key for key, _ in recipes_in_use(config)] == [f"{stage}.training.recipe" for stage in stages]
    config["salient_instances"]["weights"], config["features"]["weights"] = "w.safetensors", "pretrained"
    config["semantic"]["train"], config["instance"]["train"] = [], ["light"]
    stages = ["attention", "instance.networks.light"]
    assert [key for key, _ in recipes_in_use(config)] == [f"{stage}.training.recipe" for stage in stages]

"""The recipes of the trainings that a config asks for, checked before any job runs."""

from collections.abc import Iterator
from typing import Any


def recipes_in_use(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Config key and recipe of every training of the config's targets.

    A stage with trained weights has no training, and of the segmenters those count that ``train`` names.
    """
    detector = config["salient_instances"]
    if detector["method"] == "s4net" and detector["weights"] == "train":
        yield "salient_instances.training.recipe", detector["training"]["recipe"]
    if not (config["attention"]["import"] or config["scores"]["import"]):
        yield "attention.training.recipe", config["attention"]["training"]["recipe"]
    if config["features"]["weights"] == "train" and not config["features"]["import"]["array"]:
        yield "features.training.recipe", config["features"]["training"]["recipe"]
    for task in ("semantic", "instance"):
        for name, network in config[task]["networks"].items():
            if name in config[task]["train"]:
                yield f"{task}.networks.{name}.training.recipe", network["training"]["recipe"]


def check_recipe(name: str, recipe: dict[str, Any], n_gpus: int) -> None:
    """Check a recipe for what the schema of the config cannot see.

    Parameters
    ----------
    name : str
        What the message calls it.
    recipe : dict
    n_gpus : int
        Processes that share each batch.

    Raises
    ------
    ValueError
        If a batch has fewer samples than processes, or the schedule has a warm-up of its own.
    """
    if n_gpus > recipe["batch_size"]:
        raise ValueError(
            f"{name}: found batch_size {recipe['batch_size']} with {n_gpus} GPUs, expected a sample for each or more. "
            "Use a smaller gpus, or a larger batch_size and the learning_rate that belongs to it."
        )
    if recipe.get("warmup", 0) and recipe["schedule"] == "one_cycle":
        raise ValueError(f"{name}: found warmup with schedule one_cycle, which has its own. Remove warmup.")

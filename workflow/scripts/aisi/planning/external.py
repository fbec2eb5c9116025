"""Rows of other methods: the config block ``external``, checked before any job runs."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aisi.planning.assignments import BASELINES, SOLVED
from aisi.planning.dataset_files import DatasetError

KINDS = ("tags", "proxies", "predictions")
"""What a method may give; tags and proxies are one row, since proxy masks follow from tags."""
TAKEN = rf"{BASELINES}|{SOLVED}|cam|oracle|ground_truth|review-.*"
"""Names that rows of our own have."""


def given_paths(external: Mapping[str, Mapping[str, Any]], kind: str) -> dict[str, str]:
    """Name of each method that gives ``kind``, one of ``KINDS``, to its path."""
    return {name: block[kind] for name, block in external.items() if block.get(kind)}


def protocol_of(block: Mapping[str, Any]) -> str:
    """Protocol of a method's predictions, for metrics.csv: how its authors say that they were made."""
    return f"voc, {block.get('protocol') or 'given'}"


def check_external(external: Mapping[str, Mapping[str, Any]], has_val: bool, true_masks: Iterable[str] = ()) -> None:
    """Check the block.

    Parameters
    ----------
    external : dict
        Name of a method to its block.
    has_val : bool
        Whether there is a split for evaluation, which predictions need.
    true_masks : iterable of str
        Files and folders of the dataset's true masks.

    Raises
    ------
    DatasetError
        With all problems, one in each line.
    """
    secret = {Path(path).resolve() for path in true_masks}
    problems = []
    for name, block in external.items():
        given = [kind for kind in KINDS if block.get(kind)]
        if re.fullmatch(TAKEN, name):
            problems.append(f"external.{name}: a row of our own has this name. Choose another one.")
        if not given:
            problems.append(f"external.{name}: found no path, expected {', '.join(KINDS)}. Name one of them.")
        if {"tags", "proxies"} <= set(given):
            problems.append(f"external.{name}: found tags and proxies, but proxies are made of tags. Name one of them.")
        if "predictions" in given and not has_val:
            problems.append(f"external.{name}.predictions: dataset.val is null. Name the split of the predictions.")
        for kind in given:
            if Path(block[kind]).resolve() in secret:
                problems.append(
                    f"external.{name}.{kind}: {block[kind]} holds the dataset's true masks, which only evaluation may "
                    "read. The ablation has a row ground_truth."
                )
    if problems:
        raise DatasetError("\n".join(problems))

"""The model card: what a trained network learned from, how well it does, and how to use it."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import timm

from aisi.training.backbones import PACKAGED

_TORCHVISION_LICENCE = (
    "torchvision states none for its weights, its code is under BSD-3-Clause; they learned from ImageNet, whose terms "
    "allow research and education"
)


def model_card(
    dataset: str,
    names: Sequence[str],
    keywords: Iterable[Sequence[str]],
    instances: Mapping[str, tuple],
    network: Mapping[str, Any],
    seed: int,
    metrics: pd.DataFrame | None,
    commit: str,
) -> str:
    """Write the card of a network in Markdown.

    Parameters
    ----------
    dataset : str
        Its name.
    names : sequence of str
        Of the categories.
    keywords : iterable of sequence of str
        Keywords of each photo of the training split.
    instances : dict
        What the network learned from, as from :func:`aisi.formats.coco.read_instances`.
    network : dict
        Block of the config: network, training, prediction.
    seed : int
    metrics : DataFrame or None
        Figures of the network, as from :func:`aisi.formats.metrics.read_metrics`. None if there are no true masks.
    commit : str
        Of this project, as from :func:`commit_of_code`.

    Returns
    -------
    str
    """
    photos = list(keywords)
    with_keyword = Counter(name for own in photos for name in set(own))
    counts = Counter(label for labels, _, _ in instances.values() for label in labels)
    rows = [
        f"| {label} | {name} | {with_keyword[name]} | {counts[label]} |" for label, name in enumerate(names, start=1)
    ]
    weights = Path(network["network"]["weights"]).name  # of a file no folder, which may hold the name of a user
    network = {**network, "network": {**network["network"], "weights": weights}}
    backbone = network["network"]["backbone"]
    return "\n".join(
        [
            f"# Model of {dataset}",
            "",
            f"This network segments photos. The training split has {len(photos)} photos with keywords. The network",
            f"learned from masks that AISI made from {len(instances)} of them. Nobody drew these masks, so they have",
            "errors.",
            "",
            "| label | category | photos with this keyword | instances in the masks |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            *_figures(metrics),
            f"- Backbone: {backbone}.",
            f"- Weights before the training: {weights}. Licence: {licence_of_weights(backbone, weights)}.",
            f"- Seed: {seed}.",
            f"- Commit of AISI when this card was written: {commit}.",
            "",
            "Use it: `python -m aisi.predict model.safetensors PHOTOS --output DIR`",
            "",
            "Settings:",
            "",
            "```json",
            json.dumps(network, indent=2),
            "```",
            "",
        ]
    )


def _figures(metrics):
    if metrics is None:
        return ["There are no true masks of this dataset, so nobody has measured how good the network is.", ""]
    overall = metrics[metrics["category"] == "all"]
    rows = [
        f"| {row.metric} | {row.split} | {row.protocol} | {row.value:.4f} | {row.n} |" for row in overall.itertuples()
    ]
    return ["| figure | split | protocol | value | from |", "| --- | --- | --- | --- | --- |", *rows, ""]


def licence_of_weights(backbone: str, weights: str) -> str:
    """What is known about the licence of the weights from which a training starts.

    Parameters
    ----------
    backbone : str
        As in :func:`aisi.training.backbones.create_backbone`.
    weights : str
        ``imagenet``, ``none`` or a file.
    """
    if weights == "none":
        return "none is needed, the training starts from random numbers"
    if weights != "imagenet":
        return "not known, since the file is yours; look where you got it"
    if backbone in PACKAGED:
        return f"Apache-2.0 (package {PACKAGED[backbone].replace('_', '-')})"
    if timm.is_model(backbone) and backbone not in ("resnet50", "resnet101", "vgg16", "mobilenet_v2"):
        stated = getattr(timm.get_pretrained_cfg(backbone), "license", None)
        return f"{stated} (as timm states it)" if stated else "timm states none; look at the model's page"
    return _TORCHVISION_LICENCE


def commit_of_code() -> str:
    """Commit of the repository that holds this file, with ``-dirty`` if files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not known, since the code is in no git repository"

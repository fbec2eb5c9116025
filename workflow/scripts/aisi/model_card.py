"""The model card: what a trained network learned from, and how to use it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def model_card(
    dataset: str, names: Sequence[str], instances: Mapping[str, tuple], network: Mapping[str, Any], seed: int
) -> str:
    """Write the card of a network in Markdown.

    Parameters
    ----------
    dataset : str
        Its name.
    names : sequence of str
        Of the categories.
    instances : dict
        What the network learned from, as from :func:`aisi.formats.coco.read_instances`.
    network : dict
        Block of the config: network, training, prediction.
    seed : int

    Returns
    -------
    str
    """
    counts = Counter(label for labels, _, _ in instances.values() for label in labels)
    rows = [f"| {label} | {name} | {counts[label]} |" for label, name in enumerate(names, start=1)]
    return "\n".join(
        [
            f"# Model of {dataset}",
            "",
            "This network segments photos. It was trained on masks that AISI made from",
            f"{len(instances)} photos and their keywords. Nobody drew these masks, so they have errors.",
            "",
            "| label | category | instances in the masks |",
            "| --- | --- | --- |",
            *rows,
            "",
            f"- Backbone: {network['network']['backbone']}.",
            f"- Weights before the training: {network['network']['weights']}.",
            "  Look at their licence before you publish this model.",
            f"- Seed: {seed}.",
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

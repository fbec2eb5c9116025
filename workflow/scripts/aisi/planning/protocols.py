"""What an evaluation counts, in words: the column ``protocol`` of metrics.csv."""

from collections.abc import Sequence

PROTOCOLS = {
    "tags": "true category covers half of the instance",
    # ASSUME: as is usual for proxy masks, what they leave out counts as background, so that leaving out gains nothing
    "proxy_semantic": "voc, ignored pixels and photos without proxy as background",
    "proxy_instance": "coco, void pixels left out",
    "instance": "coco, void pixels left out",
}
"""By task. :func:`semantic_protocol` gives that of the task ``semantic``, which depends on the prediction."""


def semantic_protocol(scales: Sequence[float], flip: bool) -> str:
    """Protocol of a semantic network's predictions.

    Parameters
    ----------
    scales : sequence of float
        Scales of the photo at which the network predicts.
    flip : bool
        Whether it predicts the mirrored photo too.

    Returns
    -------
    str
    """
    number = "single scale" if len(scales) == 1 else f"{len(scales)} scales"
    return f"voc, {number}" + (", flips" if flip else "")

"""What an evaluation counts, in words: the column ``protocol`` of metrics.csv."""

from collections.abc import Sequence

PROTOCOLS = {
    "tags": "true category covers half of the instance",
    # ASSUME: as is usual for proxy masks, what they leave out counts as background, so that leaving out gains nothing
    "proxy_semantic": "voc, ignored pixels and photos without proxy as background",
}
"""By task, for tasks of which the protocol is always the same."""

PIXELS = "pixels of all proxy masks"
"""Protocol of the shares of pixels, for which no true masks are needed."""


def instance_protocol(has_annotations: bool) -> str:
    """Protocol of average precision.

    Parameters
    ----------
    has_annotations : bool
        Whether the truth is a dataset's COCO JSON, not label maps.

    Returns
    -------
    str
    """
    return "coco, the dataset's annotations" if has_annotations else "coco, void pixels left out"


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

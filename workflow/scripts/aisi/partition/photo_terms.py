"""What the objective may know of photos: instances that compete for one object, and keywords that are present.

ASSUME not in the paper. Both terms are 0 unless the config asks for them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from aisi.formats.instances import SalientInstances, rows_by_photo
from aisi.masks import covered_shares

OVERLAP = 0.5
"""Two instances of a photo compete if more than this share of the smaller mask lies in the other one."""


@dataclass(frozen=True)
class PhotoTerms:
    """The photos of a split's instances, as :class:`aisi.partition.PartitionProblem` takes them.

    Attributes
    ----------
    photos : (N,) int64
    competing : (C, 2) int64
    overlap_penalty, presence_reward : float
    """

    photos: np.ndarray
    competing: np.ndarray
    overlap_penalty: float
    presence_reward: float

    def of(self, nodes: np.ndarray) -> dict[str, Any]:
        """Give the arguments of the problem of some instances: ``nodes`` (n,) are their positions in the split."""
        place = np.full(len(self.photos), -1)
        place[nodes] = np.arange(len(nodes))
        pairs = np.sort(place[self.competing], axis=1)
        return {
            "photos": self.photos[nodes],
            "competing": pairs[pairs[:, 0] >= 0],
            "overlap_penalty": self.overlap_penalty,
            "presence_reward": self.presence_reward,
        }


def photo_terms(instances: SalientInstances, overlap_penalty: float, presence_reward: float) -> PhotoTerms:
    """Find the photos and competing pairs of all instances of a split.

    Parameters
    ----------
    instances : SalientInstances
        With masks, if ``overlap_penalty`` is above 0.
    overlap_penalty, presence_reward : float
        >= 0.

    Returns
    -------
    PhotoTerms
        Without an ``overlap_penalty`` no pair is looked for.
    """
    rows = list(rows_by_photo(instances.image_ids).values())
    photos = np.repeat(np.arange(len(rows)), [own.stop - own.start for own in rows])
    pairs = [pair for own in rows for pair in _competing(instances.masks[own], own.start)] if overlap_penalty else []
    return PhotoTerms(photos, np.array(pairs, np.int64).reshape(-1, 2), overlap_penalty, presence_reward)


def _competing(masks, start):
    shares = np.array([covered_shares(mask, masks) for mask in masks]).reshape(len(masks), len(masks))
    first, second = np.nonzero(np.triu(np.maximum(shares, shares.T) > OVERLAP, 1))
    return zip(start + first, start + second, strict=True)

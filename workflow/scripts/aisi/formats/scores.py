"""Attention scores of the instances of a shard: HDF5."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aisi.formats.files import Format
from aisi.formats.hdf5 import new_hdf5, open_hdf5

SCORES = Format("scores", "compute_scores", 1)


@dataclass(frozen=True)
class Scores:
    """Attention of every instance for each of its photo's keywords (PAPER §3.1 eq. 2).

    Attributes
    ----------
    offsets : (N + 1,) int64
        Candidates of instance j are ``offsets[j]:offsets[j + 1]``.
    labels : (M,) int64
        Candidate labels 1..C, ascending within an instance.
    scores : (M,) float32
        p_ij in [0, 1].
    """

    offsets: np.ndarray
    labels: np.ndarray
    scores: np.ndarray


def write_scores(path: str | Path, scores: Scores) -> None:
    """Write one shard's :class:`Scores`, in the order of its salient instances."""
    if len(scores.labels) != len(scores.scores) or scores.offsets[-1] != len(scores.labels):
        found = f"{len(scores.labels)} labels and {len(scores.scores)} scores"
        raise ValueError(f"{path}: found {found}, expected {scores.offsets[-1]} of each, where the offsets end.")
    with new_hdf5(path, SCORES) as file:
        file["offset"] = np.asarray(scores.offsets, np.int64)
        file["label"] = np.asarray(scores.labels, np.int64)
        file["score"] = np.asarray(scores.scores, np.float32)


def read_scores(*paths: str | Path) -> Scores:
    """Read one or several shards, one after the other, as :class:`Scores`."""
    offsets = [np.zeros(1, np.int64)]
    labels: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    for path in paths:
        with open_hdf5(path, SCORES) as file:
            offsets.append(file["offset"][1:] + sum(len(part) for part in labels))
            labels.append(file["label"][:])
            scores.append(file["score"][:])
    return Scores(np.concatenate(offsets), np.concatenate(labels), np.concatenate(scores))

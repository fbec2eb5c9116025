"""Attention scores of the instances of a shard: HDF5."""

from dataclasses import dataclass

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


def write_scores(path, scores):
    """Write one shard's :class:`Scores`, in the order of its salient instances."""
    if len(scores.labels) != len(scores.scores) or scores.offsets[-1] != len(scores.labels):
        raise ValueError(f"{path}: offsets end at {scores.offsets[-1]}, found {len(scores.scores)} scores.")
    with new_hdf5(path, SCORES) as file:
        file["offset"] = np.asarray(scores.offsets, np.int64)
        file["label"] = np.asarray(scores.labels, np.int64)
        file["score"] = np.asarray(scores.scores, np.float32)


def read_scores(*paths):
    """Read one or several shards, one after the other, as :class:`Scores`."""
    offsets, labels, scores = [np.zeros(1, np.int64)], [], []
    for path in paths:
        with open_hdf5(path, SCORES) as file:
            offsets.append(file["offset"][1:] + sum(map(len, labels)))
            labels.append(file["label"][:])
            scores.append(file["score"][:])
    return Scores(np.concatenate(offsets), np.concatenate(labels), np.concatenate(scores))

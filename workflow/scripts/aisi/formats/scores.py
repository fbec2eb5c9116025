"""Attention scores of the instances of a shard: HDF5."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aisi.formats.files import Format, reading, require, writing
from aisi.formats.hdf5 import new_hdf5, read_hdf5
from aisi.formats.rows import check_shards
from aisi.labels import LARGEST

SCORES = Format(
    "scores",
    "compute_scores or import_scores",
    2,
    columns={
        "offset": ("int64", ("N + 1",)),
        "label": ("int64", ("M",)),
        "score": ("float32", ("M",)),
        "rows": ("uint64", ("N",)),
    },
)
"""Attention of the N salient instances of a shard for the keywords of their photos (PAPER §3.1 eq. 2):
`scores/{split}/shard_{shard}.h5`.

The instances are in their own order. An instance has a candidate for each keyword of its photo; there are M in all.

Columns
-------
offset
    Candidates of instance j are `offset[j]:offset[j + 1]`.
label
    Label 1..C of each candidate, ascending within an instance.
score
    p of the instance and the keyword, in [0, 1].
rows
    Digest of image_id, instance_id and box of each instance: the first 8 bytes of a SHA-256. Files that belong together
    have equal rows.
"""


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


def write_scores(path: str | Path, scores: Scores, rows: np.ndarray, origin: str = "") -> None:
    """Write one shard's :class:`Scores`, and the digests ``rows``, (N,) uint64, of its salient instances."""
    with writing(path):
        _check(scores, rows)
    with new_hdf5(path, SCORES, origin) as file:
        file["offset"] = np.asarray(scores.offsets, np.int64)
        file["label"] = np.asarray(scores.labels, np.int64)
        file["score"] = np.asarray(scores.scores, np.float32)
        file["rows"] = np.asarray(rows, np.uint64)


def read_scores(*paths: str | Path, rows: np.ndarray | None) -> Scores:
    """Read one or several shards, one after the other, as :class:`Scores`.

    ``rows`` are the digests of the salient instances of all shards, which are compared with those in the files; None
    if the scores are not joined with anything.
    """
    offsets = [np.zeros(1, np.int64)]
    labels: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    digests: list[tuple[str | Path, np.ndarray]] = []
    for path in paths:
        part = read_hdf5(path, SCORES)
        with reading(path, SCORES, "scores"):
            _check(Scores(part["offset"], part["label"], part["score"]), part["rows"])
        offsets.append(part["offset"][1:] + sum(len(part) for part in labels))
        labels.append(part["label"])
        scores.append(part["score"])
        digests.append((path, part["rows"]))
    if rows is not None:
        check_shards(digests, SCORES, rows)
    return Scores(np.concatenate(offsets), np.concatenate(labels), np.concatenate(scores))


def _check(scores, rows):
    """Check one shard."""
    offsets, labels = np.asarray(scores.offsets, np.int64), np.asarray(scores.labels, np.int64)
    values = np.asarray(scores.scores)
    found = f"{len(labels)} labels and {len(values)} scores"
    require(len(labels) == len(values), found, "as many")
    starts = len(offsets) > 0 and offsets[0] == 0 and bool((np.diff(offsets) >= 0).all())
    require(starts, "offsets that do not ascend from 0", "ascending ones")
    require(offsets[-1] == len(labels), found, f"{offsets[-1]} of each, where the offsets end")
    require(len(rows) == len(offsets) - 1, f"{len(rows)} rows", f"{len(offsets) - 1}, one for each instance")
    owners = np.repeat(np.arange(len(rows)), np.diff(offsets))
    ascending = (np.diff(labels) > 0) | (np.diff(owners) > 0)
    right = bool(((labels >= 1) & (labels <= LARGEST)).all() and ascending.all())
    require(right, "other labels", f"ascending candidates from 1 to {LARGEST} of each instance")
    inside = bool(((values >= 0) & (values <= 1)).all())
    require(inside, "scores outside [0, 1]", "scores in [0, 1]")

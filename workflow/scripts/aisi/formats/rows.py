"""Digests of instances: whose the rows of a file are, so that rows of different instances are never joined."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from aisi.formats.files import Format, mismatch


def row_digests(image_ids: Iterable[str], instance_ids: Iterable[int], boxes: np.ndarray) -> np.ndarray:
    """Compute a digest of each instance.

    Parameters
    ----------
    image_ids : (N,) str
    instance_ids : (N,) int
    boxes : (N, 4) int
        XYXY.

    Returns
    -------
    (N,) uint64
        The first 8 bytes of a SHA-256.
    """
    rows = zip(image_ids, instance_ids, np.asarray(boxes, np.int64).reshape(-1, 4).tolist(), strict=True)
    digests = [hashlib.sha256(f"{name}\0{number}\0{box}".encode()).digest()[:8] for name, number, box in rows]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def check_rows(path: str | Path, fmt: Format, found: np.ndarray, expected: np.ndarray) -> None:
    """Raise :class:`FormatError` if the rows of a file are not those of the salient instances, in their order.

    Parameters
    ----------
    path : str or Path
    fmt : Format
    found : (N,) uint64
        The digests in the file.
    expected : (M,) uint64
        Those of the salient instances, as from :func:`row_digests`.
    """
    if len(found) != len(expected):
        raise mismatch(path, fmt, f"rows of {len(found)} instances", f"those of {len(expected)} salient instances")
    other = np.flatnonzero(found != expected)
    if len(other):
        raise mismatch(
            path, fmt, f"{len(other)} rows of other instances, the first at row {other[0]}", "the salient instances'"
        )


def check_shards(shards: Iterable[tuple[str | Path, np.ndarray]], fmt: Format, expected: np.ndarray) -> None:
    """Check the rows of several files, one after the other, as :func:`check_rows` does.

    Parameters
    ----------
    shards : iterable of (path, (n,) uint64)
        Files and the digests in them.
    fmt : Format
    expected : (N,) uint64
        Digests of the salient instances of all shards.
    """
    start, path = 0, None
    for path, found in shards:
        check_rows(path, fmt, found, expected[start : start + len(found)])
        start += len(found)
    if path is not None and start != len(expected):
        raise mismatch(path, fmt, f"rows of {start} instances in all shards", f"{len(expected)} salient instances")

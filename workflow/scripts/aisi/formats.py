"""Every file between two stages: its dataclass, how it is written, read and checked.

No other module names an HDF5 key, an npz key or a PNG mode. Each reader checks format and version, and says on a
mismatch which file it is and which rule makes it anew. Writers check what they are given, and write atomically.
"""

import csv
import json
import os
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass

import h5py
import numpy as np
import pandas as pd
from PIL import Image, PngImagePlugin

from aisi.files import atomic

IGNORE = 255
"""Label of pixels that neither train nor count."""
NOISY = 0
"""Label of an instance that is rejected; as a pixel label, background."""

IMAGE_COLUMNS = ["image_id", "path", "width", "height", "keywords", "sha256"]
REJECTED_COLUMNS = ["path", "reason"]
CATEGORY_COLUMNS = ["label", "category_id", "name", "colour"]
TAG_COLUMNS = [
    *("image_id", "instance_id", "x0", "y0", "x1", "y1", "score"),
    *("keywords", "label", "tag", "attention", "margin", "source"),
]
METRIC_COLUMNS = [
    *("assignment", "network", "seed", "task", "split", "protocol", "metric", "category", "value", "n"),
]
REVIEW_CURVE_COLUMNS = [
    *("order", "draw", "share", "seen", "corrected", "n"),
    *("accuracy", "accuracy_objects", "accuracy_multi", "accuracy_alone"),
]
KEYWORD_SEPARATOR = ";"

_RULES = {
    "images": "index_images",
    "rejected_images": "index_images",
    "categories": "index_images",
    "salient_instances": "detect_salient_instances or import_salient_instances",
    "attention": "compute_attention_maps",
    "scores": "compute_scores",
    "features": "compute_features",
    "graph": "build_graph or build_batch_graphs",
    "partition": "solve_partition or solve_baseline",
    "tags": "write_tags",
    "proxy_masks": "write_proxy_masks (of predictions: predict_semantic)",
    "metrics": "the evaluate_ rules",
    "review_curve": "compute_review_curve",
}


class FormatError(ValueError):
    """A file is not what the stage that reads it expects."""


def _mismatch(path, kind, found, expected):
    thing = "folder that holds it" if kind == "partition" else "file"  # what the rule makes, so what Snakemake misses
    return FormatError(
        f"{path}: found {found}, expected {expected}. Delete the {thing} and run the workflow again: "
        f"rule {_RULES[kind]} makes it anew."
    )


def _mismatch_of_masks(path, found, expected):
    return FormatError(
        f"{path}: found {found}, expected {expected}. A file of yours: convert or replace it. One that the workflow "
        f"wrote: delete its folder and run again, {_RULES['proxy_masks']} makes it anew."
    )


# ------------------------------------------------------------------ tables (CSV)


def _write_table(path, table, columns):
    if list(table.columns) != columns:
        raise ValueError(f"{path}: the table has columns {list(table.columns)}, the format asks for {columns}.")
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n", float_format="%.7g")


def _read_table(path, kind, columns, dtypes):
    text = {name: str for name in columns if name not in dtypes}
    try:
        table = pd.read_csv(
            path,
            dtype=text | dtypes,
            index_col=False,
            keep_default_na=False,
            na_values={name: [""] for name in dtypes},
        )
        with open(path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            whole = file.read() == b"\n"
    except (OSError, ValueError) as error:
        raise _mismatch(path, kind, f"a table that cannot be read ({error})", f"columns {columns}") from error
    if not whole:
        raise _mismatch(path, kind, "a file that ends within a line", f"columns {columns}")
    if list(table.columns) != columns:
        raise _mismatch(path, kind, f"columns {list(table.columns)}", f"columns {columns}")
    return table


def write_images(path, images):
    """Write one shard of a split's photos.

    Parameters
    ----------
    path : str or Path
    images : DataFrame
        Columns ``IMAGE_COLUMNS``: image_id (unique), path, width and height in pixels of the EXIF-upright photo,
        keywords (a tuple of names per photo), sha256 of the file's bytes.
    """
    table = images.assign(keywords=[KEYWORD_SEPARATOR.join(names) for names in images["keywords"]])
    twice = table["image_id"][table["image_id"].duplicated()]
    if len(twice):
        raise ValueError(f"{path}: image_id {twice.iloc[0]!r} is there twice.")
    _write_table(path, table, IMAGE_COLUMNS)


def read_images(*paths):
    """Read the photos of one or several shards, one after the other.

    Returns
    -------
    DataFrame
        As in :func:`write_images`; ``keywords`` holds tuples.
    """
    tables = [_read_table(path, "images", IMAGE_COLUMNS, {"width": "int64", "height": "int64"}) for path in paths]
    images = pd.concat(tables, ignore_index=True)
    images["keywords"] = [tuple(text.split(KEYWORD_SEPARATOR)) if text else () for text in images["keywords"]]
    return images


def write_rejected_images(path, rejected):
    """Write the pictures that were left out: columns ``REJECTED_COLUMNS``."""
    _write_table(path, rejected, REJECTED_COLUMNS)


def read_rejected_images(path):
    """Read what :func:`write_rejected_images` wrote."""
    return _read_table(path, "rejected_images", REJECTED_COLUMNS, {})


def write_categories(path, categories):
    """Write the categories: label 1..C (the value in PNGs), category_id (the dataset's own), name, colour (#rrggbb)."""
    if list(categories["label"]) != list(range(1, len(categories) + 1)):
        raise ValueError(f"{path}: labels must be 1..{len(categories)}, found {list(categories['label'])}.")
    if len(categories) > IGNORE - 1:
        raise ValueError(f"{path}: {len(categories)} categories; a palette PNG holds at most {IGNORE - 1}.")
    _write_table(path, categories, CATEGORY_COLUMNS)


def read_categories(path):
    """Read what :func:`write_categories` wrote."""
    return _read_table(path, "categories", CATEGORY_COLUMNS, {"label": "int64", "category_id": "int64"})


def write_tags(path, tags):
    """Write the tag of every instance.

    Parameters
    ----------
    path : str or Path
    tags : DataFrame
        Columns ``TAG_COLUMNS``; keywords is a tuple of names, label 0 and tag ``noisy`` mark a rejected instance,
        attention is p of the tag (eq. 2; empty for noisy), margin is NaN where the solver gives none, source is
        ``solver`` or ``override``.
    """
    _write_table(path, tags.assign(keywords=[KEYWORD_SEPARATOR.join(k) for k in tags["keywords"]]), TAG_COLUMNS)


def read_tags(path):
    """Read what :func:`write_tags` wrote; ``keywords`` holds tuples."""
    numbers = dict.fromkeys(("instance_id", "x0", "y0", "x1", "y1", "label"), "int64")
    numbers |= dict.fromkeys(("score", "attention", "margin"), "float64")
    tags = _read_table(path, "tags", TAG_COLUMNS, numbers)
    tags["keywords"] = [tuple(text.split(KEYWORD_SEPARATOR)) if text else () for text in tags["keywords"]]
    return tags


def write_metrics(path, metrics):
    """Write figures in long form: columns ``METRIC_COLUMNS``, seed and n whole numbers, category ``all`` or a name."""
    _write_table(path, metrics, METRIC_COLUMNS)


def read_metrics(path):
    """Read what :func:`write_metrics` wrote."""
    return _read_table(path, "metrics", METRIC_COLUMNS, {"seed": "Int64", "value": "float64", "n": "int64"})


def write_review_curve(path, curve):
    """Write accuracies after corrections: columns ``REVIEW_CURVE_COLUMNS``.

    order (``margin`` or ``random``) and draw name a sequence of instances, whose first ``share``, ``seen`` of them,
    the person judged, finding ``corrected`` tags wrong; n instances are counted. accuracy_alone: if the corrected
    ones alone change, the others being not solved anew.
    """
    _write_table(path, curve, REVIEW_CURVE_COLUMNS)


def read_review_curve(path):
    """Read what :func:`write_review_curve` wrote."""
    numbers = dict.fromkeys(("draw", "seen", "corrected", "n"), "int64")
    numbers |= dict.fromkeys(("share", *(name for name in REVIEW_CURVE_COLUMNS if "accuracy" in name)), "float64")
    return _read_table(path, "review_curve", REVIEW_CURVE_COLUMNS, numbers)


# ------------------------------------------------------------------ HDF5, one shard of photos each


@contextmanager
def _new_hdf5(path, kind, version):
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format"], file.attrs["version"] = f"aisi/{kind}", version
        yield file


@contextmanager
def _open_hdf5(path, kind, version):
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise _mismatch(path, kind, f"a file that cannot be read ({error})", "HDF5") from error
    with file:
        found = file.attrs.get("format", "no format"), int(file.attrs.get("version", -1))
        if found != (f"aisi/{kind}", version):
            raise _mismatch(path, kind, f"{found[0]} version {found[1]}", f"aisi/{kind} version {version}")
        yield file


def _column(file, name, dtype, width=None):
    """An empty column that grows, chunked by about 64 KiB."""
    tail = () if width is None else (width,)
    itemsize = 8 if dtype in (_TEXT, _BYTES) else np.dtype(dtype).itemsize
    rows = max(1, 65536 // (itemsize * (width or 1)))
    return file.create_dataset(name, (0, *tail), dtype=dtype, maxshape=(None, *tail), chunks=(rows, *tail))


def _extend(column, values):
    if len(values):
        start = len(column)
        column.resize(start + len(values), axis=0)
        column[start:] = values


_TEXT = h5py.string_dtype("utf-8")
_BYTES = h5py.vlen_dtype(np.uint8)


@dataclass(frozen=True)
class SalientInstances:
    """Class-agnostic instances of some photos, in the order of the photos, then of ``instance_id``.

    Attributes
    ----------
    image_ids : (N,) object
        Photo of each instance.
    instance_ids : (N,) int64
        0.. per photo, by descending score.
    boxes : (N, 4) int64
        XYXY, half-open, pixels of the upright photo, tight around the mask.
    scores : (N,) float32
        Objectness in [0, 1].
    masks : list of dict
        COCO compressed RLE of the whole photo: ``{"size": [height, width], "counts": bytes}``.
    """

    image_ids: np.ndarray
    instance_ids: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    masks: list

    def __len__(self):
        return len(self.image_ids)


class SalientInstancesWriter:
    """Appends a photo's instances to a new file; ``with new_salient_instances(path) as writer``."""

    def __init__(self, file):
        self._ids = _column(file, "image_id", _TEXT)
        self._numbers = _column(file, "instance_id", np.int64)
        self._boxes = _column(file, "box", np.int64, 4)
        self._scores = _column(file, "score", np.float32)
        self._sizes = _column(file, "mask_size", np.int64, 2)
        self._counts = _column(file, "mask_counts", _BYTES)

    def append(self, image_id, boxes, scores, masks):
        """Append one photo.

        Parameters
        ----------
        image_id : str
        boxes : (n, 4) int
            XYXY, half-open, inside the photo, not empty.
        scores : (n,) float
            Descending.
        masks : list of dict
            COCO compressed RLE.
        """
        boxes, scores = np.asarray(boxes, np.int64).reshape(-1, 4), np.asarray(scores, np.float32)
        if not len(boxes) == len(scores) == len(masks):
            raise ValueError(f"{image_id}: {len(boxes)} boxes, {len(scores)} scores and {len(masks)} masks.")
        if np.any(np.diff(scores) > 0) or not np.all((scores >= 0) & (scores <= 1)):
            raise ValueError(f"{image_id}: scores must descend and lie in [0, 1], found {scores.tolist()}.")
        sizes = np.array([mask["size"] for mask in masks], np.int64).reshape(-1, 2)
        low, high = boxes[:, :2], boxes[:, 2:]
        fits = np.all((low >= 0) & (low < high) & (high <= sizes[:, ::-1]), axis=1)
        if not fits.all():
            raise ValueError(f"{image_id}: box {boxes[~fits][0].tolist()} is empty or leaves the photo.")
        _extend(self._ids, [image_id] * len(boxes))
        _extend(self._numbers, np.arange(len(boxes)))
        _extend(self._boxes, boxes)
        _extend(self._scores, scores)
        _extend(self._sizes, sizes)
        for mask in masks:
            self._counts.resize(len(self._counts) + 1, axis=0)
            self._counts[-1] = np.frombuffer(mask["counts"], np.uint8)


@contextmanager
def new_salient_instances(path):
    """Give a :class:`SalientInstancesWriter`; the file appears at ``path`` when the block ends well."""
    with _new_hdf5(path, "salient_instances", 1) as file:
        yield SalientInstancesWriter(file)


def read_salient_instances(*paths, masks=True):
    """Read one or several shards, one after the other, as :class:`SalientInstances`.

    ``masks=False`` leaves the masks out, an empty list: most of the file.
    """
    parts = [_read_salient_instances(path, masks) for path in paths]
    ids, numbers, boxes, scores = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("image_ids", "instance_ids", "boxes", "scores")
    )
    return SalientInstances(ids, numbers, boxes, scores, [mask for part in parts for mask in part.masks])


def _read_salient_instances(path, with_masks):
    with _open_hdf5(path, "salient_instances", 1) as file:
        rows = zip(file["mask_size"][:], file["mask_counts"][:], strict=True) if with_masks else ()
        masks = [{"size": size.tolist(), "counts": counts.tobytes()} for size, counts in rows]
        ids = np.asarray(file["image_id"].asstr()[:], object)
        return SalientInstances(ids, file["instance_id"][:], file["box"][:], file["score"][:], masks)


class AttentionWriter:
    """Appends a photo's attention maps to a new file; ``with new_attention(path) as writer``."""

    def __init__(self, file):
        self._ids = _column(file, "image_id", _TEXT)
        self._labels = _column(file, "label", np.int64)
        self._shapes = _column(file, "shape", np.int64, 2)
        self._values = _column(file, "value", np.float16)

    def append(self, image_id, labels, maps):
        """Append one photo.

        Parameters
        ----------
        image_id : str
        labels : (K,) int
            Labels 1..C of the photo's own keywords, ascending.
        maps : (K, h, w) float
            Attention in [0, 1] at the network's stride.
        """
        maps = np.asarray(maps, np.float16)
        if maps.ndim != 3 or len(maps) != len(labels):
            raise ValueError(f"{image_id}: {len(labels)} labels but maps of shape {maps.shape}.")
        if maps.size and not (maps.min() >= 0 and maps.max() <= 1):
            raise ValueError(f"{image_id}: attention must be in [0, 1], found {maps.min()} to {maps.max()}.")
        _extend(self._ids, [image_id] * len(labels))
        _extend(self._labels, np.asarray(labels, np.int64))
        _extend(self._shapes, [maps.shape[1:]] * len(labels))
        _extend(self._values, maps.ravel())


@contextmanager
def new_attention(path):
    """Give an :class:`AttentionWriter`; the file appears at ``path`` when the block ends well."""
    with _new_hdf5(path, "attention", 1) as file:
        yield AttentionWriter(file)


class AttentionMaps:
    """One shard's maps, read a photo at a time; ``with open_attention(path) as maps``."""

    def __init__(self, file):
        ids = file["image_id"].asstr()[:]
        self._labels, self._shapes, self._values = file["label"][:], file["shape"][:], file["value"]
        self._ends = np.cumsum(self._shapes.prod(1))
        self._rows = {}
        for row, image_id in enumerate(ids):
            self._rows.setdefault(image_id, []).append(row)

    def __getitem__(self, image_id):
        """Labels (K,) int64 ascending and maps (K, h, w) float32 of one photo; both empty for an unknown photo."""
        rows = self._rows.get(image_id, [])
        maps = [
            self._values[self._ends[row] - self._shapes[row].prod() : self._ends[row]].reshape(self._shapes[row])
            for row in rows
        ]
        return self._labels[rows], np.asarray(maps, np.float32) if rows else np.zeros((0, 1, 1), np.float32)


@contextmanager
def open_attention(path):
    """Give the :class:`AttentionMaps` of one shard."""
    with _open_hdf5(path, "attention", 1) as file:
        yield AttentionMaps(file)


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
    with _new_hdf5(path, "scores", 1) as file:
        file["offset"] = np.asarray(scores.offsets, np.int64)
        file["label"] = np.asarray(scores.labels, np.int64)
        file["score"] = np.asarray(scores.scores, np.float32)


def read_scores(*paths):
    """Read one or several shards, one after the other, as :class:`Scores`."""
    offsets, labels, scores = [np.zeros(1, np.int64)], [], []
    for path in paths:
        with _open_hdf5(path, "scores", 1) as file:
            offsets.append(file["offset"][1:] + sum(map(len, labels)))
            labels.append(file["label"][:])
            scores.append(file["score"][:])
    return Scores(np.concatenate(offsets), np.concatenate(labels), np.concatenate(scores))


@contextmanager
def new_features(path, dimension):
    """Give a function that appends (n, D) float32 rows; the file appears at ``path`` when the block ends well."""
    with _new_hdf5(path, "features", 1) as file:
        column = _column(file, "feature", np.float32, dimension)
        yield lambda rows: _extend(column, np.asarray(rows, np.float32))


def read_features(*paths):
    """Read (N, D) float32 features of one or several shards; row i belongs to salient instance i."""
    parts = []
    for path in paths:
        with _open_hdf5(path, "features", 1) as file:
            parts.append(file["feature"][:])
    return np.concatenate([part for part in parts if len(part)] or parts[:1])


# ------------------------------------------------------------------ npz


def _write_npz(path, kind, version, **arrays):
    with atomic(path) as temporary:
        np.savez(temporary, format=f"aisi/{kind}", version=version, **arrays)


def _read_npz(path, kind, version):
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:  # TypeError: one array, no archive
        raise _mismatch(path, kind, f"a file that cannot be read ({error})", "npz") from error
    found = str(arrays.pop("format", "no format")), int(arrays.pop("version", -1))
    if found != (f"aisi/{kind}", version):
        raise _mismatch(path, kind, f"{found[0]} version {found[1]}", f"aisi/{kind} version {version}")
    return arrays


@dataclass(frozen=True)
class Graph:
    """Similarity graph over the instances of a split (PAPER §4.1 eq. 5).

    Attributes
    ----------
    edges : (E, 2) int32
        i < j, each once, in ascending order.
    weights : (E,) float32
        cos + 1, in [0, 2].
    n_nodes : int
    batches : (B + 1,) int64
        Nodes of batch b are ``batches[b]:batches[b + 1]``; ``[0, n_nodes]`` for the graph of the whole dataset.
    order : (n_nodes,) int64
        Position of each node in the split's salient instances; 0, 1, .. unless batches are drawn in another order.
    """

    edges: np.ndarray
    weights: np.ndarray
    n_nodes: int
    batches: np.ndarray
    order: np.ndarray


def write_graph(path, graph):
    """Write a :class:`Graph`."""
    edges, weights = np.asarray(graph.edges, np.int32).reshape(-1, 2), np.asarray(graph.weights, np.float32)
    if len(edges) != len(weights):
        raise ValueError(f"{path}: {len(edges)} edges but {len(weights)} weights.")
    if len(edges) and not (np.all(edges[:, 0] < edges[:, 1]) and edges.min() >= 0 and edges.max() < graph.n_nodes):
        raise ValueError(f"{path}: edges must have 0 <= i < j < {graph.n_nodes}.")
    batches, order = np.asarray(graph.batches, np.int64), np.asarray(graph.order, np.int64)
    if not np.array_equal(np.sort(order), np.arange(graph.n_nodes)):
        raise ValueError(f"{path}: order must hold each of 0 to {graph.n_nodes - 1} once.")
    n_nodes = np.int64(graph.n_nodes)
    _write_npz(path, "graph", 1, edges=edges, weights=weights, n_nodes=n_nodes, batches=batches, order=order)


def read_graph(path):
    """Read what :func:`write_graph` wrote."""
    arrays = _read_npz(path, "graph", 1)
    return Graph(**(arrays | {"n_nodes": int(arrays["n_nodes"])}))


@dataclass(frozen=True)
class Partition:
    """The solution of one batch, or of the whole dataset (PAPER §4.3 eq. 8).

    Attributes
    ----------
    instances : (n,) int64
        Positions in the split's salient instances.
    labels : (n,) int64
        0 = noisy.
    objective, bound : float
        bound is NaN where the solver gives none.
    margins : (n,) float64
        NaN where the solver gives none.
    pinned : (n,) bool
        Whether the label was given by an override.
    status, solver : str
    """

    instances: np.ndarray
    labels: np.ndarray
    objective: float
    bound: float
    margins: np.ndarray
    pinned: np.ndarray
    status: str
    solver: str


def write_partition(path, partition):
    """Write a :class:`Partition`."""
    arrays = {name: np.asarray(getattr(partition, name)) for name in Partition.__dataclass_fields__}
    if not len(arrays["instances"]) == len(arrays["labels"]) == len(arrays["margins"]) == len(arrays["pinned"]):
        raise ValueError(f"{path}: instances, labels, margins and pinned differ in length.")
    _write_npz(path, "partition", 1, **arrays)


def read_partition(path):
    """Read what :func:`write_partition` wrote."""
    arrays = _read_npz(path, "partition", 1)
    scalars = {name: arrays[name].item() for name in ("objective", "bound", "status", "solver")}
    return Partition(**(arrays | scalars))


# ------------------------------------------------------------------ label PNGs and COCO JSON


def voc_palette(n_labels=256):
    """PASCAL VOC's colour map, (n_labels, 3) uint8: bit-reversed labels, so that any number of labels differ."""
    labels = np.arange(n_labels)
    colours = np.zeros((n_labels, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= (((labels >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return colours


_MASKS_VERSION = "1"


def write_labels(path, labels):
    """Write a label map as palette PNG.

    Parameters
    ----------
    path : str or Path
    labels : (H, W) int
        0 background, 1..C label, 255 ignore.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or not labels.size or labels.dtype.kind not in "iu":
        raise ValueError(f"{path}: a label map is (H, W) int, found {labels.shape} {labels.dtype}.")
    if labels.min() < 0 or labels.max() > IGNORE:
        raise ValueError(f"{path}: labels are 0 to {IGNORE}, found {labels.min()} to {labels.max()}.")
    image = Image.fromarray(labels.astype(np.uint8), mode="P")
    image.putpalette(voc_palette().tobytes())
    note = PngImagePlugin.PngInfo()
    note.add_text("aisi", f"proxy_masks {_MASKS_VERSION}")
    with atomic(path) as temporary:
        image.save(temporary, pnginfo=note)


def read_labels(path):
    """Read a label map, ours or a dataset's: palette or grey PNG with one byte a pixel.

    Returns
    -------
    (H, W) uint8
    """
    return _read_mask(path, ("P", "L"), "a palette or grey PNG of one byte a pixel").astype(np.uint8)


def read_instance_map(path):
    """Read an instance map of a dataset: palette or grey PNG, also one of 16 bits.

    Returns
    -------
    (H, W) int32
        0 background, 255 void, any other value one instance.
    """
    return _read_mask(path, ("P", "L", "I", "I;16", "I;16B"), "a palette or grey PNG").astype(np.int32)


def _read_mask(path, modes, expected):
    try:
        with Image.open(path) as image:
            image.load()
            mode, note, values = image.mode, image.info.get("aisi"), np.array(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise _mismatch_of_masks(path, f"a file that cannot be read ({error})", expected) from error
    if note not in (None, f"proxy_masks {_MASKS_VERSION}"):
        raise _mismatch_of_masks(path, f"aisi/{note}", f"aisi/proxy_masks {_MASKS_VERSION}")
    if mode not in modes:
        raise _mismatch_of_masks(path, f"a picture of mode {mode}", expected)
    return values


_COCO_NAME = "aisi/proxy_masks"


def write_coco(path, coco):
    """Write COCO instances: a dict with images, categories and annotations (RLE counts as text)."""
    head = {"info": {"description": _COCO_NAME, "version": _MASKS_VERSION}}
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(head | coco, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def read_coco(path):
    """Read COCO instances, ours or a dataset's."""
    coco = _read_json(path)
    missing = [key for key in ("images", "categories", "annotations") if not isinstance(coco, dict) or key not in coco]
    if missing:
        raise _mismatch_of_masks(path, f"no {', '.join(missing)}", "images, categories and annotations")
    info = coco.get("info")
    found = (info.get("description"), info.get("version")) if isinstance(info, dict) else (None, None)
    if found[0] == _COCO_NAME and found[1] != _MASKS_VERSION:
        raise _mismatch_of_masks(path, f"{_COCO_NAME} version {found[1]}", f"version {_MASKS_VERSION}")
    return coco


def write_coco_results(path, results):
    """Write instances as COCO's results, a bare list, so without a version.

    Parameters
    ----------
    path : str or Path
    results : list of dict
        image_id (ours), category_id (the dataset's own), bbox (x, y, width, height), score, segmentation (RLE with
        counts as text).
    """
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(results, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def read_instances(path, categories):
    """Read instances with a tag, photo by photo.

    Parameters
    ----------
    path : str or Path
        As from :func:`write_coco` (proxies) or :func:`write_coco_results` (predictions).
    categories : DataFrame
        As from :func:`read_categories`.

    Returns
    -------
    dict
        image_id to (labels, scores, masks): lists of int 1..C, float and COCO RLE. A photo without instances is not
        there.
    """
    coco = _read_json(path)
    label_of = dict(zip(categories["category_id"], categories["label"], strict=True))
    if isinstance(coco, list):
        image_id_of, annotations = {}, coco
    else:
        coco = read_coco(path)
        image_id_of, annotations = {image["id"]: image["image_id"] for image in coco["images"]}, coco["annotations"]
    found = {}
    try:
        for item in annotations:
            image_id = image_id_of[item["image_id"]] if image_id_of else item["image_id"]
            labels, scores, masks = found.setdefault(image_id, ([], [], []))
            labels.append(label_of[item["category_id"]])
            scores.append(item["score"])
            masks.append(item["segmentation"])
    except (KeyError, TypeError) as error:
        expected = "known image_id and category_id, a score and a segmentation in each"
        raise _mismatch_of_masks(path, f"an instance without or with an unknown {error}", expected) from error
    return found


def read_coco_instances(path):
    """Read class-agnostic instances in COCO's format: a dataset's (images, annotations) or results (a bare list).

    Returns
    -------
    images : list of dict or None
        None for a bare list.
    annotations : list of dict
    """
    coco = _read_json(path)
    whole = isinstance(coco, dict)
    images, annotations = (coco.get("images"), coco.get("annotations")) if whole else (None, coco)
    parts = (images, annotations) if whole else (annotations,)
    if not all(isinstance(part, list) and all(isinstance(entry, dict) for entry in part) for part in parts):
        found = f"keys {sorted(coco)}" if whole else "neither an object nor a list of objects"
        raise _mismatch_of_masks(path, found, "lists images and annotations, or a bare list of results")
    return images, annotations


_COCO_LABELS = ("images", "categories", "annotations", "id", "file_name", "name", "image_id", "category_id")


def read_coco_labels(path):
    """Read a dataset's COCO instances without masks, boxes and sizes, which are dropped while the file is read.

    Returns
    -------
    dict
        Lists of dict: images (id, file_name), categories (id, name), annotations (id, image_id, category_id).
    """
    coco = _read_json(path, lambda entry: {key: entry[key] for key in _COCO_LABELS if key in entry})
    lists = {key: coco.get(key) if isinstance(coco, dict) else None for key in _COCO_LABELS[:3]}
    wrong = [
        key
        for key, entries in lists.items()
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries)
    ]
    if wrong:
        raise _mismatch_of_masks(path, f"no list of objects {' and '.join(wrong)}", ", ".join(lists))
    return lists


def _read_json(path, object_hook=None):
    try:
        with open(path, encoding="utf-8-sig") as file:
            return json.load(file, object_hook=object_hook)
    except (OSError, ValueError, RecursionError) as error:
        raise _mismatch_of_masks(path, f"a file that cannot be read ({error})", "COCO JSON") from error

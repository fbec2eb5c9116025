"""The review page: what a person needs to check the tag of each instance, as data for workflow/report/review.

No kept library shows and corrects tags of instances in a page that opens from disk.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from contourpy import contour_generator
from matplotlib.path import Path as Polyline
from PIL import Image

from aisi.files import atomic
from aisi.formats.dataset import Categories
from aisi.formats.graph import Graph
from aisi.formats.scores import Scores
from aisi.masks import decode

PAGE = Path(__file__).parents[3] / "report" / "review"
"""Folder of the page's own files, the same for every run."""
UNITS = 1000
"""Length of a photo's longer side in the coordinates of outlines."""
CELLS = 96
"""Largest side, in cells, of the grid in which an instance is outlined."""
NEIGHBOURS = 6
"""Largest number of neighbours that the page shows for an instance: those of the heaviest edges."""


def thumbnail(shard: int, row: int) -> str:
    """Path of the thumbnail of the photo in this row of the shard's table, relative to the page's folder."""
    return f"thumbnails/shard_{shard}/{row}.jpg"


def shrink(photo: np.ndarray, longest_side: int) -> Image.Image:
    """Shrink a photo, (H, W, 3) uint8, until no side is longer than ``longest_side`` pixels."""
    small = Image.fromarray(photo)
    small.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    return small


def outline(mask: dict[str, Any], box: Sequence[int] | np.ndarray) -> str:
    """Outline of an instance as an SVG path, in ``UNITS`` of the photo's longer side.

    Parameters
    ----------
    mask : dict
        COCO compressed RLE.
    box : (4,) int
        XYXY, half-open, tight around the mask.

    Returns
    -------
    str
        Closed polygons, also of holes, in relative whole numbers. They follow the mask to about a hundredth of the
        box's longer side, or to one pixel if that is more. Parts of less than two cells are left out.
    """
    x0, y0, x1, y1 = (int(side) for side in box)
    inside = Image.fromarray(decode(mask)[y0:y1, x0:x1] * np.uint8(255))
    cells = max(1.0, max(inside.size) / CELLS)  # pixels a cell
    inside = inside.resize([max(1, round(side / cells)) for side in inside.size], Image.Resampling.BOX)
    lines = contour_generator(z=np.pad(np.asarray(inside, float), 1), corner_mask=False).lines(127.5)
    scale = UNITS / max(mask["size"])
    steps = np.array([(x1 - x0) / inside.width, (y1 - y0) / inside.height])
    parts = [_polygon(((_simplified(line) - 0.5) * steps + (x0, y0)) * scale) for line in lines]
    return "".join(parts)


def _simplified(line):
    """Leave out points that are within about half a cell of the line through the others."""
    line = Polyline(line)
    line.simplify_threshold = 0.5
    return line.cleaned(simplify=True).vertices[:-1]  # the last vertex only marks the end


def _polygon(points):
    points = np.rint(points).astype(int)
    points = points[np.any(np.diff(points, axis=0, prepend=points[-1:]) != 0, axis=1)]
    if len(points) < 3:
        return ""
    (x, y), steps = points[0], np.diff(points, axis=0).ravel()
    return f"M{x} {y}l" + " ".join(map(str, steps)).replace(" -", "-") + "z"


def nearest(graph: Graph, n: int = NEIGHBOURS) -> list[list[list[float]]]:
    """Find the heaviest edges of each instance.

    Parameters
    ----------
    graph : Graph
    n : int

    Returns
    -------
    list of list of [int, float]
        For each instance of the split at most n neighbours: position and cosine, the most similar first.
    """
    ends = graph.order[np.concatenate([graph.edges, graph.edges[:, ::-1]])]
    weights = np.tile(graph.weights, 2)
    ranked = np.lexsort((ends[:, 1], -weights, ends[:, 0]))
    ends, cosines = ends[ranked], weights[ranked].astype(float) - 1
    bounds = np.searchsorted(ends[:, 0], np.arange(graph.n_nodes + 1))
    pairs = [[int(other), round(cosine, 3)] for other, cosine in zip(ends[:, 1], cosines, strict=True)]
    return [pairs[start : min(start + n, end)] for start, end in zip(bounds[:-1], bounds[1:], strict=True)]


def review_data(
    name: str,
    assignment: str,
    shards: Sequence[pd.DataFrame],
    categories: Categories,
    tags: pd.DataFrame,
    scores: Scores,
    graph: Graph,
    outlines: list[str],
) -> dict[str, Any]:
    """Collect what the page shows.

    Parameters
    ----------
    name, assignment : str
        Name of the dataset, and of the assignment of the tags.
    shards : list of DataFrame
        Photos of each shard.
    categories : Categories
    tags : DataFrame
    scores : Scores
    graph : Graph
    outlines : list of str
        As from :func:`outline`, in the order of ``tags``.

    Returns
    -------
    dict
        ``run``, ``name``, ``assignment``, ``units``, ``categories``, and parallel lists for ``photos`` and for
        ``instances``. ``run`` is a digest of the instances: if only tags change, the page keeps its corrections.
        ``given``: the tag was an override. ``attention``: one score for each keyword of the photo, in their order.
        ``margin``: null if unknown, a text if infinite.

    Raises
    ------
    ValueError
        If the tables belong to different instances.
    """
    n = len(tags)
    if not n == len(outlines) == len(scores.offsets) - 1 == graph.n_nodes:
        raise ValueError(
            f"{n} tags, {len(outlines)} salient instances, {len(scores.offsets) - 1} scores and a graph of "
            f"{graph.n_nodes} nodes. They belong to different instances: delete the tags and run the workflow again."
        )
    coloured = zip(categories.names, categories.colours, strict=True)
    shown_categories = [{"name": name, "colour": colour} for name, colour in coloured]
    rows: list[Any] = [
        (photo, shard, row) for shard, table in enumerate(shards) for row, photo in enumerate(table.itertuples())
    ]
    photos: dict[str, list[Any]] = {
        "id": [photo.image_id for photo, *_ in rows],
        "thumbnail": [thumbnail(shard, row) for _, shard, row in rows],
        "width": [photo.width for photo, *_ in rows],
        "height": [photo.height for photo, *_ in rows],
        "keywords": [sorted(categories.label_of[word] for word in photo.keywords) for photo, *_ in rows],
    }
    number = {image_id: position for position, image_id in enumerate(photos["id"])}
    attention = np.split(np.round(scores.scores.astype(float), 3), scores.offsets[1:-1])
    instances = {
        "photo": [number[image_id] for image_id in tags["image_id"]],
        "id": tags["instance_id"].tolist(),
        "box": tags[["x0", "y0", "x1", "y1"]].to_numpy().tolist(),
        "score": tags["score"].round(3).tolist(),
        "label": tags["label"].tolist(),
        "given": (tags["source"] == "override").astype(int).tolist(),
        "margin": [_margin(value) for value in tags["margin"].tolist()],
        "attention": [values.tolist() for values in attention][:n],
        "near": nearest(graph),
        "outline": outlines,
    }
    key = [
        name,
        assignment,
        shown_categories,
        photos["id"],
        photos["keywords"],
        *(instances[k] for k in ("photo", "id", "box")),
    ]
    run = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    head = {"run": run, "name": name, "assignment": assignment, "units": UNITS, "categories": shown_categories}
    return head | {"photos": photos, "instances": instances}


def _margin(value):
    if np.isnan(value):
        return None
    return float(f"{value:.4g}") if np.isfinite(value) else "Infinity"


def write_data(path: str | Path, data: dict[str, Any]) -> None:
    """Write the data as a script with one quoted text, because a page that opens from disk cannot fetch JSON."""
    text = json.dumps(json.dumps(data, separators=(",", ":"), allow_nan=False))
    with atomic(path) as temporary:
        temporary.write_text(f"const REVIEW = JSON.parse({text});\n", encoding="ascii")


def write_page(*paths: str | Path) -> None:
    """Copy the page's own files that have the names of these paths."""
    for path in paths:
        with atomic(path) as temporary:
            temporary.write_bytes((PAGE / Path(path).name).read_bytes())

"""The review page: every instance with what a person needs to judge its tag, as data for workflow/report/review."""

import hashlib
import json
from pathlib import Path

import numpy as np
from contourpy import contour_generator
from matplotlib.path import Path as Polyline
from PIL import Image

from aisi.files import atomic
from aisi.masks import decode

PAGE = Path(__file__).parents[3] / "report" / "review"
"""The page's own files, the same for every run."""
UNITS = 1000
"""Length of a photo's longer side in the outlines' coordinates."""
CELLS = 96
"""Largest side, in cells, of the grid in which an instance is outlined."""
NEIGHBOURS = 6
"""Neighbours shown of each instance, at most: those of the heaviest edges."""


def thumbnail(shard, row):
    """Path below the page's folder of the thumbnail of a shard's photo, by its row in the shard's table."""
    return f"thumbnails/shard_{shard}/{row}.jpg"


def shrink(photo, longest):
    """Shrink a photo (H, W, 3) uint8 to a picture no side of which is longer than ``longest`` pixels."""
    picture = Image.fromarray(photo)
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return picture


def outline(mask, box):
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
        Closed polygons, their holes too, in relative whole numbers. They follow the mask to about a hundredth of the
        box's longer side, or to a pixel where that is more; parts of less than two cells are left out.
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
    """Leave points out that lie within about half a cell of the line through the others."""
    line = Polyline(line)
    line.simplify_threshold = 0.5
    return line.cleaned(simplify=True).vertices[:-1]  # the last one marks the end


def _polygon(points):
    points = np.rint(points).astype(int)
    points = points[np.any(np.diff(points, axis=0, prepend=points[-1:]) != 0, axis=1)]
    if len(points) < 3:
        return ""
    (x, y), steps = points[0], np.diff(points, axis=0).ravel()
    return f"M{x} {y}l" + " ".join(map(str, steps)).replace(" -", "-") + "z"


def nearest(graph, n=NEIGHBOURS):
    """The heaviest edges of each instance.

    Parameters
    ----------
    graph : Graph
    n : int

    Returns
    -------
    list of list of [int, float]
        For each instance of the split its neighbours, at most n, as position and cosine; the most similar first.
    """
    ends = graph.order[np.concatenate([graph.edges, graph.edges[:, ::-1]])]
    weights = np.tile(graph.weights, 2)
    ranked = np.lexsort((ends[:, 1], -weights, ends[:, 0]))
    ends, cosines = ends[ranked], weights[ranked].astype(float) - 1
    bounds = np.searchsorted(ends[:, 0], np.arange(graph.n_nodes + 1))
    pairs = [[int(other), round(cosine, 3)] for other, cosine in zip(ends[:, 1], cosines, strict=True)]
    return [pairs[start : min(start + n, end)] for start, end in zip(bounds[:-1], bounds[1:], strict=True)]


def review_data(name, assignment, shards, categories, tags, scores, graph, outlines):
    """What the page shows.

    Parameters
    ----------
    name, assignment : str
        Of the dataset, and whose tags they are.
    shards : list of DataFrame
        Photos of each shard.
    categories : Categories
    tags : DataFrame
    scores : Scores
    graph : Graph
    outlines : list of str
        Of every instance, in the order of ``tags``.

    Returns
    -------
    dict
        run (a digest of the instances: tags may change, the page's memory stays), name, assignment, units, categories,
        and parallel lists over photos and over instances. given: the tag was an override. attention: of the photo's
        keywords in their order. margin: null where there is none, a text where it is infinite.

    Raises
    ------
    ValueError
        If the tables are of different instances.
    """
    n = len(tags)
    if not n == len(outlines) == len(scores.offsets) - 1 == graph.n_nodes:
        raise ValueError(
            f"{n} tags, {len(outlines)} salient instances, {len(scores.offsets) - 1} scores and a graph of "
            f"{graph.n_nodes} nodes. They belong to different instances: delete the tags and run the workflow again."
        )
    coloured = zip(categories.names, categories.colours, strict=True)
    kinds = [{"name": name, "colour": colour} for name, colour in coloured]
    rows = [(photo, shard, row) for shard, table in enumerate(shards) for row, photo in enumerate(table.itertuples())]
    photos = {
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
    key = [name, assignment, kinds, photos["id"], photos["keywords"], *(instances[k] for k in ("photo", "id", "box"))]
    run = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    head = {"run": run, "name": name, "assignment": assignment, "units": UNITS, "categories": kinds}
    return head | {"photos": photos, "instances": instances}


def _margin(value):
    if np.isnan(value):
        return None
    return float(f"{value:.4g}") if np.isfinite(value) else "Infinity"


def write_data(path, data):
    """Write the data as a script, since a page on disk may not fetch JSON; all of it is one quoted text."""
    text = json.dumps(json.dumps(data, separators=(",", ":"), allow_nan=False))
    with atomic(path) as temporary:
        temporary.write_text(f"const REVIEW = JSON.parse({text});\n", encoding="ascii")


def write_page(*paths):
    """Copy the page's own files of these names."""
    for path in paths:
        with atomic(path) as temporary:
            temporary.write_bytes((PAGE / Path(path).name).read_bytes())

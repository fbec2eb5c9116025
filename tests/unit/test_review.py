"""Data of the review page; tests/browser opens the page itself."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw
from pycocotools import mask as rle

from aisi.formats.dataset import Categories
from aisi.formats.graph import Graph
from aisi.formats.scores import Scores
from aisi.formats.tags import TAG_COLUMNS
from aisi.report.review_page import (
    NEIGHBOURS,
    PAGE,
    UNITS,
    nearest,
    outline,
    review_data,
    shrink,
    write_data,
    write_page,
)

CATEGORIES = Categories(("cat", "</script>"), (7, 8), ("#ff0000", "#00ff00"))


def outlined(mask):
    box = rle.toBbox(rle.encode(np.asfortranarray(mask, np.uint8))).astype(int)
    x, y, width, height = box
    return outline(rle.encode(np.asfortranarray(mask, np.uint8)), [x, y, x + width, y + height])


def polygons(path):
    """Points of an SVG path of M, l and z."""
    found = []
    for start, steps in re.findall(r"M(-?\d+ -?\d+)l([^z]*)z", path):
        steps = np.array(re.findall(r"-?\d+", steps), int).reshape(-1, 2)
        found.append(np.cumsum([[int(value) for value in start.split()], *steps], axis=0))
    return found


def filled(path, shape):
    """The mask that a path encloses, holes left out."""
    scale = max(shape) / UNITS
    mask = np.zeros(shape, bool)
    for points in polygons(path):
        image = Image.new("1", shape[::-1])
        ImageDraw.Draw(image).polygon([tuple(point) for point in points * scale - 0.5], fill=1)
        mask ^= np.asarray(image)
    return mask


def iou(one, two):
    return (one & two).sum() / (one | two).sum()


ROWS, COLUMNS = np.indices((300, 400))
DISC = (ROWS - 120) ** 2 + (COLUMNS - 250) ** 2 < 90**2
RING = DISC & ~((ROWS - 120) ** 2 + (COLUMNS - 250) ** 2 < 45**2)
TWO = (abs(ROWS - 50) < 30) & (abs(abs(COLUMNS - 200) - 100) < 40)
EDGES = ROWS + COLUMNS > 350
SMALL = (ROWS > 100) & (ROWS < 110) & (COLUMNS > 3) & (COLUMNS < 12) & (ROWS - COLUMNS > 95)


@pytest.mark.parametrize("mask", [DISC, RING, TWO, EDGES, SMALL], ids=["disc", "ring", "two", "edges", "small"])
def test_outline_follows_the_mask(mask):
    path = outlined(mask)
    assert iou(filled(path, mask.shape), mask) > (0.75 if mask is SMALL else 0.96)
    assert len(path) < 700
    assert len(polygons(path)) == (2 if mask is RING or mask is TWO else 1)


def test_outline_of_a_pixel_and_of_a_whole_photo():
    pixel = np.zeros((20, 30), bool)
    pixel[4, 5] = True
    assert len(polygons(outlined(pixel))) == 1
    assert iou(filled(outlined(np.ones((20, 30), bool)), (20, 30)), np.ones((20, 30), bool)) > 0.9


def test_nearest():
    edges = np.array([[0, 1], [0, 2], [1, 2], [0, 3]])
    graph = Graph(edges, np.array([1.5, 1.75, 1.25, 1.75], np.float32), 5, np.array([0, 5]), np.array([4, 1, 2, 3, 0]))
    found = nearest(graph, 2)
    assert found == [[], [[4, 0.5], [2, 0.25]], [[4, 0.75], [1, 0.25]], [[4, 0.75]], [[2, 0.75], [3, 0.75]]]
    assert max(map(len, nearest(graph))) <= NEIGHBOURS


def test_nearest_without_edges():
    none = np.zeros((0, 2), np.int32)
    assert nearest(Graph(none, np.zeros(0, np.float32), 2, np.array([0, 2]), np.arange(2))) == [[], []]
    assert nearest(Graph(none, np.zeros(0, np.float32), 0, np.array([0, 0]), np.arange(0))) == []


def photos(*ids):
    columns = {"image_id": ids, "path": ids, "width": 40, "height": 30, "keywords": [("cat", "</script>")] * len(ids)}
    return pd.DataFrame(columns)


def row(image_id, number, label, margin, source="solver"):
    tag = CATEGORIES.name_of[label]
    return [image_id, number, 0, 0, 4, 3, 0.5, ("cat",), label, tag, 0.5, margin, source]


ROWS_OF_TAGS = [row("b'\\", 0, 1, 0.123456), row("b'\\", 1, 0, np.inf), row("é", 0, 2, np.nan, "override")]


def data(rows=ROWS_OF_TAGS, labels=None):
    tags, n = pd.DataFrame(rows, columns=TAG_COLUMNS), len(rows)
    tags = tags if labels is None else tags.assign(label=labels)
    scores = Scores(np.arange(n + 1) * 2, np.tile([1, 2], n), np.full(2 * n, 0.25, np.float32))
    graph = Graph(np.zeros((0, 2), int), np.zeros(0), n, np.array([0, n]), np.arange(n))
    return review_data("x", "partition", [photos("a"), photos("b'\\", "é")], CATEGORIES, tags, scores, graph, ["M"] * n)


def test_data():
    found = data()
    assert found["photos"]["thumbnail"] == [f"thumbnails/shard_{name}.jpg" for name in ("0/0", "1/0", "1/1")]
    assert found["photos"]["keywords"] == [[1, 2]] * 3
    instances = found["instances"]
    assert instances["photo"] == [1, 1, 2] and instances["given"] == [0, 0, 1]
    assert instances["margin"] == [0.1235, "Infinity", None]
    assert instances["attention"] == [[0.25, 0.25]] * 3
    assert {len(values) for values in instances.values()} == {3}


def test_no_instances():
    found = data([])
    assert set(map(len, found["instances"].values())) == {0} and len(found["photos"]["id"]) == 3


def test_the_run_is_told_by_its_instances_not_by_its_tags():
    assert data()["run"] == data(labels=[2, 2, 1])["run"]
    assert data()["run"] != data(ROWS_OF_TAGS[:2])["run"]


def test_other_instances_are_refused():
    tags = pd.DataFrame(ROWS_OF_TAGS, columns=TAG_COLUMNS)
    scores = Scores(np.arange(4), np.ones(3, int), np.zeros(3))
    graph = Graph(np.zeros((0, 2), int), np.zeros(0), 3, np.array([0, 3]), np.arange(3))
    with pytest.raises(ValueError, match="3 tags, 2 salient instances, 3 scores and a graph of 3 nodes"):
        review_data("x", "partition", [photos("b'\\", "é")], CATEGORIES, tags, scores, graph, ["M"] * 2)


def test_files(tmp_path):
    for name in ("data.js", "again.js"):
        write_data(tmp_path / name, data())
    text = (tmp_path / "data.js").read_text("ascii")
    assert text == (tmp_path / "again.js").read_text("ascii")
    literal = text.removeprefix("const REVIEW = JSON.parse(").removesuffix(");\n")
    assert json.loads(json.loads(literal)) == json.loads(json.dumps(data()))
    write_page(tmp_path / "index.html")
    assert (tmp_path / "index.html").read_bytes() == (PAGE / "index.html").read_bytes()


def test_the_page_asks_nothing_of_a_network():
    text = "".join(path.read_text() for path in sorted(PAGE.iterdir()))
    assert set(re.findall(r"\w+://[^\s\"'`]+", text)) == {"http://www.w3.org/2000/svg"}  # the name of a vocabulary
    assert not re.search(r"innerHTML|insertAdjacent|document\.write|eval\(|fetch\(|XMLHttp|import\(", text)


def test_shrink():
    assert shrink(np.zeros((300, 400, 3), np.uint8), 100).size == (100, 75)
    assert shrink(np.zeros((30, 40, 3), np.uint8), 100).size == (40, 30)

"""Draw how data flows through the workflow, the picture of docs/architecture.md.

    python tools/draw_architecture.py               # writes docs/images/architecture.svg

Equal versions of matplotlib give equal bytes: the file holds no date, and text stays text.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "architecture.svg"
WIDTH, HEIGHT = 2.6, 0.62
"""Size of a box, in the units of its position."""
COLOURS = {"input": "#e8e8e8", "stage": "#d6e6f5", "truth": "#f7ddd0"}


@dataclass(frozen=True)
class Box:
    """A box: its centre, what is done there, the files below ``results/`` that it writes, and its colour."""

    x: float
    y: float
    title: str
    files: str
    colour: str = "stage"


BOXES = {
    "photos": Box(3, 8, "photos", "dataset.root", "input"),
    "keywords": Box(6, 8, "keywords", "the only supervision", "input"),
    "masks": Box(9.4, 3, "true masks", "optional", "truth"),
    "index": Box(4.5, 7, "check and index", "images/, categories.csv"),
    "salient_data": Box(0, 6, "photos with masks", "other data, no categories", "input"),
    "salient": Box(3, 6, "find salient instances", "salient_instances/"),
    "attention": Box(6, 6, "compute attention maps", "attention/"),
    "single_data": Box(0, 5, "photos of single objects", "other data", "input"),
    "features": Box(3, 5, "compute features", "features/"),
    "scores": Box(6, 5, "average attention", "scores/"),
    "graph": Box(3, 4, "build the graph", "graph/"),
    "partition": Box(4.5, 3, "partition the graph", "partition/, tags/"),
    "proxies": Box(4.5, 2, "write proxy masks", "proxy_masks/"),
    "segmenters": Box(4.5, 1, "train segmenters", "semantic/, instance/"),
    "reference": Box(9.4, 4, "make reference rows", "reference/", "truth"),
    "evaluation": Box(9.4, 2, "evaluate", "metrics.csv", "truth"),
    "report": Box(9.4, 1, "write the report", "report/, results.md", "truth"),
}
ARROWS = [
    ("photos", "index"),
    ("keywords", "index"),
    ("index", "salient"),
    ("index", "attention"),
    ("salient_data", "salient"),
    ("salient", "features"),
    ("salient", "scores"),
    ("single_data", "features"),
    ("attention", "scores"),
    ("features", "graph"),
    ("graph", "partition"),
    ("scores", "partition"),
    ("partition", "proxies"),
    ("proxies", "segmenters"),
    ("masks", "reference"),
    ("masks", "evaluation"),
    ("partition", "evaluation"),
    ("proxies", "evaluation"),
    ("segmenters", "evaluation"),
    ("evaluation", "report"),
]
"""From the box that writes a file to the box that reads it."""


def border(box, other):
    """The point (x, y) on a box's border towards another box."""
    dx, dy = other.x - box.x, other.y - box.y
    scale = min(WIDTH / 2 / abs(dx) if dx else 1, HEIGHT / 2 / abs(dy) if dy else 1)
    return box.x + dx * scale, box.y + dy * scale


def draw():
    """Return the figure."""
    figure = Figure(figsize=(9.6, 6.4))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-1.5, 10.9), ylim=(0.5, 8.5))
    axes.set_axis_off()
    for start, end in ARROWS:
        one, two = BOXES[start], BOXES[end]
        arrow = {"arrowstyle": "-|>", "color": "#555555", "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", xy=border(two, one), xytext=border(one, two), arrowprops=arrow)
    for box in BOXES.values():
        corner = box.x - WIDTH / 2, box.y - HEIGHT / 2
        style = {"boxstyle": "round,pad=0,rounding_size=0.08", "facecolor": COLOURS[box.colour], "edgecolor": "#555555"}
        axes.add_patch(FancyBboxPatch(corner, WIDTH, HEIGHT, **style))
        axes.text(box.x, box.y + 0.12, box.title, ha="center", va="center", size=9, weight="bold")
        axes.text(box.x, box.y - 0.14, box.files, ha="center", va="center", size=8, color="#333333")
    return figure


def main(path):
    """Write the picture."""
    with matplotlib.rc_context({"svg.hashsalt": "aisi", "svg.fonttype": "none", "font.family": "sans-serif"}):
        draw().savefig(path, format="svg", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main(*sys.argv[1:] or [PICTURE])

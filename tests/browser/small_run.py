"""What the review page and the solver read of a run, made in a moment: discs and squares on plain photos."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from pycocotools import mask as rle

import solve_partition
import write_review
import write_tags
import write_thumbnails
from aisi.formats.dataset import IMAGE_COLUMNS, Categories, write_categories, write_images
from aisi.formats.graph import Graph, write_graph
from aisi.formats.instances import new_salient_instances, read_salient_instances
from aisi.formats.scores import Scores, write_scores
from aisi.formats.tags import read_tags
from aisi.partition.tags import Objective

CATEGORIES = ["disc", "<b>square</b> & \"quoted\", 'too'"]
COLOURS = {0: (200, 60, 60), 1: (60, 60, 200)}
SIZE = (72, 96)


class SmallRun:
    """Photos with a disc and a square each, both keywords; similar shapes are joined. ``results`` is laid out as usual.

    Parameters
    ----------
    folder : Path
    n_photos : int
        0 is fine.
    """

    def __init__(self, folder, n_photos=12):
        self.folder, self.n_photos = Path(folder), n_photos
        results = self.folder / "results"
        self.images, self.categories = results / "images.csv", results / "categories.csv"
        self.instances, self.scores, self.graph = results / "instances.h5", results / "scores.h5", results / "graph.npz"
        self.tags, self.page = results / "tags.csv", results / "review" / "index.html"
        write_categories(self.categories, Categories(tuple(CATEGORIES), (1, 2), ("#cc3333", "#3333cc")))
        self._write_photos()
        self._write_graph()

    def image_id(self, number):
        """Ids as people have them: spaces, commas, quotes, markup, other scripts."""
        return f'{number}, <i>"写真"</i> & more'

    def _write_photos(self):
        rows = []
        with new_salient_instances(self.instances) as instances:
            for number in range(self.n_photos):
                photo, masks = np.full((*SIZE, 3), 220 - number % 12 * 8, np.uint8), shapes(number)
                for kind, mask in enumerate(masks):
                    photo[mask] = COLOURS[kind]
                path = self.folder / "photos" / f"{number}.png"
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(photo).save(path)
                rows.append([self.image_id(number), str(path), SIZE[1], SIZE[0], tuple(CATEGORIES), "0"])
                codes = [rle.encode(np.asfortranarray(mask, np.uint8)) for mask in masks]
                boxes = [rle.toBbox(code) for code in codes]
                boxes = [[x, y, x + width, y + height] for x, y, width, height in boxes]
                instances.append(self.image_id(number), boxes, [0.9, 0.5], codes)
        write_images(self.images, pd.DataFrame(rows, columns=IMAGE_COLUMNS))

    def _write_graph(self):
        n = 2 * self.n_photos
        p = np.random.default_rng(0).uniform(0.2, 0.8, (n, 2))
        rows = read_salient_instances(self.instances).rows
        write_scores(self.scores, Scores(np.arange(n + 1) * 2, np.tile([1, 2], n), p.ravel()), rows)
        edges = [(i, i + 2) for i in range(n - 2)] + [(i, i + 4) for i in range(n - 4)]
        weights = np.linspace(1.2, 1.9, len(edges))
        graph = Graph(np.array(edges).reshape(-1, 2), weights, n, np.array([0, n]), np.arange(n))
        write_graph(self.graph, graph, rows)

    def solve(self, overrides=None, stale="stop"):
        """Partition, and write the tags; returns them."""
        read = {"scores": [self.scores], "categories": self.categories}
        solved = self.folder / "results" / "partition"
        options = {"solver": "message_passing", "gap": 1e-6, "time_limit": None}
        solve_partition.main(
            **read,
            objective=Objective(beta=1.0, balance_categories=0.0, objectness_weight=0.0),
            r=0.9,
            options=options,
            graph=self.graph,
            instances=[self.instances],
            objectness=[],
            overrides=overrides,
            stale=stale,
            jobs=1,
            job=0,
            output=solved,
        )
        write_tags.main(
            partition_folders=[solved],
            salient_instances_paths=[self.instances],
            scores_paths=[self.scores],
            images_paths=[self.images],
            categories_path=self.categories,
            tags_path=self.tags,
        )
        return read_tags(self.tags)

    def write_page(self):
        """Write the review page with its thumbnails; returns its path."""
        home = self.page.parent
        write_thumbnails.main(self.images, None, 96, home / "thumbnails" / "shard_0")
        write_review.main(
            images_paths=[self.images],
            salient_instances_paths=[self.instances],
            scores_paths=[self.scores],
            graph_path=self.graph,
            tags_path=self.tags,
            categories_path=self.categories,
            name="<script>alert(1)</script>",
            assignment="partition",
            command="snakemake --cores all masks --directory 'runs/<b>'",
            data_path=home / "data.js",
            page_paths=[self.page, home / "review.css", home / "review.js"],
        )
        return self.page


def shapes(number):
    """A disc and a square with a hole, (H, W) bool each."""
    rows, columns = np.indices(SIZE)
    disc = (rows - 30) ** 2 + (columns - 24 - number % 5) ** 2 < (10 + number % 8) ** 2
    square = (
        (abs(rows - 36) < 20)
        & (abs(columns - 70) < 12 + number % 6)
        & ~((abs(rows - 36) < 5) & (abs(columns - 70) < 5))
    )
    return disc, square

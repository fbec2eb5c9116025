"""Examples in the report: a photo and the results of each stage, side by side."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import ImageColor
from scipy import ndimage

from aisi.formats.dataset import Categories
from aisi.formats.masks import voc_palette
from aisi.labels import IGNORE, NOISY
from aisi.masks import Rle, area, decode
from aisi.proxy_masks import TaggedPhoto

WHITE = (255, 255, 255)
"""Colour of noisy instances and of pixels with label 255."""
LONGEST_SIDE = 360
"""Longest side of a photo in the report, in pixels."""
WORD: dict[str, Any] = {
    **{"color": "white", "fontsize": 6, "ha": "center", "va": "center"},
    "bbox": {"facecolor": "black", "alpha": 0.6, "pad": 1, "linewidth": 0},
}

"""How a word in a panel looks."""

Word = tuple[float, float, str]
"""A word and its place, x and y as shares of the photo's sides."""
Panel = tuple[Any, list[Word]]
"""A picture, (h, w, 3) uint8 or None, and the words on it."""


def choose_examples(images: pd.DataFrame, n: int) -> pd.DataFrame:
    """Choose photos at even steps from a split: from those with two or more keywords, if there are n of them.

    Parameters
    ----------
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    n : int

    Returns
    -------
    DataFrame
        At most n rows, by ascending image_id.
    """
    images = images.sort_values("image_id")
    several = images["keywords"].map(len) >= 2
    pool = images[several] if several.sum() >= n else images
    return pool.iloc[np.unique(np.linspace(0, len(pool) - 1, min(n, len(pool))).round().astype(int))]


def choose_extremes(
    images: pd.DataFrame, ious: Sequence[float], tags: pd.DataFrame, n: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose the photos with the best and the worst proxy masks, and among the others the least certain tags.

    Parameters
    ----------
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    ious : (len(images),) float
        IoU of the proxy mask of each photo.
    tags : DataFrame
        As from :func:`aisi.formats.tags.read_tags`. The certainty of a photo is the smallest margin of its tagged
        instances.
    n : int
        Number of photos of each kind.

    Returns
    -------
    images : DataFrame
        The best, the worst, the least certain; at most 3 n rows, no photo twice.
    notes : DataFrame
        Columns image_id and note, the reason for the choice.
    """
    margins = tags[tags["label"] != NOISY].groupby("image_id")["margin"].min()
    photos = images.assign(iou=ious, margin=images["image_id"].map(margins)).sort_values("image_id")
    ranked = photos.sort_values("iou", ascending=False, kind="stable")
    best, worst = ranked[:n], ranked[n:][::-1][:n]
    others = photos[~photos["image_id"].isin([*best["image_id"], *worst["image_id"]])]
    unsure = others.dropna(subset="margin").sort_values("margin", kind="stable")[:n]
    notes = [f"best: IoU {iou:.2f}" for iou in best["iou"]] + [f"worst: IoU {iou:.2f}" for iou in worst["iou"]]
    notes += [f"least certain: margin {row.margin:.2g}, IoU {row.iou:.2f}" for row in unsure.itertuples()]
    chosen = pd.concat([best, worst, unsure])
    return chosen[images.columns], pd.DataFrame({"image_id": chosen["image_id"], "note": notes})


def label_colours(categories: Categories) -> np.ndarray:
    """Colours of labels 0..255, (256, 3) uint8: the colours of the categories, white for 255."""
    colours = voc_palette()
    for label, colour in zip(categories.labels, categories.colours, strict=True):
        colours[label] = ImageColor.getrgb(colour)
    colours[IGNORE] = WHITE
    return colours


def shrink(array: np.ndarray) -> np.ndarray:
    """Take every k-th pixel of a photo or label map, (H, W, ...), so that no side is longer than ``LONGEST_SIDE``."""
    step = -(-max(array.shape[:2]) // LONGEST_SIDE)
    return array[::step, ::step]


def overlay(photo: np.ndarray, labels: np.ndarray, colours: np.ndarray, opacity: float = 0.6) -> np.ndarray:
    """Blend a label map over a photo, with white outlines. Background stays as it is, 255 is hatched.

    Parameters
    ----------
    photo : (H, W, 3) uint8
    labels : (H, W) uint8
    colours : (256, 3) uint8
    opacity : float

    Returns
    -------
    (h, w, 3) uint8
        Shrunk as by :func:`shrink`.
    """
    photo, labels = shrink(photo), shrink(labels)
    rows, columns = np.indices(labels.shape)
    shown = (labels != 0) & ((labels != IGNORE) | ((rows + columns) % 8 < 4))
    blend = np.where(shown[..., None], opacity * colours[labels] + (1 - opacity) * photo, photo)
    solid = np.where(labels == IGNORE, 0, labels)
    outlines = ndimage.maximum_filter(solid, 3) != ndimage.minimum_filter(solid, 3)
    return np.where(outlines[..., None], 255, blend).astype(np.uint8)


def draw_instances(photo: np.ndarray, masks: Sequence[Rle], colours: np.ndarray) -> np.ndarray:
    """Blend instances over a photo, smaller ones on top.

    Parameters
    ----------
    photo : (H, W, 3) uint8
    masks : list of dict
        COCO compressed RLE.
    colours : (n, 3) uint8
        Colour of each instance.

    Returns
    -------
    (h, w, 3) uint8
    """
    numbers = np.zeros(photo.shape[:2], np.uint8)
    for instance in np.argsort([-area(mask) for mask in masks], kind="stable"):
        numbers[decode(masks[instance])] = instance + 1
    table = np.zeros((256, 3), np.uint8)
    table[1 : len(colours) + 1] = colours
    return overlay(photo, numbers, table)


def tag_words(photo: TaggedPhoto, names: Sequence[str]) -> list[Word]:
    """Words for the tags of a photo, each in the middle of its box.

    Parameters
    ----------
    photo : TaggedPhoto
    names : list of str
        Names of labels 1..C.
    """
    words = ["rejected", *names]
    return [
        ((x0 + x1) / 2 / photo.width, (y0 + y1) / 2 / photo.height, words[label])
        for (x0, y0, x1, y1), label in zip(photo.boxes.tolist(), photo.labels, strict=True)
    ]


def tag_colours(labels: Sequence[int] | np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Colours of instances by their labels, (n, 3) uint8; noisy instances are white."""
    return np.where((np.asarray(labels) == NOISY)[:, None], WHITE, colours[labels]).astype(np.uint8).reshape(-1, 3)


def labels_in(label_maps: Iterable[np.ndarray | None]) -> set[int]:
    """Labels that occur in label maps, (H, W) uint8 or None, without the background."""
    return {label for labels in label_maps if labels is not None for label in np.unique(labels).tolist()} - {0}


def legend_of(labels: Collection[int], categories: Categories) -> list[Patch]:
    """Colours of these labels with their names, for the legend of :func:`draw_grid`.

    Parameters
    ----------
    labels : collection of int
        Labels that occur in the pictures: 0 is a rejected instance, 255 unknown.
    categories : Categories
    """
    named = zip(categories.labels, categories.names, categories.colours, strict=True)
    entries = [
        Patch(facecolor=colour, edgecolor="black", label=name) for label, name, colour in named if label in labels
    ]
    if NOISY in labels:
        entries.append(Patch(facecolor="white", edgecolor="black", label="rejected instance"))
    if IGNORE in labels:
        entries.append(Patch(facecolor="white", edgecolor="black", hatch="////", label="unknown (255), trains nothing"))
    return entries


def draw_grid(
    rows: Sequence[tuple[str, Sequence[Panel]]], titles: Sequence[str], legend: Sequence[Patch] = (), width: float = 2.4
) -> Figure:
    """Draw panels as a grid, with a legend below.

    Parameters
    ----------
    rows : list of (caption, list of (picture, words))
        picture: (h, w, 3) uint8, or None for a panel with the word "none". words: as from :func:`tag_words`. Each row
        has a panel for each title.
    titles : list of str
        Titles of the columns.
    legend : list of Patch
        As from :func:`legend_of`.
    width : float
        Width of a column in inches.

    Returns
    -------
    Figure
    """
    first = [row[0][0] for _, row in rows]
    heights = [width * min(1.5, picture.shape[0] / picture.shape[1]) + 0.2 for picture in first] or [1]
    n_columns = max(1, int(width * len(titles) / 1.3))
    legend_height = 0.2 * -(-len(legend) // n_columns)
    figure = Figure(figsize=(width * len(titles), sum(heights) + 0.3 + legend_height), layout="constrained")
    panels = figure.subplots(len(heights), len(titles), squeeze=False, height_ratios=heights)
    for axes in panels.ravel():
        axes.set_axis_off()
    for axes, title in zip(panels[0], titles, strict=True):
        axes.set_title(title, fontsize=10)
    for line, (caption, row) in zip(panels, rows, strict=False):
        line[0].text(0, -0.02, caption, fontsize=6, va="top", transform=line[0].transAxes, in_layout=False)
        for axes, (picture, words) in zip(line, row, strict=True):
            if picture is None:
                axes.text(0.5, 0.5, "none", fontsize=9, ha="center", va="center", transform=axes.transAxes)
            else:
                axes.imshow(picture, extent=(0, 1, 1, 0), aspect=picture.shape[0] / picture.shape[1])
                for x, y, word in words:
                    axes.text(x, y, word, **WORD)
    if legend:
        place: dict[str, Any] = {"loc": "outside lower center", "ncols": n_columns, "frameon": False}
        figure.legend(handles=legend, fontsize=8, columnspacing=1.2, handlelength=1.4, **place)
    return figure


def draw_stages(pixels: np.ndarray, photo: TaggedPhoto, colours: np.ndarray, names: Sequence[str]) -> list[Panel]:
    """Panels of one photo for :func:`draw_grid`: the photo, its instances, its tags.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
    photo : TaggedPhoto
    colours : (256, 3) uint8
        Colours of the labels.
    names : list of str
        Names of labels 1..C.
    """
    instances = draw_instances(pixels, photo.masks, voc_palette()[1 : len(photo.masks) + 1])
    tags = draw_instances(pixels, photo.masks, tag_colours(photo.labels, colours))
    return [(shrink(pixels), []), (instances, []), (tags, tag_words(photo, names))]


def draw_maps(pixels: np.ndarray, label_maps: Sequence[np.ndarray | None], colours: np.ndarray) -> list[Panel]:
    """Panels of one photo for :func:`draw_grid`: each of its label maps, (H, W) uint8 or None, over the photo."""
    return [(None if labels is None else overlay(pixels, labels, colours), []) for labels in label_maps]

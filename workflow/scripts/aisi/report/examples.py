"""Example pictures of the report: a photo and what each stage made of it, side by side."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import ImageColor
from scipy import ndimage

from aisi.formats.masks import voc_palette
from aisi.labels import IGNORE, NOISY
from aisi.masks import area, decode

WHITE = (255, 255, 255)
"""Colour of noisy instances and of pixels with label 255."""
LONGEST_SIDE = 360
"""Of a picture in the report, in pixels."""
WORD = {
    **{"color": "white", "fontsize": 6, "ha": "center", "va": "center"},
    "bbox": {"facecolor": "black", "alpha": 0.6, "pad": 1, "linewidth": 0},
}


def choose_examples(images, n):
    """Choose photos evenly from a split, those with two or more keywords before the others.

    Parameters
    ----------
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    n : int

    Returns
    -------
    DataFrame
        At most n rows, in the order of ``images``.
    """
    images = images.sort_values("image_id")
    several = images["keywords"].map(len) >= 2
    pool = images[several] if several.sum() >= n else images
    return pool.iloc[np.unique(np.linspace(0, len(pool) - 1, min(n, len(pool))).round().astype(int))]


def choose_extremes(images, ious, tags, n):
    """Choose the photos with the best and the worst proxies, and of the others those with the least certain tags.

    Parameters
    ----------
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    ious : (len(images),) float
        Of their proxies.
    tags : DataFrame
        As from :func:`aisi.formats.tags.read_tags`. The certainty of a photo is the
        smallest margin of its tagged instances.
    n : int
        How many of each kind.

    Returns
    -------
    images : DataFrame
        The best ones, the worst, the least certain; at most 3 n rows, none twice.
    notes : DataFrame
        Columns image_id and note: why the photo was chosen.
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


def label_colours(categories):
    """Colours of labels 0..255, (256, 3) uint8: the categories' own, white for 255."""
    colours = voc_palette()
    for label, colour in zip(categories.labels, categories.colours, strict=True):
        colours[label] = ImageColor.getrgb(colour)
    colours[IGNORE] = WHITE
    return colours


def shrink(array):
    """Every k-th pixel of a picture or label map (H, W, ...), so that no side is longer than ``LONGEST_SIDE``."""
    step = -(-max(array.shape[:2]) // LONGEST_SIDE)
    return array[::step, ::step]


def overlay(photo, labels, colours, opacity=0.6):
    """Blend a label map over a photo, with white outlines; background stays as it is, 255 is hatched.

    Parameters
    ----------
    photo : (H, W, 3) uint8
    labels : (H, W) uint8
    colours : (256, 3) uint8
    opacity : float

    Returns
    -------
    (h, w, 3) uint8
        Of the size that :func:`shrink` gives.
    """
    photo, labels = shrink(photo), shrink(labels)
    rows, columns = np.indices(labels.shape)
    shown = (labels != 0) & ((labels != IGNORE) | ((rows + columns) % 8 < 4))
    blend = np.where(shown[..., None], opacity * colours[labels] + (1 - opacity) * photo, photo)
    solid = np.where(labels == IGNORE, 0, labels)
    outlines = ndimage.maximum_filter(solid, 3) != ndimage.minimum_filter(solid, 3)
    return np.where(outlines[..., None], 255, blend).astype(np.uint8)


def draw_instances(photo, masks, colours):
    """Blend instances over a photo, the smaller ones on top.

    Parameters
    ----------
    photo : (H, W, 3) uint8
    masks : list of dict
        COCO compressed RLE.
    colours : (n, 3) uint8
        One for each instance.

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


def tag_words(photo, names):
    """Words for a photo's tags and their places: [(x, y, word)], the middle of each box as a share of the photo.

    Parameters
    ----------
    photo : TaggedPhoto
    names : list of str
        Names of labels 1..C.
    """
    words = ["noisy", *names]
    return [
        ((x0 + x1) / 2 / photo.width, (y0 + y1) / 2 / photo.height, words[label])
        for (x0, y0, x1, y1), label in zip(photo.boxes.tolist(), photo.labels, strict=True)
    ]


def tag_colours(labels, colours):
    """Colours of instances by their labels, (n, 3) uint8; white for noisy ones."""
    return np.where((np.asarray(labels) == NOISY)[:, None], WHITE, colours[labels]).astype(np.uint8).reshape(-1, 3)


def draw_grid(rows, titles, width=2.4):
    """Lay pictures out as a grid.

    Parameters
    ----------
    rows : list of (caption, list of (picture, words))
        picture (h, w, 3) uint8, or None for an empty place; words as from :func:`tag_words`. As many pictures in each
        row as there are titles.
    titles : list of str
        Of the columns.
    width : float
        Of a column, inches.

    Returns
    -------
    Figure
    """
    heights = [width * min(1.5, row[0][0].shape[0] / row[0][0].shape[1]) + 0.2 for _, row in rows] or [1]
    figure = Figure(figsize=(width * len(titles), sum(heights) + 0.3), layout="constrained")
    panels = figure.subplots(len(heights), len(titles), squeeze=False, height_ratios=heights)
    for axes in panels.ravel():
        axes.set_axis_off()
    for axes, title in zip(panels[0], titles, strict=True):
        axes.set_title(title, fontsize=10)
    for line, (caption, row) in zip(panels, rows, strict=False):
        line[0].text(0, -0.02, caption, fontsize=6, va="top", transform=line[0].transAxes, in_layout=False)
        for axes, (picture, words) in zip(line, row, strict=True):
            if picture is not None:
                axes.imshow(picture, extent=(0, 1, 1, 0), aspect=picture.shape[0] / picture.shape[1])
                for x, y, word in words:
                    axes.text(x, y, word, **WORD)
    return figure


def draw_stages(picture, photo, colours, names):
    """Panels of one photo for :func:`draw_grid`: photo, instances, tags.

    Parameters
    ----------
    picture : (H, W, 3) uint8
    photo : TaggedPhoto
    colours : (256, 3) uint8
        Of the labels.
    names : list of str
        Names of labels 1..C.
    """
    instances = draw_instances(picture, photo.masks, voc_palette()[1 : len(photo.masks) + 1])
    tags = draw_instances(picture, photo.masks, tag_colours(photo.labels, colours))
    return [(shrink(picture), []), (instances, []), (tags, tag_words(photo, names))]


def draw_maps(picture, label_maps, colours):
    """Panels of one photo for :func:`draw_grid`: its label maps, each (H, W) uint8 or None, over the photo."""
    return [(None if labels is None else overlay(picture, labels, colours), []) for labels in label_maps]

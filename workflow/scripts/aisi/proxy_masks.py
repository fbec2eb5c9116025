"""Proxy ground truth: the label map and the COCO instances of a photo, from its tagged instances (PAPER §3)."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aisi.formats.coco import REJECTED
from aisi.formats.dataset import KEYWORD_SEPARATOR, Categories, file_name_of, read_images
from aisi.formats.instances import SalientInstances, read_salient_instances, rows_by_photo
from aisi.formats.rows import row_digests
from aisi.formats.tags import BOX
from aisi.labels import ALL, IGNORE, NOISY
from aisi.masks import area, check_sizes, decode, to_json


@dataclass(frozen=True)
class TaggedPhoto:
    """One photo with its instances and their tags.

    Attributes
    ----------
    image_id, file_name : str
        ``file_name`` is the path below the dataset's folder of photos.
    height, width : int
        Of the upright photo, pixels.
    keywords : tuple of int
        Labels 1..C of the photo's keywords.
    boxes : (n, 4) int64
        XYXY, half-open.
    scores : (n,) float32
        Objectness, descending.
    masks : list of dict
        COCO compressed RLE.
    labels : (n,) int64
        0 = noisy.
    """

    image_id: str
    file_name: str
    height: int
    width: int
    keywords: tuple[int, ...]
    boxes: np.ndarray
    scores: np.ndarray
    masks: list[dict[str, Any]]
    labels: np.ndarray


def read_shards(
    images_paths: Iterable[str | Path], salient_instances_paths: Iterable[str | Path]
) -> Iterator[tuple[pd.DataFrame, SalientInstances]]:
    """Read the photos and the instances of one shard after another; the files are in the same order."""
    return zip(map(read_images, images_paths), map(read_salient_instances, salient_instances_paths), strict=True)


def tagged_photos(
    shards: Iterable[tuple[pd.DataFrame, SalientInstances]], tags: pd.DataFrame, categories: Categories
) -> Iterator[TaggedPhoto]:
    """Collect the instances and tags of each photo.

    Parameters
    ----------
    shards : iterable of (DataFrame, SalientInstances)
        As from :func:`read_shards`. One shard is read at a time.
    tags : DataFrame
        Of the whole split, as from :func:`aisi.formats.tags.read_tags`, in any order.
    categories : Categories

    Yields
    ------
    TaggedPhoto
        Every photo, in the order of the shards. A photo without instances has empty arrays.

    Raises
    ------
    ValueError
        If an instance has no tag, or its mask does not have the size of the photo.
    """
    digests = row_digests(tags["image_id"], tags["instance_id"], tags[list(BOX)].to_numpy())
    label_of = dict(zip(digests.tolist(), tags["label"], strict=True))
    photo: Any  # a row of images
    for images, instances in shards:
        rows_of = rows_by_photo(instances.image_ids)
        for photo in images.itertuples():
            rows = rows_of.get(photo.image_id, slice(0, 0))
            yield TaggedPhoto(
                photo.image_id,
                file_name_of(photo.image_id, photo.path),
                photo.height,
                photo.width,
                tuple(categories.label_of[name] for name in photo.keywords),
                instances.boxes[rows],
                instances.scores[rows],
                check_sizes(instances.masks[rows], photo),
                _labels(photo.image_id, instances.instance_ids[rows].tolist(), instances.rows[rows].tolist(), label_of),
            )


def _labels(image_id, instance_ids, digests, label_of):
    untagged = [number for number, digest in zip(instance_ids, digests, strict=True) if digest not in label_of]
    if untagged:
        raise ValueError(
            f"{image_id}: found no row for instances {untagged} in the tags. The tags belong to other instances. "
            "Delete the tags and run the workflow again: rule write_tags makes them again."
        )
    return np.array([label_of[digest] for digest in digests], np.int64)


def proxy_mask(
    masks: Sequence[dict[str, Any]],
    labels: np.ndarray,
    keywords: Collection[int],
    noisy_pixels: str = "ignore",
    missing_keywords: str = "background",
) -> np.ndarray | None:
    """Draw the label map of one photo.

    Parameters
    ----------
    masks : list of dict
        The photo's instances, COCO compressed RLE.
    labels : (n,) int
        Their labels, 0 = noisy.
    keywords : collection of int
        Labels of the photo's keywords.
    noisy_pixels : {"ignore", "background"}
        Label of the pixels of noisy instances.
    missing_keywords : {"background", "ignore"}
        Label of the background in photos where some keyword got no instance.

    Returns
    -------
    (H, W) uint8 or None
        0 background, 1..C label, 255 ignore. None if no instance has a tag.
    """
    labels = np.asarray(labels, np.int64)
    if not np.any(labels != NOISY):
        return None  # ASSUME: a photo in which no instance has a tag gets no proxy
    # ASSUME: the paper does not say what noisy pixels become, nor what the background becomes in a photo with a missing
    # keyword. Both are config keys.
    background = IGNORE if missing_keywords == "ignore" and not set(keywords) <= set(labels.tolist()) else 0
    values = np.where(labels == NOISY, IGNORE if noisy_pixels == "ignore" else background, labels)
    proxy = np.full(masks[0]["size"], background, np.uint8)
    # ASSUME: where two instances overlap, the smaller one is on top; if they are equal, the first one
    for instance in np.lexsort((np.arange(len(labels)), np.array([area(mask) for mask in masks])))[::-1]:
        proxy[decode(masks[instance])] = values[instance]
    return proxy


class CocoInstances:
    """Collects the tagged instances of photos in COCO's format.

    Parameters
    ----------
    categories : Categories
        Annotations have the dataset's own ``category_id``.
    rejected : bool
        Whether rejected instances become crowds, so that a training takes their pixels neither for an object nor for
        background. COCO ignores a crowd for its own category alone, so there is one for each keyword of the photo. They
        have ``"rejected": true``, by which an import here leaves them out.

    Attributes
    ----------
    content : dict
        ``images`` (id 1.. in the order in which they were added), ``categories`` and ``annotations`` (id 1..; the
        whole mask as RLE with text counts; bbox as x, y, width, height).
    """

    def __init__(self, categories: Categories, rejected: bool = False) -> None:
        self._ids, self._rejected = categories.ids, rejected
        listed = [{"id": number, "name": name} for number, name in zip(categories.ids, categories.names, strict=True)]
        self.content: dict[str, list[dict[str, Any]]] = {"images": [], "categories": listed, "annotations": []}

    def add(self, photo: TaggedPhoto) -> None:
        """Add a photo and its instances that have a tag."""
        self.content["images"].append(
            {
                "id": len(self.content["images"]) + 1,
                "file_name": photo.file_name,
                "image_id": photo.image_id,
                "width": int(photo.width),
                "height": int(photo.height),
            }
        )
        for instance in np.flatnonzero(photo.labels != NOISY):
            self._annotate(photo, instance, photo.labels[instance])
        if self._rejected:
            for instance in np.flatnonzero(photo.labels == NOISY):
                for label in photo.keywords:
                    self._annotate(photo, instance, label, iscrowd=1, **{REJECTED: True})

    def _annotate(self, photo, instance, label, iscrowd=0, **marks):
        x0, y0, x1, y1 = map(int, photo.boxes[instance])
        mask, annotations = photo.masks[instance], self.content["annotations"]
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": len(self.content["images"]),
                "category_id": self._ids[label - 1],
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": area(mask),
                "iscrowd": iscrowd,
                "score": round(float(photo.scores[instance]), 6),
                "segmentation": to_json(mask),
            }
            | marks
        )


class PixelShares:
    """Counts what the pixels of label maps are: background, a category, or ignored."""

    def __init__(self) -> None:
        self._counts, self._n = np.zeros(IGNORE + 1, np.int64), 0

    def add(self, label_map: np.ndarray) -> None:
        """Add a label map, (H, W) uint8."""
        self._counts += np.bincount(label_map.ravel(), minlength=IGNORE + 1)
        self._n += 1

    def rows(self) -> list[tuple[str, str, float, int]]:
        """Rows for metrics.csv: ``share_background``, ``share_labels``, ``share_ignored``; n is the number of maps."""
        background, ignored, total = self._counts[0], self._counts[IGNORE], self._counts.sum()
        parts = {"background": background, "labels": total - background - ignored, "ignored": ignored}
        return [
            (f"share_{name}", ALL, float(count / total) if total else np.nan, self._n) for name, count in parts.items()
        ]


def photo_row(photo: TaggedPhoto, categories: Categories) -> tuple[str, str, int, str, str]:
    """Row of a photo in the table of photos, ``PHOTO_COLUMNS``: what it got, and which of its keywords got nothing."""
    found = set(photo.labels.tolist()) - {NOISY}
    missing = sorted(set(photo.keywords) - found)
    tags, missing_names = (
        KEYWORD_SEPARATOR.join(categories.name_of[label] for label in labels) for labels in (sorted(found), missing)
    )
    return photo.image_id, "yes" if found else "no", len(photo.labels), tags, missing_names


def summary(table: pd.DataFrame, n_rejected: int) -> str:
    """Say in a few lines what a run found in photos and what it missed.

    Parameters
    ----------
    table : DataFrame
        Columns ``PHOTO_COLUMNS``, a row for each photo.
    n_rejected : int
        Number of photos that took no part.

    Returns
    -------
    str
        Lines, each with a line end.
    """
    without = table[table["mask"] == "no"]
    empty = int((without["n_instances"] == 0).sum())
    lines = [f"{len(table) - len(without)} of {len(table)} photos have a mask."]
    if len(without):
        lines.append(
            f"Photos without a mask: {len(without)} (no instance found: {empty}, "
            f"all instances rejected: {len(without) - empty})."
        )
    found, missing = (
        Counter(name for names in table[column] for name in names.split(KEYWORD_SEPARATOR) if name)
        for column in ("tags", "keywords_without_instance")
    )
    lines.append(f"Photos with a keyword that no instance got: {(table['keywords_without_instance'] != '').sum()}.")
    never = [
        f"{name} ({count} {'photo' if count == 1 else 'photos'})"
        for name, count in sorted(missing.items())
        if not found[name]
    ]
    if never:
        lines.append(f"Keywords that got no instance in any photo: {', '.join(never)}.")
    if n_rejected:
        lines.append(f"Photos that took no part: {n_rejected}.")
    return "".join(f"{line}\n" for line in lines)

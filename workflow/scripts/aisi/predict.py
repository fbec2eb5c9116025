"""Segment photos with a trained network.

    python -m aisi.predict MODEL PHOTOS... --output DIR [--keywords TABLE]

In Python::

    from aisi.predict import load_model
    from aisi.photos import read_photo
    labels, instances = load_model("model.safetensors").segment(read_photo("photo.jpg"))
"""

import argparse
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn

from aisi.dataset.index import shard_of
from aisi.dataset.names import split_keywords
from aisi.dataset.photo_names import PhotoNames
from aisi.dataset.tables import read_table
from aisi.files import atomic, inside
from aisi.formats.coco import write_coco_results
from aisi.formats.dataset import (
    IMAGE_COLUMNS,
    PREDICT_ROOT,
    REJECTED_COLUMNS,
    Categories,
    without_roots,
    write_categories,
    write_images,
    write_rejected_images,
)
from aisi.formats.masks import voc_palette, write_labels
from aisi.formats.seal import BLANK, read_sealed, sealed
from aisi.masks import Rle, area, decode, encode
from aisi.photos import BadImageError, read_photo
from aisi.planning.dataset_files import list_files
from aisi.progress import progress
from aisi.segmenters import deeplab, mask_rcnn
from aisi.training.weights import pick_device, read_note

VERSION = 2
"""Raise it when the same model writes something else for the same photo, so that all photos are segmented again."""
OPACITY = 0.5
"""Of the colours in overlays."""
Instances = tuple[list[int], list[float], list[Rle]]
"""Labels 1..C, scores and masks."""


@dataclass(frozen=True)
class Model:
    """A trained network that knows its categories and settings.

    Attributes
    ----------
    network : nn.Module
    kind : {"deeplab", "mask_rcnn"}
    categories : Categories
    prediction : dict
        Config block ``prediction`` of the network.
    digest : str
        SHA-256 of the file.
    """

    network: nn.Module
    kind: str
    categories: Categories
    prediction: dict[str, Any]
    digest: str

    def segment(self, photo: np.ndarray, allowed: Sequence[int] | None = None) -> tuple[np.ndarray, Instances]:
        """Segment a photo.

        Parameters
        ----------
        photo : (H, W, 3) uint8
        allowed : sequence of int, optional
            Labels 1..C that the photo may get. By default all.

        Returns
        -------
        labels : (H, W) uint8
            0 background, 1..C. Of overlapping instances the smaller one is on top.
        instances : tuple
            Labels, scores and masks (COCO RLE). DeepLab finds no instances: all pixels of a category are one, its
            score is 1.
        """
        if self.kind == "deeplab":
            labels = deeplab.predict(self.network, photo, **self.prediction, allowed=allowed)
            found = [int(label) for label in np.unique(labels) if label]
            return labels, (found, [1.0] * len(found), [encode(labels == label) for label in found])
        instances = mask_rcnn.predict(self.network, photo, **self.prediction)  # type: ignore[arg-type]
        if allowed is not None:
            kept = [one for one in zip(*instances, strict=True) if one[0] in allowed]
            instances = tuple(map(list, zip(*kept, strict=True))) if kept else ([], [], [])  # type: ignore[assignment]
        labels = np.zeros(photo.shape[:2], np.uint8)
        for label, _, mask in sorted(zip(*instances, strict=True), key=lambda one: -area(one[2])):
            labels[decode(mask)] = label
        return labels, instances


def load_model(model_path: str | Path, threads: int | None = None, device: torch.device | None = None) -> Model:
    """Read a model that rule write_model wrote, ready to segment.

    Parameters
    ----------
    model_path : str or Path
    threads : int, optional
        As in :func:`aisi.training.weights.pick_device`.
    device : torch.device, optional
        By default a GPU if there is one.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is missing or holds no model with categories.
    """
    note, categories = _read_model_note(model_path)
    kind = note["architecture"]["network"]
    load = deeplab.load_deeplab if kind == "deeplab" else mask_rcnn.load_segmenter
    network = load(model_path, device or pick_device(threads), len(categories))
    with open(model_path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Model(network, kind, categories, note["model"]["prediction"], digest)


def load_categories(model_path: str | Path) -> Categories:
    """Read only the categories of a model; errors as in :func:`load_model`."""
    return _read_model_note(model_path)[1]


def _read_model_note(model_path):
    if not Path(model_path).is_file():
        raise FileNotFoundError(f"Model {model_path} does not exist. Correct the path.")
    note = read_note(model_path)
    if "model" not in note:
        raise ValueError(
            f"{model_path}: found no categories in the file, expected a model.safetensors that rule write_model wrote. "
            "Make it: snakemake models."
        )
    known = note["model"]["categories"]
    return note, Categories(*(tuple(known[key]) for key in ("names", "ids", "colours")))


def find_photos(paths: Sequence[str | Path]) -> Iterator[tuple[str, Path, str]]:
    """Photos of files and folders: image_id, folder, and path below the folder, which is the image_id with suffix."""
    for path in map(Path, paths):
        names = [name for name, _ in list_files(path)] if path.is_dir() else [path.name]
        folder = path if path.is_dir() else path.parent
        for name in names:
            yield Path(name).with_suffix("").as_posix(), folder, name


@dataclass
class Predictions:
    """What a model found in some photos, or in one shard of them.

    Attributes
    ----------
    images : list of dict
        image_id, path, width, height and sha256 of each photo; path as in :func:`aisi.formats.dataset.read_images`
        without roots.
    instances : list of dict
        COCO's results.
    rejected : list of [str, str]
        Path and reason of the files that could not be read.
    """

    images: list[dict[str, Any]] = field(default_factory=list)
    instances: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[list[str]] = field(default_factory=list)


def read_allowed(keywords_path: str | Path, image_ids: Iterable[str], categories: Categories) -> dict[str, list[int]]:
    """Read which labels a photo may get: those of its keywords.

    Parameters
    ----------
    keywords_path : str or Path
        Table with the columns ``image_id`` and ``keywords``, as the keywords of a dataset (docs/photos.md).
    image_ids : iterable of str
    categories : Categories
        Of the model. Keywords that it does not know are printed and left out.

    Returns
    -------
    dict of str to list of int
        image_id to ascending labels 1..C. A photo without a row is missing: it may get all labels.

    Raises
    ------
    ValueError
        If a row has a wrong number of values.
    """
    rows, problems = read_table(keywords_path, ["image_id", "keywords"])
    if problems:
        raise ValueError("\n".join(problems))
    allowed: dict[str, list[int]] = {}
    photos, unknown, lost = PhotoNames.of_ids(image_ids), set(), 0
    for row in rows:
        names = split_keywords(row.values["keywords"])
        unknown |= {name for name in names if name not in categories.label_of}
        meant = photos.find(row.values["image_id"])
        lost += len(meant) != 1
        if len(meant) == 1:
            labels = {categories.label_of[name] for name in names if name in categories.label_of}
            allowed[meant[0]] = sorted(labels | set(allowed.get(meant[0], [])))
    if unknown:
        print(f"{keywords_path}: keywords that the network does not know: {', '.join(sorted(unknown))}.")
    if lost:
        print(f"{keywords_path}: {lost} rows name no photo of the folder.")
    return allowed


def predict_shard(
    model: Model,
    paths: Sequence[str | Path],
    folder: str | Path,
    keywords_path: str | Path | None = None,
    shard: int = 0,
    shards: int = 1,
) -> Predictions:
    """Segment the photos of one shard, and write their masks and overlays.

    A photo that was segmented before, by the same model, with the same content and the same keywords, is not segmented
    again. A file that cannot be read is listed, and the others are segmented.

    Parameters
    ----------
    model : Model
    paths : sequence of path
        Photos, or folders of photos.
    folder : path
        Gets ``masks/{image_id}.png``, ``overlays/{image_id}.jpg`` and ``instances/{image_id}.json``.
    keywords_path : str, Path or None
        As in :func:`read_allowed`. None: every photo may get every label.
    shard, shards : int
        The number of this shard, from 0, and how many there are. The image_id decides where a photo belongs.
    """
    folder, found, reused = Path(folder), Predictions(), 0
    named: dict[str, str] = {}
    photos = sorted(find_photos(paths))
    allowed = read_allowed(keywords_path, {one[0] for one in photos}, model.categories) if keywords_path else {}
    for image_id, home, name in progress([one for one in photos if shard_of(one[0], shards) == shard], unit="photo"):
        path, shown = home / name, f"{PREDICT_ROOT}/{name}"
        if image_id in named:
            found.rejected.append([shown, f"{named[image_id]} has the same image_id {image_id!r}. Rename one."])
            continue
        named[image_id] = shown
        try:
            content, labels = hashlib.sha256(path.read_bytes()).hexdigest(), allowed.get(image_id)
            made_from = {"photo": content, "model": model.digest, "labels": labels, "version": VERSION}
            record = _read_record(folder, image_id, made_from)
            reused += record is not None
            record = record or _segment(model, image_id, read_photo(path), folder, made_from)
        except (BadImageError, OSError) as error:
            found.rejected.append([shown, without_roots(str(error), {PREDICT_ROOT: home})])
            continue
        size = {"width": record["width"], "height": record["height"]}
        found.images.append({"image_id": image_id, "path": shown, **size, "sha256": content})
        found.instances += record["instances"]
    print(f"{len(found.images)} photos segmented ({reused} of them before), {len(found.rejected)} rejected.")
    return found


def write_predictions(folder: str | Path, parts: Iterable[Predictions], categories: Categories) -> None:
    """Write the tables of all shards: ``instances.json`` (COCO's results), ``images.csv``, ``categories.csv`` and
    ``rejected_images.csv``.
    """
    folder, parts = Path(folder), list(parts)
    images = sorted((image for part in parts for image in part.images), key=lambda image: image["image_id"])
    order = {image["image_id"]: number for number, image in enumerate(images)}
    instances = sorted((one for part in parts for one in part.instances), key=lambda one: order[one["image_id"]])
    rows = [(one["image_id"], one["path"], one["width"], one["height"], (), one["sha256"]) for one in images]
    rejected = sorted(one for part in parts for one in part.rejected)
    write_categories(folder / "categories.csv", categories)
    write_images(folder / "images.csv", pd.DataFrame(rows, columns=IMAGE_COLUMNS))
    write_rejected_images(folder / "rejected_images.csv", pd.DataFrame(rejected, columns=REJECTED_COLUMNS))
    write_coco_results(folder / "instances.json", instances)


def predict_photos(
    model: Model, paths: Sequence[str | Path], folder: str | Path, keywords_path: str | Path | None = None
) -> None:
    """Segment photos, and write masks, overlays and tables: :func:`predict_shard` and :func:`write_predictions`."""
    write_predictions(folder, [predict_shard(model, paths, folder, keywords_path)], model.categories)


def _segment(model, image_id, photo, folder, made_from):
    labels, (found, scores, masks) = model.segment(photo, made_from["labels"])
    write_labels(inside(folder / "masks", f"{image_id}.png"), labels)
    with atomic(inside(folder / "overlays", f"{image_id}.jpg")) as temporary:
        Image.fromarray(overlay(photo, labels)).save(temporary, quality=90)
    height, width = labels.shape
    record = {
        "made_from": made_from,
        "width": width,
        "height": height,
        "instances": mask_rcnn.coco_results(image_id, found, scores, masks, model.categories.ids),
    }
    content = {"seal": BLANK, "files": _digests(folder, image_id)} | record
    with sealed(_record_path(folder, image_id)) as temporary:  # the last file, so it says that the others are whole
        temporary.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return record


def _record_path(folder, image_id):
    return inside(folder / "instances", f"{image_id}.json")


def _read_record(folder, image_id, made_from):
    """What was written for a photo before; None if it was another photo, another model, or not whole."""
    try:
        record = json.loads(read_sealed(_record_path(folder, image_id)))
        whole = record.get("made_from") == made_from and record.get("files") == _digests(folder, image_id)
    except (FileNotFoundError, ValueError):
        return None
    return record if whole else None


def _digests(folder, image_id):
    """Digests of the files that were made of a photo, besides its record."""
    paths = inside(folder / "masks", f"{image_id}.png"), inside(folder / "overlays", f"{image_id}.jpg")
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def overlay(photo: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The photo (H, W, 3) uint8 with the labels (H, W) over it in VOC's colours."""
    colours = voc_palette()[labels]
    mixed = (photo * (1 - OPACITY) + colours * OPACITY).astype(np.uint8)
    return np.where(labels[..., None] > 0, mixed, photo)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m aisi.predict", description="Segment photos with a trained model.")
    parser.add_argument("model", metavar="MODEL", help="model.safetensors of a network that the workflow trained")
    parser.add_argument("photos", metavar="PHOTOS", nargs="+", help="photos, or folders of photos")
    parser.add_argument("--output", metavar="DIR", required=True, help="folder for masks, overlays and instances.json")
    parser.add_argument(
        "--keywords", metavar="TABLE", help="table image_id,keywords: photos get only their own keywords"
    )
    given = parser.parse_args(arguments)
    try:
        predict_photos(load_model(given.model), given.photos, given.output, given.keywords)
    except (FileNotFoundError, ValueError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()

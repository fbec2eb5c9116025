"""YOLO segmentation as Ultralytics documents it: a text file for each photo, and data.yaml."""

import json
from collections.abc import Sequence
from pathlib import Path

from aisi.export.outlines import join, outline
from aisi.export.photos import ExportedPhoto, Options, draw, place_photo, write_text
from aisi.files import inside
from aisi.formats.dataset import Categories


def write(folder: str | Path, photos: Sequence[ExportedPhoto], categories: Categories, options: Options) -> None:
    """Write ``data.yaml``, ``images/{split}`` and ``labels/{split}``.

    A line is one instance: the number of its category from 0, then x, y, x, y, ... as shares of width and height. The
    format has one polygon for an instance, so its parts are joined by bridges of no width.
    """
    splits = {"train": "images/train", "val": "images/val" if options.val_share else "images/train"}
    # No path: it is the folder of data.yaml. A text of JSON is one of YAML too.
    names = [f"  {number}: {json.dumps(name, ensure_ascii=False)}" for number, name in enumerate(categories.names)]
    lines = [*(f"{split}: {place}" for split, place in splits.items()), "names:", *names]
    write_text(Path(folder, "data.yaml"), "\n".join(lines) + "\n")
    drawn = {photo.image_id: draw(photo.image_id) for photo in photos}
    smallest = min(drawn.values(), default=0.0)
    for split in set(splits.values()):
        Path(folder, split).mkdir(parents=True)
    for photo in photos:
        number = drawn[photo.image_id]
        in_val = number < options.val_share or (options.val_share and number == smallest and len(photos) > 1)
        image_path = inside(Path(folder, "images", "val" if in_val else "train"), photo.file_name)
        place_photo(photo, image_path, options.copy_photos)
        write_text(_label_path(folder, image_path), _lines(photo, options.tolerance))


def _label_path(folder, image_path):
    """Where Ultralytics looks for a photo's labels: the last folder that is called images becomes labels."""
    above, _, below = f"/{image_path.relative_to(folder).with_suffix('.txt').as_posix()}".rpartition("/images/")
    return Path(folder, f"{above}/labels/{below}".lstrip("/"))


def _lines(photo, tolerance):
    lines = []
    for label, mask in zip(photo.labels, photo.masks, strict=True):
        shares = join(outline(mask, tolerance)) / (photo.width, photo.height)
        lines.append(" ".join([str(label - 1), *(f"{share:.6f}" for share in shares.ravel())]) + "\n")
    return "".join(lines)

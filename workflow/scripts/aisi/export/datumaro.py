"""Datumaro's own format: JSON with RLE."""

from collections.abc import Sequence
from pathlib import Path

from aisi.export.photos import ExportedPhoto, Options, place_photo, write_json
from aisi.files import inside
from aisi.formats.dataset import Categories

SUBSET = "default"


def write(folder: str | Path, photos: Sequence[ExportedPhoto], categories: Categories, options: Options) -> None:
    """Write ``annotations/default.json`` and ``images/default``.

    The photos are copies: Datumaro refuses links that lead out of its folder.
    """
    labels = [{"name": name, "parent": "", "attributes": []} for name in categories.names]
    content = {
        "info": {},
        "categories": {"label": {"labels": labels, "attributes": []}},
        "items": [_item(photo, number) for number, photo in enumerate(photos)],
    }
    write_json(Path(folder, "annotations", f"{SUBSET}.json"), content)
    for photo in photos:
        place_photo(photo, inside(Path(folder, "images", SUBSET), photo.file_name), copy=True)


def _item(photo, number):
    annotations = [
        {
            "id": order,
            "type": "mask",
            "attributes": {"score": score},
            "group": order,
            "label_id": label - 1,
            "z_order": order,
            "rle": {"counts": mask["counts"], "size": mask["size"]},
        }
        for order, (label, score, mask) in enumerate(zip(photo.labels, photo.scores, photo.masks, strict=True), 1)
    ]
    image = {"path": photo.file_name, "size": [photo.height, photo.width]}
    return {"id": photo.image_id, "annotations": annotations, "attr": {"frame": number}, "image": image}

"""labelme: a JSON file with polygons beside each photo."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aisi.export.outlines import outline
from aisi.export.photos import ExportedPhoto, Options, place_photo, write_json
from aisi.files import inside
from aisi.formats.dataset import Categories


def write(folder: str | Path, photos: Sequence[ExportedPhoto], categories: Categories, options: Options) -> None:
    """Write the photos and ``{image_id}.json``. The parts of an instance have the same ``group_id``."""
    for photo in photos:
        path = inside(folder, photo.file_name)
        place_photo(photo, path, options.copy_photos)
        shapes = [
            {
                "label": categories.names[label - 1],
                "points": ring.tolist(),
                "group_id": number,
                "description": f"score {score:.4g}",
                "shape_type": "polygon",
                "flags": {},
            }
            for number, (label, score, mask) in enumerate(zip(photo.labels, photo.scores, photo.masks, strict=True), 1)
            for ring in outline(mask, options.tolerance)
        ]
        content: dict[str, Any] = {
            "version": "5.5.0",
            "flags": {},
            "shapes": shapes,
            "imagePath": path.name,
            "imageData": None,
            "imageHeight": photo.height,
            "imageWidth": photo.width,
        }
        write_json(path.with_suffix(".json"), content)

"""COCO instances: JSON with polygons or RLE."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aisi.export.outlines import outline
from aisi.export.photos import ExportedPhoto, Options, write_json
from aisi.formats.dataset import Categories
from aisi.masks import Rle, area, coco_box


def write_polygons(
    folder: str | Path, photos: Sequence[ExportedPhoto], categories: Categories, options: Options
) -> None:
    """Write ``instances.json`` with a polygon for each part of an instance."""

    def polygons(mask: Rle) -> list[list[float]]:
        return [ring.ravel().tolist() for ring in outline(mask, options.tolerance)]

    write_json(Path(folder, "instances.json"), _content(photos, categories, polygons))


def write_rle(folder: str | Path, photos: Sequence[ExportedPhoto], categories: Categories, options: Options) -> None:
    """Write ``instances.json`` with compressed RLE."""
    write_json(Path(folder, "instances.json"), _content(photos, categories, dict))


def _content(photos, categories, segmentation_of):
    listed: list[dict[str, Any]] = [
        {"id": number, "name": name, "supercategory": ""}
        for number, name in zip(categories.ids, categories.names, strict=True)
    ]
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, photo in enumerate(photos, start=1):
        images.append({"id": number, "file_name": photo.file_name, "width": photo.width, "height": photo.height})
        for label, score, mask in zip(photo.labels, photo.scores, photo.masks, strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": categories.ids[label - 1],
                    "bbox": coco_box(mask),
                    "area": area(mask),
                    "iscrowd": 0,
                    "score": score,
                    "segmentation": segmentation_of(mask),
                }
            )
    return {"info": {}, "licenses": [], "images": images, "categories": listed, "annotations": annotations}

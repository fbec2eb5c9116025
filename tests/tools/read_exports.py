"""Read exports with the libraries of others, in their own environment (make test-tools).

    python read_exports.py TOOL EXPORTS PHOTOS OUTPUT

EXPORTS holds a folder for each format, PHOTOS the photos. OUTPUT gets JSON: for each format a list of instances (file
name, category, height, width, positions of the pixels row by row), or a text: the error.
"""

import contextlib
import json
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

import numpy as np


def instance(name, category, mask):
    mask = np.asarray(mask) > 0
    return [str(name), category, *mask.shape, np.flatnonzero(mask).tolist()]


# ------------------------------------------------------------------ pycocotools


def pycocotools_coco(folder, photos):
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(sys.stderr):
        coco = COCO(folder / "instances.json")
    for annotation in coco.anns.values():
        name = coco.imgs[annotation["image_id"]]["file_name"]
        yield instance(name, coco.cats[annotation["category_id"]]["name"], coco.annToMask(annotation))


# ------------------------------------------------------------------ supervision


def _of_supervision(dataset, folder):
    for path, _, detections in dataset:
        for number, mask in zip(detections.class_id, detections.mask if len(detections) else [], strict=True):
            yield instance(Path(path).relative_to(folder).as_posix(), dataset.classes[number], mask)


def supervision_coco(folder, photos):
    import supervision

    dataset = supervision.DetectionDataset.from_coco(str(photos), str(folder / "instances.json"), force_masks=True)
    return _of_supervision(dataset, photos)


def supervision_yolo(folder, photos):
    import supervision

    for split in ("train", "val"):
        images, labels = folder / "images" / split, folder / "labels" / split
        for sub in sorted({path.parent.relative_to(labels) for path in labels.rglob("*.txt")}):
            dataset = supervision.DetectionDataset.from_yolo(
                str(images / sub), str(labels / sub), str(folder / "data.yaml"), force_masks=True
            )
            yield from _of_supervision(dataset, images)


def supervision_labelme(folder, photos):
    import supervision

    for sub in sorted({path.parent for path in folder.rglob("*.json")}):
        dataset = supervision.DetectionDataset.from_labelme(str(sub), str(sub), force_masks=True)
        yield from _of_supervision(dataset, folder)


# ------------------------------------------------------------------ labelformat


def _of_labelformat(dataset):
    for label in dataset.get_labels():
        for found in label.objects:
            if hasattr(found.segmentation, "get_binary_mask"):
                mask = found.segmentation.get_binary_mask()
            else:  # labelformat does not draw polygons
                rings = [np.ravel(points).tolist() for points in found.segmentation.polygons]
                mask = _drawn(rings, label.image.height, label.image.width)
            yield instance(label.image.filename, found.category.name, mask)


def _drawn(rings, height, width):
    from pycocotools import mask as coco_mask

    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(rings, height, width)))


def labelformat_coco(folder, photos):
    from labelformat.formats import COCOInstanceSegmentationInput

    return _of_labelformat(COCOInstanceSegmentationInput(folder / "instances.json"))


def labelformat_yolo(folder, photos):
    from labelformat.formats import YOLOv8InstanceSegmentationInput

    for split in ("train", "val"):
        yield from _of_labelformat(YOLOv8InstanceSegmentationInput(folder / "data.yaml", split))


# ------------------------------------------------------------------ datumaro


def _of_datumaro(folder, importer):
    from datumaro.components.annotation import AnnotationType
    from datumaro.components.dataset import Dataset

    dataset = Dataset.import_from(str(folder), importer)
    names = [label.name for label in dataset.categories()[AnnotationType.label]]
    for item in dataset:
        parts = {}
        for found in item.annotations:
            if found.type.name == "mask":
                yield instance(item.id, names[found.label], found.image)
            elif found.type.name == "polygon":  # one annotation for each part; Datumaro does not draw them
                parts.setdefault((found.group or found.id, names[found.label]), []).append(found.points)
        for (_, name), rings in parts.items():
            yield instance(item.id, name, _drawn(rings, *item.media.size))


def datumaro_coco(folder, photos):
    with tempfile.TemporaryDirectory() as root:  # where Datumaro looks for the file and the photos
        Path(root, "annotations").mkdir()
        shutil.copy(folder / "instances.json", Path(root, "annotations", "instances_default.json"))
        shutil.copytree(photos, Path(root, "images", "default"))
        yield from _of_datumaro(root, "coco_instances")


def datumaro_cvat(folder, photos):
    with tempfile.TemporaryDirectory() as root:
        shutil.copy(folder / "annotations.xml", Path(root, "default.xml"))
        shutil.copytree(photos, Path(root, "images"))
        yield from _of_datumaro(root, "cvat")


def datumaro_datumaro(folder, photos):
    return _of_datumaro(folder, "datumaro")


# ------------------------------------------------------------------ Label Studio


def label_studio_brush(folder, photos):
    from urllib.parse import parse_qs, urlsplit

    from label_studio_sdk.converter.brush import decode_rle

    for task in json.loads((folder / "tasks.json").read_text(encoding="utf-8")):
        [name] = parse_qs(urlsplit(task["data"]["image"]).query)["d"]
        for result in task["predictions"][0]["result"]:
            rgba = decode_rle(result["value"]["rle"]).reshape(result["original_height"], result["original_width"], 4)
            yield instance(name, result["value"]["brushlabels"][0], rgba[..., 3])


# ------------------------------------------------------------------ OpenCV


def opencv_instances(folder, photos):
    import csv

    import cv2

    maps = folder / "instance_grey" if (folder / "instance_grey").is_dir() else folder
    for row in csv.DictReader((folder / "instances.csv").open(encoding="utf-8")):
        content = np.frombuffer((maps / f"{row['image_id']}.png").read_bytes(), np.uint8)
        values = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
        yield instance(row["image_id"], row["category"], values == int(row["value"]))


READERS = {
    "pycocotools": {"coco": pycocotools_coco, "coco_rle": pycocotools_coco},
    "supervision": {
        "coco": supervision_coco,
        "coco_rle": supervision_coco,
        "yolo": supervision_yolo,
        "labelme": supervision_labelme,
    },
    "labelformat": {"coco": labelformat_coco, "coco_rle": labelformat_coco, "yolo": labelformat_yolo},
    "datumaro": {
        "coco": datumaro_coco,
        "coco_rle": datumaro_coco,
        "cvat": datumaro_cvat,
        "datumaro": datumaro_datumaro,
    },
    "label_studio": {"label_studio": label_studio_brush},
    "opencv": {"png": opencv_instances, "imagej": opencv_instances},
}
"""Functions by tool and format."""


def main(tool, exports, photos, output):
    """Read each format that the tool knows."""
    found = {}
    for name, read in READERS[tool].items():
        try:
            found[name] = list(read(Path(exports, name), Path(photos)))
        except Exception as error:  # what a library does with a file is what is tested
            traceback.print_exc()
            found[name] = f"{type(error).__name__}: {error}"
    Path(output).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

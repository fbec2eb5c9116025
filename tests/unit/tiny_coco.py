"""A tiny dataset in COCO's layout: plain photos, polygons, both kinds of RLE, a crowd, sparse category ids."""

import json
from pathlib import Path

from PIL import Image

CATEGORIES = [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
WIDTH, HEIGHT = 8, 6


def box(x0, y0, x1, y1):
    """A rectangle as polygons."""
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def annotation(number, image, category, segmentation, **more):
    """An annotation of image number ``image``; the box is of no account."""
    keys = {"id": number, "image_id": image, "category_id": category, "segmentation": segmentation}
    return keys | {"bbox": [0, 0, 1, 1], "area": 1, "iscrowd": 0} | more


def content(numbers, annotations):
    """Instances of photos 000000000001.jpg and so on."""
    images = [{"id": n, "file_name": f"{n:012d}.jpg", "width": WIDTH, "height": HEIGHT} for n in numbers]
    return {"images": images, "categories": CATEGORIES, "annotations": annotations}


CROWD = {"size": [HEIGHT, WIDTH], "counts": [0, WIDTH * HEIGHT]}
TRAIN = content(
    [1, 2, 3],
    [
        annotation(11, 1, 18, box(0, 0, 4, 6)),
        annotation(12, 1, 1, box(2, 0, 4, 3)),
        annotation(13, 2, 1, CROWD, iscrowd=1),
        annotation(14, 2, 18, {"size": [HEIGHT, WIDTH], "counts": [6, 6, 36]}),
    ],
)
VAL = content([4], [annotation(11, 4, 18, box(0, 0, 8, 3))])


def write(root, **splits):
    """Write the JSON of each split, and its photos where they are not there."""
    for split, instances in ({"train": TRAIN, "val": VAL} | splits).items():
        for folder in (root / split, root / "annotations"):
            folder.mkdir(parents=True, exist_ok=True)
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(instances))
        for image in instances["images"]:
            path = Path(root, split, image["file_name"] or "none.jpg")
            if not path.exists() and path.parent == root / split:
                Image.new("RGB", (WIDTH, HEIGHT), "red").save(path)
    return root

"""A tiny root of VOC 2012 and a tiny archive of SBD, with files of the original forms."""

import numpy as np
from PIL import Image
from scipy.io import savemat

from aisi.formats.masks import write_labels

SIZE = 6, 8
"""Height and width of all photos."""
CAT, DOG = 8, 12
"""VOC's labels."""
VOC = {"train": "ab", "val": "cd"}
SBD = {"train": "ace", "val": "dfg"}
TRAIN_AUG = ["a", "b", "e", "f", "g"]
"""(SBD and VOC train) without VOC val."""


def sbd_masks(number):
    """Masks of a photo with a cat, and a dog whose place depends on the photo."""
    classes, objects = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    classes[1:3, 1:4], objects[1:3, 1:4] = CAT, 1
    classes[4:, number : number + 2], objects[4:, number : number + 2] = DOG, 2
    return classes, objects


def write_mat(folder, image_id, classes, objects):
    """Write ``cls`` and ``inst`` of a photo as SBD has them: a struct with cells and arrays of numbers."""
    categories = np.array([[CAT], [DOG]], np.uint8)
    cells = np.empty((2, 1), object)
    cells[:, 0] = [np.zeros(SIZE, bool)] * 2
    for part, name, content in (
        ("cls", "GTcls", {"Boundaries": cells, "Segmentation": classes, "CategoriesPresent": categories}),
        ("inst", "GTinst", {"Boundaries": cells, "Segmentation": objects, "Categories": categories}),
    ):
        (folder / part).mkdir(parents=True, exist_ok=True)
        savemat(folder / part / f"{image_id}.mat", {name: content}, do_compression=True)


def write_voc(root):
    """Write photos a to g, XML of each, VOC's lists, and VOC's own masks of the photos in them: one cat, and void."""
    for folder in ("JPEGImages", "Annotations", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for image_id in "abcdefg":
        Image.new("RGB", SIZE[::-1], "red").save(root / f"JPEGImages/{image_id}.jpg")
        names = "".join(f"<object><name>{name}</name></object>" for name in ("cat", "dog"))
        (root / f"Annotations/{image_id}.xml").write_text(f"<annotation>{names}</annotation>")
    for split, image_ids in VOC.items():
        (root / f"ImageSets/Segmentation/{split}.txt").write_text("".join(f"{image_id}\n" for image_id in image_ids))
        for image_id in image_ids:
            labels = np.zeros(SIZE, np.uint8)
            labels[0, :3], labels[1, :3] = 1, 255
            write_labels(root / f"SegmentationObject/{image_id}.png", labels)
            write_labels(root / f"SegmentationClass/{image_id}.png", np.where(labels == 1, CAT, labels))
    return root


def write_sbd(folder):
    """Write the archive's folder ``dataset``."""
    for number, image_id in enumerate("acdefg"):
        write_mat(folder, image_id, *sbd_masks(number))
    for split, image_ids in SBD.items():
        (folder / f"{split}.txt").write_text("".join(f"{image_id}\n" for image_id in image_ids))
    return folder

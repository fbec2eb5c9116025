"""Every format of the export, read back by readers that share no function with the writers.

The readers follow the documentation of each tool. Polygons are filled by the even-odd rule at the centres of pixels.
"""

import csv
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

import export_masks
from aisi.export import cvat
from aisi.export.label_studio import brush
from aisi.export.outlines import outline
from aisi.export.photos import ExportedPhoto, Options, draw
from aisi.export.writers import WRITERS
from aisi.formats.coco import write_coco_results
from aisi.formats.dataset import IMAGE_COLUMNS, Categories, write_categories, write_images
from aisi.formats.seal import reseal
from aisi.masks import decode
from aisi.salient_instances.imported import from_coco
from workflow_text import WORKFLOW

CATEGORIES = Categories(("cat", "red dog", "Möwe"), (3, 17, 40), ("#800000", "#008000", "#808000"))
POLYGONS = {"coco", "yolo", "labelme"}
FLAT = {"png", "imagej"}
"""Formats in which a pixel has one instance."""


# ------------------------------------------------------------------ photos


def shapes(height, width):
    """Masks by name: holes, parts, one pixel, touching corners, borders, thin lines, a blob."""
    y, x = np.mgrid[:height, :width]

    def disc(cy, cx, r):
        return (y - cy) ** 2 + (x - cx) ** 2 <= r**2

    blob = np.random.default_rng(5).normal(size=(height, width))
    for _ in range(20):
        blob = (blob + np.roll(blob, 1, 0) + np.roll(blob, 1, 1)) / 3
    return {
        "ring": disc(30, 30, 18) & ~disc(30, 30, 9) & ~disc(16, 30, 2),
        "island": disc(30, 30, 22) & ~disc(30, 30, 14) | disc(30, 30, 6) & ~disc(30, 30, 2),
        "parts": disc(12, 60, 8) | disc(45, 66, 6) | disc(50, 8, 3),
        "pixel": (y == 3) & (x == 5),
        "corner": (y == height - 1) & (x == width - 1),
        "touching": ((y == 10) & (x == 10)) | ((y == 11) & (x == 11)) | ((y == 11) & (x == 9)),
        "loop": (abs(y - 20) + abs(x - 40) == 3) | ((y == 20) & (x == 40)),
        "all": np.ones((height, width), bool),
        "line": (y == 40) & (x > 3) & (x < 70),
        "blob": blob > blob.mean(),
    }


def photo_list():
    """image_id, file name, (height, width), list of (label, score, mask)."""
    masks = shapes(64, 80)
    apart = {"ring": 1, "parts": 2, "pixel": 3}
    photos = [
        (f"shapes/{name}", f"{name}.PNG", (64, 80), [(1 + number % 3, 0.5, mask)])
        for number, (name, mask) in enumerate(masks.items())
    ]
    photos.append(("deep/images/holiday beach 1", "holiday beach 1.jpg", (64, 80), [(2, 0.25, masks["ring"])]))
    photos.append(("Grüße 東京 & <one>", "Grüße 東京 & <one>.webp", (64, 80), [(3, 0.75, masks["parts"])]))
    photos.append(("many", "many.jpg", (64, 80), [(apart[name], 0.9, masks[name]) for name in apart]))
    photos.append(("tiny", "tiny.png", (1, 1), [(1, 1.0, np.ones((1, 1), bool))]))
    photos.append(("nothing", "nothing.png", (5, 7), []))
    return photos


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Photos on disk, and the files that the export reads."""
    folder = tmp_path_factory.mktemp("dataset")
    rows, results = [], []
    for image_id, name, (height, width), instances in photo_list():
        path = (folder / "photos" / image_id).with_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), (9, 99, 199)).save(path)
        rows.append((image_id, str(path), width, height, ("cat",), "0"))
        for label, score, mask in instances:
            rle = coco_mask.encode(np.asfortranarray(mask, np.uint8))
            segmentation = {"size": [height, width], "counts": rle["counts"].decode()}
            common = {"image_id": image_id, "category_id": CATEGORIES.ids[label - 1], "score": score}
            results.append(common | {"bbox": [0, 0, 1, 1], "segmentation": segmentation})
    write_images(
        folder / "images.csv", pd.DataFrame(rows, columns=["image_id", "path", "width", "height", "keywords", "sha256"])
    )
    write_categories(folder / "categories.csv", CATEGORIES)
    write_coco_results(folder / "instances.json", results)
    return folder


def export(dataset, folder, file_format, keep_empty=True, **options):
    export_masks.main(
        images_paths=[dataset / "images.csv"],
        roots=None,
        categories_path=dataset / "categories.csv",
        instances_path=dataset / "instances.json",
        file_format=file_format,
        keep_empty=keep_empty,
        options=options,
        export_folder=folder,
    )
    return folder


# ------------------------------------------------------------------ readers: file name to a list of (category, mask)


def filled(points, height, width):
    """Pixels whose centres are inside a polygon by the even-odd rule."""
    y, x = np.mgrid[:height, :width] + 0.5
    x0, y0 = np.asarray(points, float).reshape(-1, 2).T
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    crossings = np.zeros((height, width), int)
    for a, b, c, d in zip(x0, y0, x1, y1, strict=True):
        if b != d:
            crossings += ((b <= y) != (d <= y)) & (x < a + (y - b) * (c - a) / (d - b))
    return crossings % 2 == 1


def read_coco_with_pycocotools(folder):
    coco = COCO(folder / "instances.json")
    names = {number: category["name"] for number, category in coco.cats.items()}
    assert all(isinstance(number, int) for number in (*coco.imgs, *coco.anns, *coco.cats))
    found = {}
    for number, image in coco.imgs.items():
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[number], iscrowd=0))
        found[image["file_name"]] = [(names[a["category_id"]], coco.annToMask(a) > 0) for a in annotations]
        for annotation, (_, mask) in zip(annotations, found[image["file_name"]], strict=True):
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            box = [columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1]
            assert np.abs(np.subtract(annotation["bbox"], box)).max() <= 1
            assert 0 < annotation["score"] <= 1
    return found


def read_yolo(folder):
    data = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))
    found = {}
    for split in ("train", "val"):
        for photo in sorted((folder / data[split]).rglob("*.*")):
            if photo.suffix.lower() not in (".jpg", ".png", ".webp"):
                continue
            width, height = Image.open(photo).size
            # Ultralytics: the last folder "images" becomes "labels", and the suffix .txt
            start, end = str(photo).rsplit("/images/", 1)
            lines = Path(f"{start}/labels/{end}").with_suffix(".txt").read_text().splitlines()
            rows = [(int(line.split()[0]), np.array(line.split()[1:], float).reshape(-1, 2)) for line in lines]
            assert all(((points >= 0) & (points <= 1)).all() and len(points) >= 3 for _, points in rows)
            name = photo.relative_to(folder / data[split]).as_posix()
            assert name not in found
            found[name] = [(data["names"][i], filled(points * (width, height), height, width)) for i, points in rows]
    return found


def read_cvat(folder):
    root = ElementTree.parse(folder / "annotations.xml").getroot()
    assert root.findtext("version") == "1.1"
    known = {label.findtext("name") for label in root.iterfind("meta/task/labels/label")}
    assert known == {label["name"] for label in json.loads((folder / "labels.json").read_text(encoding="utf-8"))}
    found = {}
    for image in root.iterfind("image"):
        masks = []
        for element in image.iterfind("mask"):
            left, top, width, height = (int(element.get(key)) for key in ("left", "top", "width", "height"))
            values = []
            for position, run in enumerate(element.get("rle").split(",")):
                values += [position % 2 == 1] * int(run)
            assert len(values) == width * height
            mask = np.zeros((int(image.get("height")), int(image.get("width"))), bool)
            mask[top : top + height, left : left + width] = np.reshape(values, (height, width))
            assert element.get("label") in known
            masks.append((element.get("label"), mask))
        found[image.get("name")] = masks
    return found


def read_label_studio(folder):
    config = ElementTree.parse(folder / "labeling_config.xml").getroot()
    known = {label.get("value") for label in config.iterfind("BrushLabels/Label")}
    found = {}
    for task in json.loads((folder / "tasks.json").read_text(encoding="utf-8")):
        [name] = parse_qs(urlsplit(task["data"]["image"]).query)["d"]
        masks = []
        for result in task["predictions"][0]["result"]:
            assert result["type"] == "brushlabels" and result["to_name"] == "image"
            assert result["from_name"] == config.find("BrushLabels").get("name")
            [category] = result["value"]["brushlabels"]
            assert category in known
            rgba = unpack(bytes(result["value"]["rle"])).reshape(result["original_height"], result["original_width"], 4)
            assert (rgba == rgba[..., :1]).all()
            masks.append((category, rgba[..., 3] > 0))
        found[name] = masks
    return found


def unpack(content):
    """thi.ng's rle-pack, after the decoder in its documentation."""
    bits, position = "".join(f"{byte:08b}" for byte in content), 0

    def read(count):
        nonlocal position
        position += count
        return int(bits[position - count : position], 2)

    total, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values = []
    while len(values) < total:
        same, length = read(1), None
        length = read(sizes[read(2)]) + 1
        values += [read(word)] * length if same else [read(word) for _ in range(length)]
    assert len(values) == total
    return np.array(values)


def read_datumaro(folder):
    [path] = (folder / "annotations").iterdir()
    content = json.loads(path.read_text(encoding="utf-8"))
    labels = [label["name"] for label in content["categories"]["label"]["labels"]]
    found = {}
    for item in content["items"]:
        name = item["image"]["path"]
        with Image.open(folder / "images" / path.stem / name) as photo:
            assert item["image"]["size"] == [photo.height, photo.width]
        assert item["id"] == name.rsplit(".", 1)[0]
        found[name] = [
            (labels[one["label_id"]], coco_mask.decode(one["rle"]) > 0)
            for one in item["annotations"]
            if one["type"] == "mask"
        ]
    return found


def read_labelme(folder):
    found = {}
    for path in sorted(folder.rglob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        photo = path.parent / content["imagePath"]
        size = content["imageHeight"], content["imageWidth"]
        with Image.open(photo) as image:
            assert size == (image.height, image.width)
        masks = {}
        for shape in content["shapes"]:
            assert shape["shape_type"] == "polygon" and len(shape["points"]) >= 3
            category, mask = masks.get(shape["group_id"], (shape["label"], np.zeros(size, bool)))
            masks[shape["group_id"]] = category, mask | filled(shape["points"], *size)
        found[photo.relative_to(folder).as_posix()] = list(masks.values())
    return found


def read_instance_png(folder, maps="."):
    table = list(csv.DictReader((folder / "instances.csv").open(encoding="utf-8")))
    found = {}
    for path in sorted((folder / maps).rglob("*.png")):
        name = path.relative_to(folder / maps).with_suffix("").as_posix()
        values = np.array(Image.open(path))
        rows = [row for row in table if row["image_id"] == name]
        found[name] = [(row["category"], values == int(row["value"])) for row in rows]
        assert set(np.unique(values)) <= {0, *(int(row["value"]) for row in rows)}
    return found


READERS = {
    "coco": read_coco_with_pycocotools,
    "coco_rle": read_coco_with_pycocotools,
    "yolo": read_yolo,
    "cvat": read_cvat,
    "label_studio": read_label_studio,
    "datumaro": read_datumaro,
    "labelme": read_labelme,
    "png": lambda folder: read_instance_png(folder, "instance_grey"),
    "imagej": read_instance_png,
}


def iou(mask, other):
    return (mask & other).sum() / (mask | other).sum()


def expected(file_format):
    """What a reader should find: file name (or id) to the list of (category, mask)."""
    found = {}
    for image_id, name, size, instances in photo_list():
        taken, masks = np.zeros(size, bool), []
        for label, _, mask in sorted(instances, key=lambda one: one[2].sum()):
            masks.append((CATEGORIES.names[label - 1], mask & ~taken if file_format in FLAT else mask))
            taken |= mask
        key = image_id if file_format in FLAT else "/".join([*image_id.split("/")[:-1], name])
        found[key] = masks[::-1]
    return found


# ------------------------------------------------------------------ tests


@pytest.mark.parametrize(
    "file_format, tolerance",
    [(name, tolerance) for name in WRITERS for tolerance in ((0.0, 1.0, 5.0) if name in POLYGONS else (1.0,))],
)
def test_a_reader_of_the_format_finds_every_instance(dataset, tmp_path, file_format, tolerance):
    found = READERS[file_format](export(dataset, tmp_path / "export", file_format, tolerance=tolerance))
    wanted = expected(file_format)
    assert set(found) == set(wanted)
    for name, instances in wanted.items():
        assert [category for category, _ in found[name]] == [category for category, _ in instances], name
        for (_, mask), (_, true) in zip(found[name], instances, strict=True):
            assert iou(mask, true) >= (0.98 if file_format in POLYGONS and tolerance else 1), name


CVAT_DOCUMENTATION = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><labels><label><name>car</name></label></labels></task></meta>
<image id="0" name="a.jpg" width="1920" height="1080"><mask label="car" source="manual" occluded="0"
rle="3, 5, 7, 7, 5, 9, 3, 11, 2, 11, 2, 12, 1, 12, 1, 26, 1, 12, 1, 12, 2, 11, 3, 9, 5, 7, 7, 5, 3"
left="707" top="888" width="13" height="15" z_order="0"></mask></image></annotations>"""
"""A mask from the page "XML annotation format" of CVAT's documentation."""


def test_the_mask_of_cvats_documentation_has_the_runs_that_we_write(tmp_path):
    (tmp_path / "annotations.xml").write_text(CVAT_DOCUMENTATION)
    (tmp_path / "labels.json").write_text('[{"name": "car"}]')
    [(category, mask)] = read_cvat(tmp_path)["a.jpg"]
    assert category == "car" and mask[888:903, 707:720].sum() == mask.sum() == 149
    rle = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    photo = ExportedPhoto("a", "a.jpg", "a.jpg", 1080, 1920, [1], [1.0], [rle])
    cvat.write(tmp_path, [photo], Categories(("car",), (1,), ("#ff0000",)), Options())
    written = ElementTree.parse(tmp_path / "annotations.xml").find("image/mask")
    documented = ElementTree.fromstring(CVAT_DOCUMENTATION.encode()).find("image/mask")
    keys = ("label", "rle", "left", "top", "width", "height", "z_order", "occluded")
    assert [written.get(key) for key in keys] == [documented.get(key) for key in keys]


RING = np.zeros((6, 8), bool)
RING[1:5, 2:7], RING[2:4, 4] = True, False
BOX = np.zeros((6, 8), bool)
BOX[1:4, 2:6] = True
LABEL_STUDIO_RLE = (
    *(0, 0, 0, 192, 57, 27, 254, 39, 0, 194, 127, 246, 192, 39, 255, 140, 2, 127, 251, 96, 19, 255, 198, 1, 63, 253),
    *(176, 12, 39, 255, 136, 192, 0),
)
COCO_RLE = {"counts": [13, 4, 2, 4, 2, 1, 2, 1, 2, 4, 2, 4, 7], "size": [6, 8]}
DATUMARO_RLE = {"counts": "=4200M0003005", "size": [6, 8]}
FILES_OF_TOOLS = {
    # label_studio_sdk 2.1.2: converter.brush.mask2rle(RING * 255), in the fields of the page "BrushLabels"
    "label_studio": {
        "labeling_config.xml": '<View><Image name="image" value="$image"/><BrushLabels name="brush" toName="image">'
        '<Label value="dog"/></BrushLabels></View>',
        "tasks.json": [
            {
                "data": {"image": "/data/local-files/?d=a.png"},
                "predictions": [
                    {
                        "result": [
                            {
                                "from_name": "brush",
                                "to_name": "image",
                                "type": "brushlabels",
                                "original_width": 8,
                                "original_height": 6,
                                "image_rotation": 0,
                                "value": {"format": "rle", "rle": LABEL_STUDIO_RLE, "brushlabels": ["dog"]},
                            }
                        ]
                    }
                ],
            }
        ],
    },
    # datumaro 1.13.12: Dataset.export(..., "datumaro") of a Mask(RING); image.path is null without photos
    "datumaro": {
        "annotations/train.json": {
            "dm_format_version": "1.0",
            "media_type": 2,
            "categories": {"label": {"labels": [{"name": "cat", "parent": ""}, {"name": "dog", "parent": ""}]}},
            "items": [
                {
                    "id": "a",
                    "annotations": [
                        {"id": 1, "type": "mask", "group": 1, "label_id": 1, "rle": DATUMARO_RLE, "z_order": 0}
                    ],
                    "image": {"path": "a.png", "size": [6, 8]},
                }
            ],
        }
    },
    # datumaro 1.13.12: Dataset.export(..., "coco_instances") of the same mask; it marks every mask as a crowd
    "coco": {
        "instances.json": {
            "images": [{"id": 1, "width": 8, "height": 6, "file_name": "a.png"}],
            "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
            "annotations": [
                {
                    "id": 1,
                    "image_id": 1,
                    "category_id": 2,
                    "segmentation": COCO_RLE,
                    "area": 18.0,
                    "bbox": [2.0, 1.0, 5.0, 4.0],
                    "iscrowd": 1,
                }
            ],
        }
    },
    # supervision 0.31.2: DetectionDataset.as_yolo of a box of 4 x 3 pixels; it names the last pixels, not their edges
    "yolo": {
        "data.yaml": "nc: 2\nnames: [cat, dog]\ntrain: images/train\nval: images/val\n",
        "labels/train/a.txt": "1 0.25000 0.16667 0.25000 0.66667 0.75000 0.66667 0.75000 0.16667\n",
    },
    # supervision 0.31.2: DetectionDataset.as_labelme of the same box
    "labelme": {
        "a.json": {
            "version": "5.5.0",
            "flags": {},
            "shapes": [
                {
                    "label": "dog",
                    "points": [[2.0, 1.0], [2.0, 4.0], [6.0, 4.0], [6.0, 1.0]],
                    "group_id": None,
                    "description": "",
                    "shape_type": "polygon",
                    "flags": {},
                }
            ],
            "imagePath": "a.png",
            "imageData": None,
            "imageHeight": 6,
            "imageWidth": 8,
        }
    },
}
"""What the libraries of tools wrote of a ring or a box in a photo a.png of 8 x 6 pixels. We had no page of the tools'
documentation with a whole file, so these are files of their own writers."""


@pytest.mark.parametrize("file_format", FILES_OF_TOOLS)
def test_a_file_of_the_tool_itself_is_read_alike(tmp_path, file_format):
    """The readers that judge our exports also read what the tools write."""
    for name, content in FILES_OF_TOOLS[file_format].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    for folder in (".", "images/train"):  # where a format has the photo
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6)).save(tmp_path / folder / "a.png")
    if file_format == "coco":  # our import, since a crowd is no instance to pycocotools
        images = pd.DataFrame([("a", "a.png", 8, 6, (), "0")], columns=IMAGE_COLUMNS)
        [(_, _, _, [mask])] = from_coco(tmp_path / "instances.json", images)
        assert (decode(mask) == RING).all()
        return
    [(category, mask)] = READERS[file_format](tmp_path)["a.png"]
    assert category == "dog"
    assert (mask == (BOX if file_format in POLYGONS else RING)).all()


def test_a_brush_of_long_runs_is_cut_into_runs_of_16_bits():
    mask = np.zeros((300, 400), bool)
    mask[100:290] = True
    assert (unpack(bytes(brush(mask))).reshape(300, 400, 4)[..., 0] == np.where(mask, 255, 0)).all()


def test_photos_without_an_instance_are_left_out_on_demand(dataset, tmp_path, capsys):
    export(dataset, tmp_path / "some", "coco", keep_empty=False)
    found = read_coco_with_pycocotools(tmp_path / "some")
    assert "nothing.png" not in found and len(found) == len(photo_list()) - 1
    assert "16 instances in 14 photos; 1 photos without an instance are left out." in capsys.readouterr().out


@pytest.mark.parametrize("share, splits", [(0.0, {"train"}), (0.4, {"train", "val"}), (1e-9, {"train", "val"})])
def test_a_photo_stays_in_its_split_of_yolo(dataset, tmp_path, share, splits):
    export(dataset, tmp_path / "yolo", "yolo", val_share=share)
    found = {path.name: path.parent.parent for path in (tmp_path / "yolo" / "labels").rglob("*.txt")}
    named = yaml.safe_load((tmp_path / "yolo" / "data.yaml").read_text(encoding="utf-8"))
    assert {Path(named["train"]).name, Path(named["val"]).name} == splits
    assert named["names"] == dict(enumerate(CATEGORIES.names)) and "path" not in named
    for split in splits:
        assert any((tmp_path / "yolo" / "labels" / split).rglob("*.txt"))
    if share == 0.4:
        in_val = {photo_id for photo_id, *_ in photo_list() if draw(photo_id) < share}
        assert 0 < len(in_val) < len(found)
        assert len([*(tmp_path / "yolo" / "labels" / "val").rglob("*.txt")]) == len(in_val)


@pytest.mark.parametrize("copy_photos", [False, True])
@pytest.mark.parametrize("file_format", ["yolo", "datumaro", "labelme"])
def test_photos_are_links_or_copies(dataset, tmp_path, file_format, copy_photos):
    export(dataset, tmp_path / "export", file_format, copy_photos=copy_photos)
    photos = [*(tmp_path / "export").rglob("holiday beach 1.jpg")]
    linked = not copy_photos and file_format != "datumaro"  # Datumaro refuses links that lead out of its folder
    assert [path.is_symlink() for path in photos] == [linked]
    original = dataset / "photos" / "deep" / "images" / "holiday beach 1.jpg"
    assert photos[0].read_bytes() == original.read_bytes()


def test_palette_and_grey_masks_have_the_same_values(dataset, tmp_path):
    folder = export(dataset, tmp_path / "png", "png")
    for kind in ("class", "instance"):
        for path in (folder / f"{kind}_grey").rglob("*.png"):
            palette = Image.open(folder / f"{kind}_palette" / path.relative_to(folder / f"{kind}_grey"))
            grey = Image.open(path)
            assert palette.mode == "P" and grey.mode == ("L" if kind == "class" else "I;16")
            assert (np.array(palette) == np.array(grey)).all()
    labels = np.array(Image.open(folder / "class_grey" / "many.png"))
    assert set(np.unique(labels)) == {0, 1, 2, 3} and labels[3, 5] == 3
    rows = list(csv.reader((folder / "labels.csv").open(encoding="utf-8")))
    assert rows[1:] == [["1", "cat", "#800000"], ["2", "red dog", "#008000"], ["3", "Möwe", "#808000"]]


def test_more_instances_than_a_palette_holds(tmp_path, capsys):
    masks = [np.arange(300).reshape(15, 20) == pixel for pixel in range(300)]
    rles = [coco_mask.encode(np.asfortranarray(mask, np.uint8)) for mask in masks]
    photo = ExportedPhoto("full", "full.png", "full.png", 15, 20, [1] * 300, [1.0] * 300, rles)
    WRITERS["png"](tmp_path, [photo], CATEGORIES, Options())
    assert (np.array(Image.open(tmp_path / "instance_grey" / "full.png")).ravel() == np.arange(1, 301)).all()
    assert not (tmp_path / "instance_palette").exists()
    assert "full: 300 instances do not fit into a palette" in capsys.readouterr().out


def test_masks_of_another_size_than_the_photo_are_refused(dataset, tmp_path):
    text = (
        (dataset / "instances.json")
        .read_text(encoding="utf-8")
        .replace('[1, 1], "counts": "01"', '[2, 1], "counts": "02"')
    )
    for name in ("images.csv", "categories.csv"):
        (tmp_path / name).write_bytes((dataset / name).read_bytes())
    (tmp_path / "instances.json").write_text(text, encoding="utf-8")
    for path in list(tmp_path.iterdir()):
        reseal(path)
    with pytest.raises(ValueError, match=r"tiny: found a mask of size \[2, 1\], expected \[1, 1\]"):
        export(tmp_path, tmp_path / "export", "coco")


def test_a_simplified_polygon_has_fewer_corners():
    y, x = np.mgrid[:375, :500]
    mask = (y - 180) ** 2 + (x - 250) ** 2 < 120**2
    rle = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    [exact], [simple] = outline(rle, 0), outline(rle, 1)
    assert len(simple) < len(exact) / 5
    assert iou(filled(simple, 375, 500), mask) >= 0.98 and (filled(exact, 375, 500) == mask).all()


def test_the_formats_of_the_schema_are_those_of_the_writers():
    schema = yaml.safe_load((WORKFLOW / "schemas" / "config.schema.yaml").read_text())
    assert schema["properties"]["export"]["properties"]["formats"]["items"]["enum"] == list(WRITERS)
    page = (WORKFLOW.parent / "docs" / "export.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(WRITERS)

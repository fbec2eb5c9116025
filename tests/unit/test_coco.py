"""Datasets in COCO's layout: keywords come from category ids alone, true masks from the JSON, mistakes are listed."""

import copy
import json
import re

import numpy as np
import pandas as pd
import pytest
from pycocotools import mask as rle

import index_images
import rasterise_ground_truth
import tiny_coco
from aisi.dataset.index import index_dataset
from aisi.evaluation.annotations import label_maps
from aisi.formats.coco import read_coco_labels
from aisi.formats.dataset import read_coco_ids, read_images, write_categories, write_images
from aisi.formats.files import FormatError
from aisi.formats.masks import read_labels
from aisi.planning.dataset_files import DatasetError
from tiny_coco import HEIGHT, TRAIN, VAL, WIDTH, annotation, box

ONE, TWO, THREE, FOUR = (f"{number:012d}" for number in (1, 2, 3, 4))


@pytest.fixture
def root(tmp_path):
    return tiny_coco.write(tmp_path / "coco")


def index(root, keywords=None, **options):
    return index_dataset("coco", root, keywords, "train", "val", **options)


def problems(root, **options):
    with pytest.raises(DatasetError) as caught:
        index(root, **options)
    return str(caught.value).splitlines()


# ------------------------------------------------------------------ keywords


def test_keywords_are_the_categories_of_the_annotations(root):
    found = index(root)
    train = found.images["train"]
    assert train["image_id"].tolist() == [ONE, TWO]
    assert train["keywords"].tolist() == [("person", "dog"), ("person", "dog")]
    assert train["path"][0] == f"dataset.root/train/{ONE}.jpg"
    assert found.images["val"]["keywords"].tolist() == [("dog",)]
    assert found.rejected.to_numpy().tolist() == [[f"dataset.root/train/{THREE}.jpg", "no keyword"]]


def test_several_training_splits_are_read_in_the_order_of_the_list(root):
    """COCO's trainval is train2014 and val2014: each split keeps its table."""
    tiny_coco.write(root, more=tiny_coco.content([5, 6], [annotation(21, 5, 1, box(0, 0, 4, 6))]))
    found = index_dataset("coco", root, None, ["more", "train"], "val")
    assert list(found.images) == ["more", "train", "val"]
    five, six = f"{5:012d}", f"{6:012d}"
    assert found.images["more"]["image_id"].tolist() == [five]
    assert found.images["more"]["path"][0] == f"dataset.root/more/{five}.jpg"
    assert found.images["train"]["image_id"].tolist() == [ONE, TWO]
    without = [f"dataset.root/more/{six}.jpg", f"dataset.root/train/{THREE}.jpg"]
    assert found.rejected["path"].tolist() == without


def test_a_photo_of_two_training_splits_stops(root):
    tiny_coco.write(root, more=TRAIN)
    lines = str(pytest.raises(DatasetError, index_dataset, "coco", root, None, ["train", "more"], "val").value)
    assert f"{ONE!r} is also in" in lines


def test_shards_of_several_splits_follow_each_other(root, tmp_path):
    tiny_coco.write(root, more=tiny_coco.content([5], [annotation(21, 5, 1, box(0, 0, 4, 6))]))
    names = [f"{split}_{shard}" for split in ("more", "train", "val") for shard in range(2)]
    paths = {name: tmp_path / f"{name}.csv" for name in names}
    index_images.main(
        **{"layout": "coco", "root": root, "keywords": None, "train": ["more", "train"], "val": "val", "names": None},
        train_paths=list(paths.values())[:4],
        val_paths=list(paths.values())[4:],
        ids_path=tmp_path / "ids.csv",
        rejected_path=tmp_path / "rejected.csv",
        categories_path=tmp_path / "categories.csv",
    )
    tables = {split: read_images(paths[f"{split}_0"], paths[f"{split}_1"]) for split in ("more", "train", "val")}
    assert {split: sorted(table["image_id"]) for split, table in tables.items()} == {
        "more": [f"{5:012d}"],
        "train": [ONE, TWO],
        "val": [FOUR],
    }
    assert read_coco_ids(tmp_path / "ids.csv") == {FOUR: 4}


def test_category_ids_with_gaps_and_categories_without_instances_stay(root, capsys):
    categories = index(root).categories
    assert categories.names == ("person", "dog", "toothbrush")
    assert categories.ids == (1, 18, 90)
    assert categories.labels == range(1, 4)
    assert "no training photo has the keyword toothbrush" in capsys.readouterr().out


def test_a_csv_replaces_the_annotations(root, tmp_path):
    (tmp_path / "k.csv").write_text(f"image_id,keywords\n{ONE},toothbrush\n{TWO},dog\n{THREE},dog;person\nother,dog\n")
    found = index(root, tmp_path / "k.csv")
    assert found.images["train"]["keywords"].tolist() == [("toothbrush",), ("dog",), ("person", "dog")]
    assert found.categories.ids == (1, 18, 90)
    (tmp_path / "k.csv").write_text(f"image_id,keywords\n{ONE},cat\n{TWO},dog\n")
    lines = problems(root, keywords=tmp_path / "k.csv")
    assert any(f"no keywords for '{THREE}', expected them in {tmp_path / 'k.csv'}" in line for line in lines)
    assert any("keyword 'cat' of '000000000001' is not among the categories" in line for line in lines)


@pytest.mark.parametrize("mask", [box(0, 0, 8, 6), [], "no mask at all", None, {"size": [0], "counts": "!"}])
def test_masks_and_boxes_change_nothing(root, mask):
    before = index(root)
    changed = copy.deepcopy(TRAIN)
    for entry in changed["annotations"]:
        entry |= {"segmentation": mask, "bbox": mask, "area": -1, "iscrowd": 1 - entry["iscrowd"]}
    tiny_coco.write(root, train=changed)
    after = index(root)
    assert before.images["train"].equals(after.images["train"])
    assert before.categories == after.categories


def test_masks_are_dropped_while_the_file_is_read(root):
    labels = read_coco_labels(root / "annotations/instances_train.json")
    assert set().union(*labels["annotations"]) == {"id", "image_id", "category_id"}
    assert set().union(*labels["images"]) == {"id", "file_name"}


def test_file_names_in_folders(root):
    train = copy.deepcopy(TRAIN)
    train["images"][0]["file_name"] = "a/é.b.jpg"
    (root / "train/a").mkdir()
    (root / "train" / f"{ONE}.jpg").rename(root / "train/a/e\u0301.b.jpg")
    tiny_coco.write(root, train=train)
    assert index(root).images["train"]["image_id"].tolist() == [TWO, "a/é.b"]


@pytest.mark.parametrize("convert", [str, float, lambda number: f"0{number}"])
def test_ids_of_any_type(root, convert):
    before = index(root).images["train"]
    train = copy.deepcopy(TRAIN)
    for part in ("images", "categories"):
        for entry in train[part]:
            entry["id"] = convert(entry["id"])
    for entry in train["annotations"]:
        entry |= {key: convert(entry[key]) for key in ("image_id", "category_id")}
        del entry["id"]
    tiny_coco.write(root, train=train)
    assert index(root).images["train"].equals(before)


@pytest.mark.parametrize("prefix", ["train/", "./", "images\\", "/mnt/data/train/", "https://host/bucket/"])
def test_file_names_of_another_place(root, prefix):
    before = index(root).images["train"]
    train = copy.deepcopy(TRAIN)
    for image in train["images"]:
        image["file_name"] = prefix + image["file_name"]
    tiny_coco.write(root, train=train)
    assert index(root).images["train"].equals(before)


# ------------------------------------------------------------------ mistakes


def changed(part, entry=None, **values):
    train = copy.deepcopy(TRAIN)
    if entry is None:
        train[part].append(values)
    else:
        train[part][entry] |= values
    return train


MISTAKES = {
    "unknown image": (changed("annotations", 0, image_id=99), "1 annotations have an unknown image_id, such as 99 of"),
    "unknown category": (
        changed("annotations", 0, category_id=2),
        "an unknown category_id, such as 2 of annotation 11",
    ),
    "two annotations": (changed("annotations", 0, id=12), "1 ids of annotations occur twice, such as 12"),
    "two images": (changed("images", 0, id=2), "1 ids of images occur twice, such as 2"),
    "two files": (changed("images", 0, file_name=f"{TWO}.jpg"), f"image 2: '{TWO}' is also in .*image 1"),
    "two categories": (changed("categories", 0, id=1), "1 ids of categories occur twice, such as 1"),
    "two names": (changed("categories", 0, name="dog"), "two categories have the same name"),
    "other categories": (
        changed("categories", id=2, name="cat"),
        "instances_val.json: its categories are not those of the other",
    ),
    "no file name": (changed("images", 0, file_name=None), "1 of 3 images lack id, file_name, or have one of"),
    "no category": (changed("annotations", 0, category_id=None), "1 of 4 annotations lack image_id, category_id, or"),
    "category half a number": (changed("annotations", 0, category_id=1.5), "1 of 4 annotations lack image_id, cat"),
    "category a word": (changed("categories", 0, id="one"), "the id 'one' of a category is no number"),
    "path above": (changed("images", 0, file_name="../val/4.jpg"), "'../val/4.jpg' leads out of"),
    "absolute path": (changed("images", 0, file_name="/etc/4.jpg"), "'/etc/4.jpg' leads out of"),
    "ids alike": (changed("images", 0, id="2"), "1 ids of images occur twice, such as 2"),
    "separator": (changed("categories", 0, name="a;b"), "category 'a;b'.*: the name holds ';', which separates"),
    "comma": (changed("categories", 0, name="monitor, computer"), "category 'monitor, computer'.*: the name holds ','"),
    "invisible": (changed("categories", 0, name="per\u200bson"), "the name holds the invisible character U\\+200B"),
    "no keyword": (changed("categories", 0, name="None"), "category 'None'.*: this word means that there is no"),
    "case": (changed("categories", 0, name="Dog"), "'dog'.* and 'Dog' differ only in case"),
    "reserved": (changed("categories", 0, name="noisy"), "category 'noisy'.*: this word has another meaning"),
    "no images": ({**TRAIN, "images": [], "annotations": []}, "no photo of dataset.train"),
}


@pytest.mark.parametrize(("train", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_in_the_json(root, train, message):
    tiny_coco.write(root, train=train)
    text = "\n".join(problems(root))
    assert len(re.findall(message, text)) == 1, text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(TRAIN)[:-40], "instances_train.json: found a file that cannot be read"),
        ("[]", "no list of objects images and categories and annotations, expected images, categories, annotations"),
        ('{"images": [], "categories": []}', "found no list of objects annotations"),
        ('{"images": [3], "categories": [], "annotations": []}', "found no list of objects images"),
    ],
)
def test_a_file_that_is_no_coco_json(root, text, message):
    (root / "annotations/instances_train.json").write_text(text)
    with pytest.raises(FormatError, match=message):
        index(root)


def test_photos_missing_on_disk(root):
    (root / "train" / f"{ONE}.jpg").unlink()
    [line] = problems(root)
    assert f"instances_train.json, image 1: no photo '{ONE}'" in line
    found = index(root, on_bad_image="skip")
    assert found.images["train"]["image_id"].tolist() == [TWO]
    assert found.rejected["path"].tolist() == [f"dataset.root/train/{name}" for name in (ONE, f"{THREE}.jpg")]


# ------------------------------------------------------------------ true masks


def rasterise(root, folder):
    found = index(root)
    for split in ("train", "val"):
        write_images(folder / f"{split}.csv", found.images[split])
    write_categories(folder / "categories.csv", found.categories)
    rasterise_ground_truth.main(
        [root / "annotations/instances_train.json", root / "annotations/instances_val.json"],
        [folder / "train.csv", folder / "val.csv"],
        folder / "categories.csv",
        folder / "classes",
        folder / "objects",
    )
    return lambda kind, image_id: read_labels(folder / kind / f"{image_id}.png")


def test_true_masks(root, tmp_path):
    read = rasterise(root, tmp_path)
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[:, :4] = 2
    expected[:3, 2:4] = 1
    assert (read("classes", ONE) == expected).all()
    assert (read("objects", ONE) == np.where(expected == 2, 1, np.where(expected == 1, 2, 0))).all()
    expected = np.full((HEIGHT, WIDTH), 255, np.uint8)
    expected[:, 1] = 2
    assert (read("classes", TWO) == expected).all()
    assert (read("objects", TWO) == np.where(expected == 2, 1, 255)).all()
    assert sorted(path.stem for path in (tmp_path / "classes").iterdir()) == [ONE, TWO, FOUR]


def test_a_file_in_which_everything_is_a_crowd_holds_true_instances(root, tmp_path):
    train = copy.deepcopy(TRAIN)
    for entry in train["annotations"]:
        entry |= {"iscrowd": 1, "image_id": str(entry["image_id"])}
    tiny_coco.write(root, train=train)
    read = rasterise(root, tmp_path)
    assert set(np.unique(read("objects", TWO))) == {1, 2}
    assert 255 not in read("classes", TWO)


@pytest.mark.parametrize("empty", [[], [[3, 3, 3, 3, 3, 3]], {"size": [HEIGHT, WIDTH], "counts": [48]}])
def test_annotations_without_area_are_keywords_but_no_objects(root, tmp_path, empty, capsys):
    train = changed("annotations", **annotation(15, 3, 90, empty, bbox=[3, 3, 0, 0], area=0))
    tiny_coco.write(root, train=train)
    read = rasterise(root, tmp_path)
    assert not read("classes", THREE).any()
    assert index(root).images["train"]["keywords"].tolist()[-1] == ("toothbrush",)
    assert "1 annotations without pixels" in capsys.readouterr().out


def test_masks_that_do_not_fit_are_listed_together(root, tmp_path):
    train = changed("annotations", 0, segmentation=[[1, 2]])
    del train["annotations"][1]["segmentation"]
    train["annotations"][3]["segmentation"]["counts"] = [6, 6]
    tiny_coco.write(root, train=train)
    with pytest.raises(ValueError) as caught:
        rasterise(root, tmp_path)
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        f"annotation {number} of '{image_id}'" for number, image_id in ((11, ONE), (12, ONE), (14, TWO))
    ]


def test_masks_of_another_size_than_the_photo(root, tmp_path):
    tiny_coco.write(root, val=VAL | {"images": [VAL["images"][0] | {"width": 80}]})
    with pytest.raises(ValueError, match=rf"image '{FOUR}': found masks of \[6, 80\] pixels, expected \[6, 8\]"):
        rasterise(root, tmp_path)


def test_more_instances_than_a_palette_holds():
    masks = [rle.encode(np.asfortranarray(np.eye(1, 300, n, np.uint8))) for n in range(300)]
    classes, objects = label_maps([1] * 300, masks, (1, 300))
    assert (classes == 1).all()
    assert sorted(objects[0])[:254] == list(range(1, 255))
    assert (objects == 255).sum() == 46


def test_no_instance():
    classes, objects = label_maps([], [], (2, 3))
    assert classes.shape == objects.shape == (2, 3)
    assert not classes.any() and not objects.any()


def test_photos_of_other_sources_have_no_mask(root, tmp_path):
    found = index(root)
    other = found.images["train"].assign(image_id=["simple_images/dog/1", TWO])
    write_images(tmp_path / "images.csv", pd.DataFrame(other))
    write_categories(tmp_path / "categories.csv", found.categories)
    json_file = root / "annotations/instances_train.json"
    folders = tmp_path / "classes", tmp_path / "objects"
    rasterise_ground_truth.main([json_file], [tmp_path / "images.csv"], tmp_path / "categories.csv", *folders)
    assert [path.stem for path in folders[0].rglob("*.png")] == [TWO]

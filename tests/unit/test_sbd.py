"""VOC with SBD from the original archives: the list of train_aug, and true masks of all its photos."""

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

import convert_sbd
import list_train_aug
from aisi.dataset.index import index_dataset
from aisi.evaluation.sbd import read_sbd_masks
from aisi.formats.dataset import IMAGE_COLUMNS, write_images
from aisi.formats.masks import read_labels
from aisi.planning.dataset_files import DatasetError, check_dataset, dataset_sources, train_aug_lists
from tiny_sbd import CAT, SIZE, TRAIN_AUG, sbd_masks, write_sbd, write_voc


@pytest.fixture
def voc(tmp_path):
    return write_voc(tmp_path / "VOC2012")


@pytest.fixture
def sbd(tmp_path):
    return write_sbd(tmp_path / "benchmark_RELEASE/dataset")


def config(voc, archive, **changes):
    dataset = {"format": "voc", "root": str(voc), "keywords": None, "categories": None, "test": None}
    dataset |= {"train": "train_aug", "val": "val", "keyword_source": "table", "simple_images": None}
    dataset |= {"ground_truth": {"semantic": None, "instance": None}, "train_on": "main"}
    return dataset | {"sbd": {"root": str(archive), "train_aug": len(TRAIN_AUG)}} | changes


def write_list(voc, sbd, path, expected=5):
    lists = train_aug_lists(config(voc, sbd))
    list_train_aug.main(lists["train"], lists["val"], lists["sbd"], expected, path)


# ------------------------------------------------------------------ the list


def test_train_aug_is_sbd_and_voc_s_train_without_voc_s_val(voc, sbd, tmp_path):
    write_list(voc, sbd, tmp_path / "train_aug.txt")
    assert (tmp_path / "train_aug.txt").read_text().split() == TRAIN_AUG


def test_another_number_of_photos_stops(voc, sbd, tmp_path):
    found = r"found 5 photos of VOC train \(2\) and SBD \(6\) without VOC val \(2\), expected 10582"
    with pytest.raises(DatasetError, match=found):
        write_list(voc, sbd, tmp_path / "train_aug.txt", expected=10582)
    assert not (tmp_path / "train_aug.txt").exists()


def test_the_list_is_made_only_where_it_is_missing(voc, sbd):
    assert set(train_aug_lists(config(voc, sbd))) == {"train", "val", "sbd"}
    for changes in ({"train": "train"}, {"sbd": {"root": None, "train_aug": 5}}):
        assert train_aug_lists(config(voc, sbd, **changes)) == {}
    (voc / "ImageSets/Segmentation/train_aug.txt").write_text("a\n")  # the user's own counts
    assert train_aug_lists(config(voc, sbd)) == {}


def test_photos_and_keywords_of_the_made_list_come_from_voc(voc, sbd, tmp_path):
    write_list(voc, sbd, tmp_path / "train_aug.txt")
    lists = {"train_aug": tmp_path / "train_aug.txt"}
    images = index_dataset("voc", voc, None, "train_aug", "val", lists=lists).images
    assert images["train_aug"]["image_id"].tolist() == TRAIN_AUG
    assert set(images["train_aug"]["keywords"]) == {("cat", "dog")}
    sources = dataset_sources("voc", voc, None, ["train_aug", "val"], lists={"train_aug": "results/train_aug.txt"})
    assert sources[0] == "results/train_aug.txt" and not any(str(sbd) in path for path in sources)


def test_the_config_is_checked_before_anything_runs(voc, sbd):
    check_dataset(config(voc, sbd))
    (sbd / "val.txt").unlink()
    with pytest.raises(DatasetError, match="dataset.train is train_aug: .*val.txt not found"):
        check_dataset(config(voc, sbd))
    with pytest.raises(DatasetError, match="dataset.sbd.root: /nowhere/cls not found.*\n.*/nowhere/inst not found"):
        check_dataset(config(voc, sbd, sbd={"root": "/nowhere", "train_aug": 5}, train="train"))
    with pytest.raises(DatasetError, match="dataset.sbd.root is for format voc, found format coco"):
        check_dataset(config(voc, sbd, format="coco"))


# ------------------------------------------------------------------ the masks


def test_masks_are_those_of_the_archive(sbd):
    for number, image_id in enumerate("acdefg"):
        classes, objects = read_sbd_masks(sbd, image_id)
        expected = sbd_masks(number)
        assert classes.dtype == objects.dtype == np.uint8
        assert (classes == expected[0]).all() and (objects == expected[1]).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no file of Matlab", "cls.a.mat: cannot be read as a file of SBD"),
        (
            {"GTinst": {"Segmentation": np.zeros(SIZE, np.uint8)}},
            "cannot be read .* expected GTcls.Segmentation",
        ),
        ({"GTcls": {"Boundaries": 0}}, "cannot be read as a file of SBD"),
        ({"GTcls": {"Segmentation": np.zeros(SIZE)}}, "found GTcls.Segmentation with shape .* and type float64"),
        ({"GTcls": {"Segmentation": np.zeros((2, 3), np.uint8)}}, r"shape \(2, 3\) in cls and \(6, 8\) in inst"),
    ],
)
def test_other_files_stop_evaluation(sbd, content, message):
    path = sbd / "cls/a.mat"
    path.write_bytes(content) if isinstance(content, bytes) else savemat(path, content)
    with pytest.raises(ValueError, match=message):
        read_sbd_masks(sbd, "a")


def test_voc_s_own_masks_come_first_and_sbd_s_fill_the_rest(voc, sbd, tmp_path, capsys):
    rows = [(name, "x.jpg", SIZE[1], SIZE[0], ("cat",), "0") for name in (*TRAIN_AUG, "simple_images/cat/1")]
    write_images(
        tmp_path / "images.csv",
        pd.DataFrame(rows, columns=IMAGE_COLUMNS),
    )
    own = [voc / "SegmentationClass", voc / "SegmentationObject"]
    made = [tmp_path / "classes", tmp_path / "objects"]
    convert_sbd.main(own, sbd, [tmp_path / "images.csv"], *made)
    assert "VOC (2 photos), SBD (3 photos), nobody (1 photos)" in capsys.readouterr().out
    for folder in made:
        assert sorted(path.stem for path in folder.iterdir()) == TRAIN_AUG
    for image_id in "ab":  # a is in SBD too
        labels = read_labels(made[0] / f"{image_id}.png")
        assert set(np.unique(labels)) == {0, CAT, 255}
    for number, image_id in enumerate("acdefg"):
        if image_id in "efg":
            expected = sbd_masks(number)
            assert (read_labels(made[0] / f"{image_id}.png") == expected[0]).all()
            assert (read_labels(made[1] / f"{image_id}.png") == expected[1]).all()

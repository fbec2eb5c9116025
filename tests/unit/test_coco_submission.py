"""COCO's test split, which has photos and no annotations, and the archive for COCO's server."""

import json
import zipfile

import pytest
from PIL import Image

import index_test_images
import pack_coco_submission
import tiny_coco
from aisi.dataset.coco import coco_ids_of
from aisi.formats.coco import write_coco_results
from aisi.formats.dataset import read_coco_ids, read_images
from aisi.planning.dataset_files import DatasetError, annotation_file, check_dataset, photo_folder

NAMES = {1: "000000000001", 581929: "000000581929"}


@pytest.fixture
def root(tmp_path):
    """COCO's own layout of the test split: image_info_test-dev2017.json names a part of the photos in test2017."""
    root = tiny_coco.write(tmp_path / "coco")
    (root / "test2017").mkdir()
    for name in (*NAMES.values(), "000000000002"):
        Image.new("RGB", (8, 6)).save(root / "test2017" / f"{name}.jpg")
    images = [{"id": n, "file_name": f"{name}.jpg", "width": 8, "height": 6} for n, name in NAMES.items()]
    info = {"images": images, "categories": tiny_coco.CATEGORIES, "info": {}, "licenses": []}
    (root / "annotations" / "image_info_test-dev2017.json").write_text(json.dumps(info))
    return root


def dataset(root, **changes):
    block = {"format": "coco", "root": str(root), "keywords": None, "categories": None, "train_on": "main"}
    block |= {"train": "train", "val": "val", "test": "test-dev2017", "ground_truth": {}, "simple_images": None}
    block |= {"sbd": {"root": None}}
    return block | changes


def test_the_test_split_has_a_list_and_a_folder_of_its_own_names(root, tmp_path):
    check_dataset(dataset(root))
    assert annotation_file(root, "test-dev2017").name == "image_info_test-dev2017.json"
    assert photo_folder("coco", root, "test-dev2017") == root / "test2017"
    paths = [tmp_path / "0.csv", tmp_path / "1.csv"]
    index_test_images.main("coco", root, None, "test-dev2017", 100, 1, paths, tmp_path / "ids.csv")
    assert sorted(read_images(*paths)["image_id"]) == sorted(NAMES.values())
    assert read_coco_ids(tmp_path / "ids.csv") == {name: number for number, name in NAMES.items()}


@pytest.mark.parametrize("key", ["train", "val"])
def test_a_split_without_annotations_trains_and_evaluates_nothing(root, key):
    with pytest.raises(DatasetError, match=f"dataset.{key}: .* has no annotations, expected instances_test-dev2017"):
        check_dataset(dataset(root, **{"test": None, key: "test-dev2017"}))


def test_a_photo_without_an_id_is_an_error(root):
    with pytest.raises(ValueError, match="no image is photo '000000000002'"):
        coco_ids_of(annotation_file(root, "test-dev2017"), [*NAMES.values(), "000000000002"])


def result(image_id):
    mask = {"size": [6, 8], "counts": "0`1"}
    return {"image_id": image_id, "category_id": 18, "bbox": [0, 0, 8, 6], "score": 0.5, "segmentation": mask}


def test_the_archive_has_the_name_and_the_ids_that_the_server_wants(tmp_path):
    write_coco_results(tmp_path / "predictions.json", [result(number) for number in NAMES])
    paths = [tmp_path / name / "detections_test-dev2017_aisi_results.zip" for name in "ab"]
    for path in paths:
        path.parent.mkdir()
        pack_coco_submission.main(tmp_path / "predictions.json", path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with zipfile.ZipFile(paths[0]) as archive:
        assert archive.namelist() == ["detections_test-dev2017_aisi_results.json"]
        content = json.loads(archive.read("detections_test-dev2017_aisi_results.json"))
    assert [one["image_id"] for one in content] == list(NAMES)


@pytest.mark.parametrize(("results", "message"), [([], "found no instance"), ([result("x")], "found image_id 'x'")])
def test_what_the_server_refuses_is_not_packed(tmp_path, results, message):
    write_coco_results(tmp_path / "predictions.json", results)
    with pytest.raises(ValueError, match=message):
        pack_coco_submission.main(tmp_path / "predictions.json", tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()

"""A dataset's files are found, and what is missing is told before any job."""

import os

import pytest

from aisi.planning.dataset_files import (
    DatasetError,
    check_dataset,
    check_import,
    dataset_sources,
    list_files,
    voc_masks,
)


def config(**changes):
    masks = {"semantic": None, "instance": None}
    demo = {"format": "demo", "root": None, "keywords": None, "categories": None, "train": "train", "val": "val"}
    demo |= {"test": None, "keyword_source": "table", "sbd": {"root": None, "train_aug": 10582}}
    return demo | {"ground_truth": masks, "simple_images": None, "train_on": "main"} | changes


@pytest.fixture
def photos(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name in ("b.jpg", "a.PNG", "sub/c.webp", "notes.txt", ".DS_Store"):
        (tmp_path / "photos" / name).write_text(name)
    (tmp_path / "keywords.csv").write_text("image_id,split,keywords\n")
    return tmp_path / "photos"


@pytest.fixture
def voc(tmp_path):
    for name in ("JPEGImages", "ImageSets/Segmentation", "Annotations"):
        (tmp_path / "voc" / name).mkdir(parents=True)
    for split in ("train", "val"):
        (tmp_path / "voc/ImageSets/Segmentation" / f"{split}.txt").write_text("a\n")
    return tmp_path / "voc"


def photos_config(photos, **changes):
    return config(format="photos", root=str(photos), keywords=str(photos.parent / "keywords.csv")) | changes


def test_photos_are_listed_by_suffix_of_any_case(photos):
    assert [name for name, _ in list_files(photos)] == ["a.PNG", "b.jpg", "sub/c.webp"]


def test_links_are_followed_but_not_in_circles(photos):
    (photos / "sub" / "up").symlink_to(photos)
    (photos / "link").symlink_to(photos / "sub")
    (photos / "broken.jpg").symlink_to(photos / "nowhere.jpg")
    assert [name for name, _ in list_files(photos)] == ["a.PNG", "b.jpg", "link/c.webp", "sub/c.webp"]


def test_masks_are_never_among_the_sources(voc):
    (voc / "SegmentationClass").mkdir()
    for keywords in ("keywords.csv", None):
        sources = dataset_sources("voc", voc, keywords, ["train", "val"])
        assert not any("Segmentation" in os.path.basename(path) for path in sources)


def test_sources(voc):
    lists = [f"{voc}/ImageSets/Segmentation/{split}.txt" for split in ("train", "val")]
    photos, annotations = f"{voc}/JPEGImages", f"{voc}/Annotations"
    assert dataset_sources("voc", voc, "k.csv", ["train", "val"]) == [*lists, "k.csv", photos]
    assert dataset_sources("voc", voc, None, ["train"]) == [lists[0], annotations, photos]
    assert dataset_sources("photos", voc, "k.csv", ["train", "val"]) == ["k.csv", str(voc)]
    assert dataset_sources("photos", voc, None, ["train"], "folders") == [str(voc)]
    (voc / "data.yaml").touch()
    labels = f"{voc}/Annotations"
    assert dataset_sources("photos", voc, labels, ["train"], "yolo") == [labels, f"{voc}/data.yaml", str(voc)]
    assert dataset_sources("photos", voc, labels, ["train"], "texts") == [labels, str(voc)]


def test_every_training_split_is_checked(voc):
    (voc / "ImageSets/Segmentation/more.txt").write_text("a\n")
    check_dataset(config(format="voc", root=str(voc), train=["train", "more"], val="val"))
    with pytest.raises(DatasetError, match="dataset.train: .*most.txt not found"):
        check_dataset(config(format="voc", root=str(voc), train=["train", "most"], val="val"))


def test_lists_in_main(voc):
    (voc / "ImageSets/Main").mkdir()
    for split in ("train", "trainval"):
        (voc / f"ImageSets/Main/{split}.txt").write_text("a\n")
    photos, annotations = f"{voc}/JPEGImages", f"{voc}/Annotations"
    lists = [f"{voc}/ImageSets/Segmentation/train.txt", f"{voc}/ImageSets/Main/trainval.txt"]
    assert dataset_sources("voc", voc, None, ["train", "trainval"]) == [*lists, annotations, photos]
    check_dataset(config(format="voc", root=str(voc), train="trainval", val="val"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keyword_source": "folders"}, "dataset.keywords: found .*keywords.csv, but keyword_source folders needs no"),
        (
            {"keyword_source": "metadata", "keywords": None, "val": "val"},
            "dataset.val: found 'val', but keyword",
        ),
        ({"keyword_source": "texts"}, "dataset.keywords: .*keywords.csv not found, expected the folder of a text file"),
        ({"keyword_source": "coco", "keywords": "none.json"}, "none.json not found.*, expected COCO JSON"),
    ],
)
def test_wrong_sources_of_keywords(photos, changes, message):
    with pytest.raises(DatasetError, match=message):
        check_dataset(photos_config(photos, **({"val": None} | changes)))


def test_sources_of_keywords(photos):
    for source, keywords in (("folders", None), ("metadata", None), ("texts", photos), ("yolo", photos)):
        check_dataset(photos_config(photos, keyword_source=source, keywords=keywords and str(keywords), val=None))


def test_whole_datasets_pass(photos, voc, tmp_path):
    check_dataset(config())
    check_dataset(config(val=None))
    check_dataset(photos_config(photos))
    check_dataset(photos_config(photos, ground_truth={"semantic": str(photos), "instance": None}))
    check_dataset(config(format="voc", root=str(voc)))
    check_dataset(config(format="voc", root=str(voc), keywords=str(tmp_path / "keywords.csv")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"root": None}, "dataset.root is null, expected the folder of photos"),
        ({"root": "/nowhere"}, "dataset.root: /nowhere not found, expected the folder of photos.*Correct"),
        ({"root": "beside"}, "dataset.root: beside not found from .*run, where results/ are written"),
        ({"keywords": None}, "dataset.keywords is null, expected a table"),
        ({"keywords": "none.csv"}, "dataset.keywords: none.csv not found"),
        ({"ground_truth": {"semantic": None, "instance": "/nowhere"}}, "dataset.ground_truth.instance: /nowhere not"),
        ({"val": "train"}, "are 'train', 'train'. Name different splits"),
        ({"test": "val"}, "are 'train', 'val', 'val'. Name different splits"),
        ({"train": ["train", "more"], "val": "more"}, "are 'train', 'more', 'more'. Name different splits"),
        ({"train": ["a", "b"], "keyword_source": "folders", "keywords": None}, "dataset.train: found 'b', but keyword"),
        ({"train": ["a", "b"], "train_on": "simple"}, "dataset.train is a list, but with train_on simple"),
        ({"train_on": "both"}, "dataset.simple_images is null, expected a folder with a sub-folder for each keyword"),
    ],
)
def test_wrong_photos_config(photos, changes, message):
    with pytest.raises(DatasetError, match=message):
        check_dataset(photos_config(photos, **changes))


def test_every_problem_of_a_config_is_told(photos):
    with pytest.raises(DatasetError) as caught:
        check_dataset(photos_config(photos, root="/nowhere", keywords=None, val="train"))
    assert len(str(caught.value).splitlines()) == 3


def test_results_may_not_be_written_among_the_photos(photos, monkeypatch):
    for folder in (photos, photos / "sub"):
        monkeypatch.chdir(folder)
        with pytest.raises(DatasetError, match="--directory"):
            check_dataset(photos_config(photos))


def test_wrong_voc_config(voc):
    check = pytest.raises(DatasetError, match="dataset.val: .*val.txt not found")
    (voc / "ImageSets/Segmentation/val.txt").unlink()
    with check:
        check_dataset(config(format="voc", root=str(voc)))
    check_dataset(config(format="voc", root=str(voc), val=None))
    (voc / "Annotations").rmdir()
    with pytest.raises(DatasetError, match="dataset.keywords is null: .*Annotations not found"):
        check_dataset(config(format="voc", root=str(voc), val=None))
    (voc / "JPEGImages").rmdir()
    with pytest.raises(DatasetError, match="dataset.root: .*JPEGImages not found"):
        check_dataset(config(format="voc", root=str(voc), val=None))
    with pytest.raises(DatasetError, match="dataset.root is null"):
        check_dataset(config(format="voc"))


@pytest.fixture
def coco(tmp_path):
    for split in ("train", "val"):
        for folder in ("annotations", split):
            (tmp_path / "coco" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "coco/annotations" / f"instances_{split}.json").touch()
    return tmp_path / "coco"


def test_coco(coco):
    dataset = config(format="coco", root=str(coco))
    check_dataset(dataset)
    names = [f"{coco}/annotations/instances_{split}.json" for split in ("train", "val")]
    sources = dataset_sources("coco", coco, "k.csv", ["train", "val"])
    assert sources == [*names, "k.csv", f"{coco}/train", f"{coco}/val"]
    for changes, message in (
        ({"root": None}, "dataset.root is null, expected the folder with annotations"),
        ({"test": "test"}, "dataset.test: .*coco/test not found"),
        ({"keywords": "none.csv"}, "dataset.keywords: none.csv not found"),
        ({"categories": ["cat"]}, "dataset.categories is a list, but COCO's JSON names its own"),
        ({"train": "train2017"}, "instances_train2017.json not found, expected COCO instances"),
    ):
        with pytest.raises(DatasetError, match=message):
            check_dataset(dataset | changes)


def test_keys_that_would_be_ignored_are_refused(voc):
    with pytest.raises(DatasetError, match="dataset.root is 'x', but the demo"):
        check_dataset(config(root="x"))
    with pytest.raises(DatasetError, match="dataset.test is 'x', but the demo"):
        check_dataset(config(test="x"))
    with pytest.raises(DatasetError, match="ground_truth is for formats photos and voc"):
        check_dataset(config(format="coco", root=str(voc), ground_truth={"semantic": "x", "instance": None}))


def test_folders_of_masks_below_a_root_of_voc(voc):
    dataset = config(format="voc", root=str(voc))
    assert voc_masks(dataset) == [f"{voc}/SegmentationClass", f"{voc}/SegmentationObject"]
    dataset["ground_truth"] = {"semantic": "SegmentationClassAug", "instance": "/masks"}
    assert voc_masks(dataset) == [f"{voc}/SegmentationClassAug", "/masks"]
    with pytest.raises(DatasetError) as caught:
        check_dataset(dataset)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"dataset.ground_truth.semantic: {voc}/SegmentationClassAug not found")
    assert second.startswith("dataset.ground_truth.instance: /masks not found")
    (voc / "SegmentationClassAug").mkdir()
    check_dataset(dataset | {"ground_truth": {"semantic": "SegmentationClassAug", "instance": None}})


def test_import_needs_one_source(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    check_import({"coco": str(tmp_path / "a.json"), "masks": None})
    check_import({"coco": None, "masks": str(tmp_path)}, [f"{tmp_path}/other"])
    with pytest.raises(DatasetError, match="a.json holds the dataset's true masks, which only evaluation may read"):
        check_import({"coco": f"{tmp_path}/b/../a.json", "masks": None}, [str(tmp_path / "a.json")])
    for sources, message in (
        ({"coco": None, "masks": None}, "found neither"),
        ({"coco": "a", "masks": "b"}, "found coco and masks"),
        ({"coco": "/nowhere.json", "masks": None}, "import.coco: /nowhere.json not found"),
        ({"coco": None, "masks": str(tmp_path / "a.json")}, "import.masks: .* not found"),
    ):
        with pytest.raises(DatasetError, match=message):
            check_import(sources)

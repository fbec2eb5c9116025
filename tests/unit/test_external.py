"""Rows of other methods: their block of the config, their tags and their proxy masks."""

import numpy as np
import pandas as pd
import pytest

import import_proxy_masks
import import_tags
from aisi.formats.dataset import write_categories, write_images
from aisi.formats.instances import new_salient_instances
from aisi.formats.masks import read_labels, write_labels
from aisi.formats.metrics import METRIC_COLUMNS, read_metrics
from aisi.formats.tags import read_tags
from aisi.partition.overrides import OverrideError
from aisi.planning.dataset_files import DatasetError
from aisi.planning.experiments import evaluated_rows, table_rows
from aisi.planning.external import check_external, given_paths, protocol_of
from aisi.report.tables import assignment_table, markdown
from test_own_parts import CATEGORIES, IMAGES, KEYS, MASK

TAGS = [("a", 1, "noisy"), ("sub/b", 0, "cat"), ("a", 0, "dog")]  # cat is no keyword of sub/b


def test_block():
    block = {
        "irn": {"tags": None, "proxies": "p", "predictions": "q"},
        "eps": {"tags": "t.csv", "protocol": "multi scale"},
    }
    check_external(block, has_val=True)
    assert given_paths(block, "tags") == {"eps": "t.csv"}
    assert given_paths(block, "proxies") == {"irn": "p"}
    assert [protocol_of(own) for own in block.values()] == ["voc, given", "voc, multi scale"]


@pytest.mark.parametrize(
    ("name", "block", "message"),
    [
        ("partition", {"tags": "t"}, "a row of our own has this name"),
        ("beta-3", {"tags": "t"}, "a row of our own has this name"),
        ("oracle", {"tags": "t"}, "a row of our own has this name"),
        ("irn", {}, "found no path, expected tags, proxies, predictions"),
        ("irn", {"tags": "t", "proxies": "p"}, "found tags and proxies"),
        ("irn", {"predictions": "p"}, "irn.predictions: dataset.val is null"),
        ("irn", {"proxies": "voc/../voc/SegmentationClass"}, "holds the dataset's true masks"),
    ],
)
def test_wrong_block(name, block, message):
    with pytest.raises(DatasetError, match=message):
        check_external({name: block}, has_val=False, true_masks=["voc/SegmentationClass"])


@pytest.fixture
def import_given(tmp_path):
    """A function that imports rows of tags."""
    write_images(tmp_path / "images.csv", IMAGES)
    write_categories(tmp_path / "categories.csv", CATEGORIES)
    with new_salient_instances(tmp_path / "instances.h5") as writer:
        for name, count in (("a", 2), ("sub/b", 1)):
            writer.append(name, [[0, 0, 8, 6]] * count, [1] * count, [MASK] * count)

    def run(rows, columns=("image_id", "instance_id", "tag")):
        pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "given.csv", index=False)
        import_tags.main(
            given_path=tmp_path / "given.csv",
            salient_instances_paths=[tmp_path / "instances.h5"],
            images_paths=[tmp_path / "images.csv"],
            categories_path=tmp_path / "categories.csv",
            tags_path=tmp_path / "tags.csv",
        )
        return read_tags(tmp_path / "tags.csv")

    return run


def test_tags_are_matched_by_name(import_given):
    tags = import_given(TAGS)
    assert list(zip(tags["image_id"], tags["instance_id"], strict=True)) == KEYS
    assert tags["tag"].tolist() == ["dog", "noisy", "cat"]
    assert tags["label"].tolist() == [2, 0, 1]
    assert set(tags["source"]) == {"external"} and tags[["attention", "margin"]].isna().all(axis=None)


def test_tags_with_boxes(import_given):
    columns = ("image_id", "instance_id", "tag", "x0", "y0", "x1", "y1")
    assert len(import_given([(*row, 0, 0, 8, 6) for row in TAGS], columns)) == 3
    with pytest.raises(OverrideError, match="and 2 more: there is no such instance, or it has another box"):
        import_given([(*row, 0, 0, 8, 5) for row in TAGS], columns)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (TAGS[1:], "instance 1 of photo 'a': there is no row"),
        (TAGS[:1], "instance 0 of photo 'a' and 1 more: there is no row"),
        ([*TAGS, TAGS[0]], "line 5, instance 1 of photo 'a': the instance is given twice"),
        ([*TAGS, ("a", 7, "cat")], "line 5, instance 7 of photo 'a': there is no such instance"),
        ([*TAGS[1:], ("a", 1, "wolf")], "tag 'wolf': the tag is no category and not noisy"),
    ],
)
def test_wrong_tags_are_named(import_given, rows, message):
    with pytest.raises(OverrideError, match=message):
        import_given(rows)


def import_proxies(folder):
    write_images(folder / "images.csv", IMAGES)
    write_categories(folder / "categories.csv", CATEGORIES)
    import_proxy_masks.main(
        given_folder=folder / "given",
        images_paths=[folder / "images.csv"],
        categories_path=folder / "categories.csv",
        head={"assignment": "irn", "seed": 0, "split": "train"},
        masks_folder=folder / "masks",
        list_path=folder / "train.txt",
        shares_path=folder / "shares.csv",
    )


def test_proxies_are_checked_and_copied(tmp_path):
    labels = np.zeros((6, 8), np.uint8)
    labels[:2], labels[2:4] = 3, 255
    (tmp_path / "given/sub").mkdir(parents=True)
    write_labels(tmp_path / "given/sub/b.png", labels)
    import_proxies(tmp_path)
    assert [str(file.relative_to(tmp_path)) for file in tmp_path.rglob("masks/**/*.png")] == ["masks/sub/b.png"]
    assert np.array_equal(read_labels(tmp_path / "masks/sub/b.png"), labels)
    assert (tmp_path / "train.txt").read_text() == "sub/b\n"
    shares = read_metrics(tmp_path / "shares.csv").set_index("metric")["value"]
    assert shares.to_dict() == pytest.approx({name: 1 / 3 for name in shares.index}) and len(shares) == 3
    write_labels(tmp_path / "given/a.png", labels + 1)
    with pytest.raises(ValueError, match="found label 4, expected 0 to 3 or 255"):
        import_proxies(tmp_path)
    write_labels(tmp_path / "given/a.png", labels[1:])
    with pytest.raises(ValueError, match="found 5 x 8 pixels, expected 6 x 8"):
        import_proxies(tmp_path)


def test_no_proxy_at_all(tmp_path):
    (tmp_path / "given").mkdir()
    with pytest.raises(ValueError, match="none of 3 photos has a PNG here, expected for example a.png"):
        import_proxies(tmp_path)


def test_rows_of_the_ablation():
    rows = evaluated_rows("ablation", ["random"], [0, 1], 0, ["eps"])
    assert rows == [["random", 0], ["random", 1], ["eps", 0], ["oracle", 0]]
    assert evaluated_rows("sweep_beta", ["beta-1"], [0], 0, ["eps"]) == [["beta-1", 0]]
    assert table_rows("ablation", ["random"], True, False, ["eps", "irn"]) == ["random", "eps", "irn", "cam", "oracle"]


def test_a_row_without_tags_has_no_counts():
    metrics = pd.DataFrame(
        [("irn", "", 0, "semantic", "val", "voc, given", "miou", "all", 0.5, 3)], columns=METRIC_COLUMNS
    )
    counts = {"random": {"instances": 4, "tagged": 3, "photos": 2}, "irn": {}}
    lines = markdown(assignment_table(metrics, counts)).splitlines()
    assert lines[2:] == ["| random |  | 4 | 3 | 2 |  |", "| irn |  |  |  |  | 0.500 |"]

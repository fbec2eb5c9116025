"""Damage that was once read as content, or stopped a run without a word about the file: each is named now."""

import json
import time
from dataclasses import replace
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from pycocotools import mask as coco_mask

from aisi.dataset.names import wrong_name
from aisi.formats.dataset import Categories, read_categories, write_categories
from aisi.formats.files import FormatError
from aisi.formats.graph import read_graph
from aisi.formats.instances import SalientInstances, new_salient_instances, read_salient_instances
from aisi.formats.masks import read_labels, write_labels
from aisi.formats.partition import Partition
from aisi.formats.scores import Scores, read_scores, write_scores
from aisi.formats.seal import reseal
from aisi.formats.tags import read_tags, tag_columns, write_tags
from aisi.masks import LONGEST_OUTLINE, check_rle, encode, from_segmentation, runs_of
from aisi.partition.problem import PartitionError
from aisi.partition.tags import tag_table
from aisi.progress import error_in
from aisi.report.plots import save_figure
from aisi.report.tables import escaped, markdown
from aisi.training.weights import read_tensors
from test_formats import CATEGORIES, FORMATS, GRAPH, ROWS, TAGS, write_instances

PHOTO = SimpleNamespace(image_id="a", height=4, width=5)
WHOLE = np.ones((4, 5), bool)


# ------------------------------------------------------------------ masks


@pytest.mark.parametrize("seed", range(40))
def test_run_lengths_are_read_as_pycocotools_writes_them(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 60, size=2)) < rng.random()
    runs = runs_of(encode(mask)["counts"])
    assert np.array_equal(np.repeat(np.arange(len(runs)) % 2, runs), mask.ravel(order="F"))
    check_rle(encode(mask))


@pytest.mark.parametrize("counts", [b"", b"11", b"o" * 100, b"d", b"0n", bytes([47]), bytes([120]), b"0d10", b"nnn0"])
def test_run_lengths_that_do_not_fit_are_refused(counts):
    with pytest.raises(ValueError, match="found RLE"):
        check_rle({"size": [4, 5], "counts": counts})


@pytest.mark.parametrize("size", [[4], [4, 5, 1], [-4, -5], [4, 5.0], [0, 0]])
def test_sizes_that_do_not_fit_are_refused(size):
    with pytest.raises(ValueError, match="found RLE"):
        check_rle({"size": size, "counts": encode(WHOLE)["counts"]})


@pytest.mark.parametrize("change", [b"50", b"11", b"o"])
def test_a_sealed_file_with_wrong_masks_is_refused(tmp_path, change):
    """The seal is right, as of a file that a wrong program wrote: pycocotools would give unset memory."""
    write_instances(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["mask_counts"][0] = np.frombuffer(change, np.uint8)
    with pytest.raises(FormatError, match="a.h5: .*other bytes"):
        read_salient_instances(tmp_path / "a.h5")
    reseal(tmp_path / "a.h5")
    with pytest.raises(FormatError, match="a.h5: .*RLE.*detect_salient_instances"):
        read_salient_instances(tmp_path / "a.h5")


def test_writers_refuse_wrong_masks(tmp_path):
    with new_salient_instances(tmp_path / "a.h5") as writer, pytest.raises(ValueError, match="a: found RLE"):
        writer.append("a", [[0, 0, 1, 1]], [0.5], [{"size": [4, 5], "counts": b"11"}])


def test_a_million_continuing_letters_fail_at_once():
    started = time.process_time()
    with pytest.raises(ValueError, match="do not add up"):
        from_segmentation({"size": [4, 5], "counts": "o" * 1_000_000}, PHOTO)
    assert time.process_time() - started < 1


def test_an_outline_that_exhausts_memory_is_refused():
    photo = SimpleNamespace(image_id="a", height=480, width=640)
    corners = np.random.default_rng(0).uniform(0, 480, (500_000, 2))
    with pytest.raises(ValueError, match=f"500000 corners and an outline .* at most {LONGEST_OUTLINE}. Simplify"):
        from_segmentation([corners.ravel().tolist()], photo)
    angles = np.linspace(0, 2 * np.pi, 100_000)
    circle = 240 + 200 * np.stack([np.cos(angles), np.sin(angles)], 1)
    assert coco_mask.area(from_segmentation([circle.ravel().tolist()], photo)) > 120_000


@pytest.mark.parametrize("place", range(0, 12, 2))
def test_damaged_pixels_of_a_png_are_named(tmp_path, place):
    write_labels(tmp_path / "a.png", np.random.default_rng(0).integers(0, 9, (30, 30)))
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[content.find(b"IDAT") + 20 + place] ^= 4
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(FormatError, match="a.png: .*a damaged part at byte.*write_proxy_masks"):
        read_labels(tmp_path / "a.png")


# ------------------------------------------------------------------ rows


def test_masks_that_change_places_are_named(tmp_path):
    """A PNG says for which name it was written; one of a user, or of an earlier version, does not."""
    for name, label in (("a", 1), ("b", 2)):
        write_labels(tmp_path / f"{name}.png", np.full((4, 5), label))
    (tmp_path / "a.png").rename(tmp_path / "c.png")
    (tmp_path / "b.png").rename(tmp_path / "a.png")
    for name in "ac":
        with pytest.raises(
            FormatError, match=f"{name}.png: found the mask of a photo with another name.*makes it again"
        ):
            read_labels(tmp_path / f"{name}.png")
    Image.fromarray(np.full((4, 5), 3, np.uint8)).save(tmp_path / "own.png")
    (tmp_path / "own.png").rename(tmp_path / "mine.png")
    assert (read_labels(tmp_path / "mine.png") == 3).all()
    (tmp_path / "sub").mkdir()
    (tmp_path / "c.png").rename(tmp_path / "sub/a.png")  # a folder may be copied elsewhere, so only the name counts
    assert (read_labels(tmp_path / "sub/a.png") == 1).all()


def two(path, values, rows):
    write_scores(path, Scores(np.array([0, 1, 2]), np.array([1, 1]), np.array(values, np.float32)), rows)


def test_exchanged_shards_are_named(tmp_path):
    two(tmp_path / "0.h5", [0.1, 0.2], ROWS[:2])
    two(tmp_path / "1.h5", [0.3, 0.4], ROWS[2:4])
    assert len(read_scores(tmp_path / "0.h5", tmp_path / "1.h5", rows=ROWS[:4]).scores) == 4
    with pytest.raises(FormatError, match="1.h5: found 2 rows of other instances, the first at row 0"):
        read_scores(tmp_path / "1.h5", tmp_path / "0.h5", rows=ROWS[:4])
    with pytest.raises(FormatError, match="rows of 4 instances in all shards, expected 6"):
        read_scores(tmp_path / "0.h5", tmp_path / "1.h5", rows=ROWS[:6])
    with pytest.raises(FormatError, match="rows of 2 instances, expected those of 1"):
        read_scores(tmp_path / "0.h5", rows=ROWS[:1])


def test_a_reversed_order_of_the_graph_is_named(tmp_path):
    FORMATS["graph"][0](tmp_path / "a.npz")
    arrays = dict(np.load(tmp_path / "a.npz"))
    np.savez(tmp_path / "a.npz", **(arrays | {"order": arrays["order"][::-1]}))
    reseal(tmp_path / "a.npz")
    assert read_graph(tmp_path / "a.npz", rows=None).n_nodes == GRAPH.n_nodes
    with pytest.raises(FormatError, match="rows of other instances.*build_graph"):
        read_graph(tmp_path / "a.npz", rows=ROWS[:4])


INSTANCES = SalientInstances(
    np.array(["a", "a"], object), np.arange(2), np.array([[0, 0, 2, 2], [1, 1, 3, 3]]), np.array([0.5, 0.25]), []
)
IMAGES = pd.DataFrame({"image_id": ["a"], "keywords": [("NA",)]})


def test_rows_know_photo_number_and_box():
    other = replace(INSTANCES, image_ids=np.array(["b", "a"], object))
    moved = replace(INSTANCES, boxes=INSTANCES.boxes[::-1])
    assert len({*INSTANCES.rows.tolist(), *other.rows.tolist(), *moved.rows.tolist()}) == 5


def test_tags_of_other_boxes_are_named(tmp_path):
    labels = np.array([1, 0])
    write_tags(tmp_path / "t.csv", tag_columns(INSTANCES, IMAGES, CATEGORIES, labels, np.nan, np.nan, "solver"))
    assert read_tags(tmp_path / "t.csv", INSTANCES.rows)["label"].tolist() == [1, 0]
    with pytest.raises(FormatError, match="t.csv: found 2 rows of other instances.*write_tags"):
        read_tags(tmp_path / "t.csv", INSTANCES.rows[::-1])


def test_a_label_that_is_no_keyword_is_refused():
    scores = Scores(np.array([0, 1, 2]), np.array([1, 1]), np.array([0.5, 0.5]))
    partition = Partition(np.arange(2), np.array([1, 2]), 0.0, 0.0, np.zeros(2), np.zeros(2, bool), "optimal", "highs")
    with pytest.raises(PartitionError, match="Instance 1 of a has label 2, which is no keyword of its photo"):
        tag_table([partition], INSTANCES, scores, IMAGES, CATEGORIES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tag": "noisy"}, "labels and tags that disagree"),
        ({"label": 1, "tag": "NA", "source": "solver"}, "tag 'NA' of keywords"),
        ({"score": 1e30}, r"outside \[0, 1\]"),
        ({"x0": -1}, "a negative number"),
        ({"x1": 1}, "an empty box"),
        ({"instance_id": 0}, "an instance twice"),
        ({"source": "me"}, "source"),
    ],
)
def test_tags_are_checked_by_writer_and_reader(tmp_path, change, message):
    FORMATS["tags"][0](tmp_path / "a.csv")
    with pytest.raises(ValueError, match=message):
        write_tags(tmp_path / "b.csv", TAGS.assign(**change))
    table = pd.read_csv(tmp_path / "a.csv", dtype=str, keep_default_na=False).assign(**change)
    table.to_csv(tmp_path / "a.csv", index=False)
    reseal(tmp_path / "a.csv")
    with pytest.raises(FormatError, match=f"a.csv: .*{message}.*write_tags"):
        read_tags(tmp_path / "a.csv")


def test_categories_in_another_order_give_no_other_names(tmp_path):
    """As after sorting categories.csv in a spreadsheet, with labels numbered again."""
    FORMATS["tags"][0](tmp_path / "tags.csv")
    names = Categories(("dog", "cat"), (1, 2), ("#000000", "#111111"))
    write_categories(tmp_path / "categories.csv", names)
    with pytest.raises(FormatError, match="tag 'dog' of label 2, expected 'cat', as in categories.csv"):
        read_tags(tmp_path / "tags.csv", categories=read_categories(tmp_path / "categories.csv"))


@pytest.mark.parametrize("kind", ["tags", "metrics", "images", "review_curve"])
def test_a_table_without_its_last_line_is_named(tmp_path, kind):
    write, read, rule = FORMATS[kind]
    write(tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "a.csv").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(FormatError, match=f"a.csv: .*other bytes.*{rule}"):
        read(tmp_path / "a.csv")


def test_a_number_that_no_column_holds_is_named(tmp_path):
    FORMATS["tags"][0](tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text().replace(",2,dog", f",{2**70},dog")
    (tmp_path / "a.csv").write_text(text)
    reseal(tmp_path / "a.csv")
    with pytest.raises(FormatError, match="a.csv: .*write_tags"):
        read_tags(tmp_path / "a.csv")


# ------------------------------------------------------------------ names


@pytest.mark.parametrize("name", ["=1+1", "+1", "-dog", "@SUM(A1)", " =x"])
def test_names_that_a_spreadsheet_would_run(name):
    assert "formula" in wrong_name(name)


@pytest.mark.parametrize("name", ["$$", "a_$_b_$", "$x_1$", "\\frac", "$\\frac$"])
def test_names_are_drawn_as_they_are(tmp_path, name):
    figure = Figure()
    axes = figure.subplots()
    axes.set_title(name)
    axes.set_xticks([0], [name])
    save_figure(tmp_path / "a.png", figure)
    assert axes.title.get_window_extent().width > 0


@pytest.mark.parametrize(
    ("name", "text"),
    [("a|b", r"a\|b"), ("<b>", r"\<b\>"), ("*x*", r"\*x\*"), ("_x_", r"\_x\_"), ("dining_table", "dining_table")],
)
def test_names_are_no_markup(name, text):
    assert escaped(name) == text
    assert markdown(pd.DataFrame({name: [name]})).count(text) == 2


# ------------------------------------------------------------------ messages


def test_a_job_without_a_log_is_explained(tmp_path):
    assert "killed" in error_in(tmp_path / "log")


def test_nobody_is_advised_to_switch_protection_off(tmp_path):
    import pickle

    (tmp_path / "a.pth").write_bytes(pickle.dumps(print))
    with pytest.raises(ValueError, match="more than tensors and plain values") as caught:
        read_tensors(tmp_path / "a.pth", "Download it again.")
    assert "weights_only" not in str(caught.value)


def test_json_beside_its_seal_is_named(tmp_path):
    FORMATS["coco_results"][0](tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text())
    content[0]["score"] = 0.75
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(FormatError, match="a.json: .*other bytes"):
        FORMATS["coco_results"][1](tmp_path / "a.json")

import numpy as np
import pandas as pd
import pytest
from pycocotools import mask as rle

from aisi.evaluation.ground_truth import photos_with_masks, read_label_map, true_label, true_objects
from aisi.evaluation.metrics import (
    average_precision_metrics,
    confusion_matrix,
    evaluate_label_maps,
    intersection_over_union,
    metric_table,
    recall_metrics,
    tag_metrics,
)
from aisi.formats.masks import write_labels
from aisi.formats.metrics import METRIC_COLUMNS, read_metrics, write_metrics
from aisi.masks import outside_void

NAMES = ["cat", "dog", "kite"]
X = 255


def value(rows, metric, category="all"):
    (found,) = [(value, n) for name, kind, value, n in rows if (name, kind) == (metric, category)]
    return found


def label_map(*rows):
    return np.array(rows, np.uint8)


def mask(*rows):
    return rle.encode(np.asfortranarray([[character == "#" for character in row] for row in rows], np.uint8))


TRUTH = label_map([1, 1, 0, 0], [1, 1, 0, 0], [X, X, 0, 2], [0, 0, 0, 2])
PREDICTION = label_map([1, 1, 1, 0], [1, 0, 0, 0], [2, 1, 0, 2], [0, 0, X, X])
"""cat: 3 of 4 true pixels, 1 false; dog: 1 of 2 true pixels, none false (the void does not count);
background: 7 of 8 true pixels, 2 false (one cat and one ignored dog)."""


def test_confusion_matrix():
    assert confusion_matrix(TRUTH, PREDICTION, 2).tolist() == [[7, 1, 0], [1, 3, 0], [1, 0, 1]]


def test_confusion_matrix_of_many_categories():
    truth = np.arange(254, dtype=np.uint8)[None]
    assert confusion_matrix(truth, truth, 253).tolist() == np.eye(254, dtype=int).tolist()


def segmentation_metrics(photos, names):
    """Rows of :func:`evaluate_label_maps`, of photos 0, 1, .."""
    return evaluate_label_maps([(str(number), *photo) for number, photo in enumerate(photos)], names).rows


def test_iou():
    ious = intersection_over_union(confusion_matrix(TRUTH, PREDICTION, 3))
    assert ious[:3] == pytest.approx([7 / 10, 3 / 5, 1 / 2])
    assert np.isnan(ious[3])


def test_miou_skips_a_category_nobody_has():
    rows = segmentation_metrics([(TRUTH, PREDICTION)], NAMES)
    assert value(rows, "miou") == (pytest.approx((0.7 + 0.6 + 0.5) / 3), 1)
    assert value(rows, "iou", "background") == (pytest.approx(0.7), 1)
    assert value(rows, "iou", "dog") == (pytest.approx(0.5), 1)
    assert np.isnan(value(rows, "iou", "kite")[0])
    assert value(rows, "iou", "kite")[1] == 0


def test_miou_sums_pixels_over_photos():
    empty = np.zeros_like(TRUTH)
    rows = segmentation_metrics(iter([(TRUTH, PREDICTION), (TRUTH, empty)]), NAMES)
    assert value(rows, "iou", "cat") == (pytest.approx(3 / 9), 2)
    assert value(rows, "miou")[1] == 2


def test_perfect_prediction_and_one_of_nothing_but_void():
    assert value(segmentation_metrics([(TRUTH, np.where(TRUTH == X, 3, TRUTH))], NAMES), "miou") == (1.0, 1)
    rows = segmentation_metrics([(np.full((4, 4), X, np.uint8), PREDICTION)], NAMES)
    assert np.isnan(value(rows, "miou")[0])
    assert np.isnan(value(segmentation_metrics([], NAMES), "miou")[0])


def test_tag_metrics():
    #            right rejected, wrong, right, wrongly rejected, right, noisy kept
    labels = [0, 1, 2, 0, 1, 3]
    truths = [0, 2, 2, 1, 1, 0]
    keywords = [2, 2, 2, 1, 1, 2]
    rows = tag_metrics(labels, truths, keywords, NAMES)
    assert value(rows, "accuracy") == (pytest.approx(3 / 6), 6)
    assert value(rows, "accuracy_objects") == (pytest.approx(2 / 4), 4)
    assert value(rows, "accuracy_multi") == (pytest.approx(1 / 2), 2)
    assert value(rows, "accuracy_objects", "dog") == (pytest.approx(1 / 2), 2)
    assert value(rows, "retained") == (pytest.approx(4 / 6), 6)
    assert np.isnan(value(rows, "accuracy_objects", "kite")[0])


def test_tag_metrics_of_nothing():
    rows = tag_metrics([], [], [], NAMES)
    assert np.isnan(value(rows, "accuracy")[0])
    assert value(rows, "accuracy")[1] == 0


def test_true_label_needs_half_of_the_pixels_that_count():
    def under(*labels):
        return true_label(np.ones((1, len(labels)), bool), label_map(labels))

    assert under(1, 1, 0, 0) == 1
    assert under(1, 0, 0) == 0
    assert under(X, X, X, 2) == 2
    assert under(X, X) == 0
    assert under(3, 2) == 2
    assert under(1, 2, 3) == 0
    assert true_label(np.zeros((1, 2), bool), label_map([1, 1])) == 0


def test_true_objects_take_their_category_and_leave_void_and_distractors_out():
    objects = label_map([1, 1, 0, 0], [1, 1, 0, 0], [X, X, 0, 2], [3, 0, 0, 2])
    labels, masks = true_objects(objects, TRUTH)
    assert labels.tolist() == [1, 2]
    assert [int(rle.area(m)) for m in masks] == [4, 2]
    labels, masks = true_objects(np.zeros((4, 4), np.uint8), TRUTH)
    assert labels.tolist() == [] and masks == []


def test_outside_void():
    void = np.array([[True, False], [True, False]])
    kept, masks = outside_void([mask("##", ".."), mask("#.", "#.")], void)
    assert kept.tolist() == [0]
    assert rle.decode(masks[0]).tolist() == [[0, 1], [0, 0]]
    kept, masks = outside_void([], void)
    assert len(kept) == 0 and masks == []


SQUARE, DOT, BAR = mask("##..", "##..", "...."), mask("....", "....", "...#"), mask("####", "....", "....")


def test_recall():
    photos = [
        ([1, 2], [SQUARE, DOT], [BAR, DOT]),  # the bar meets the square with 2 / 6
        ([1], [SQUARE], [mask("##..", "....", "....")]),  # exactly half
        ([1], [SQUARE], []),
        ([], [], [SQUARE]),
    ]
    rows = recall_metrics(photos, NAMES)
    assert value(rows, "recall50") == (pytest.approx(2 / 4), 4)
    assert value(rows, "recall50", "cat") == (pytest.approx(1 / 3), 3)
    assert np.isnan(value(rows, "recall50", "kite")[0])


def test_perfect_instances_have_ap_1():
    photos = [([1, 2], [SQUARE, DOT], [2, 1], [0.1, 0.9], [DOT, SQUARE]), ([1], [BAR], [1], [0.5], [BAR])]
    rows = average_precision_metrics(photos, NAMES)
    assert value(rows, "ap") == (pytest.approx(1), 3)
    assert value(rows, "ap75", "cat") == (pytest.approx(1), 2)
    assert np.isnan(value(rows, "ap", "kite")[0])


def test_ap_by_hand():
    # of two cats one is found, after a false one: precision 1/2 up to recall 1/2 (51 of 101 points), then 0
    photos = [([1, 1], [SQUARE, DOT], [1, 1], [0.9, 0.8], [mask("....", "....", "#..."), SQUARE])]
    rows = average_precision_metrics(photos, ["cat"])
    assert value(rows, "ap50") == (pytest.approx(0.5 * 51 / 101), 2)
    # IoU 3/4 passes the thresholds 0.50 to 0.75: 6 of 10
    rows = average_precision_metrics([([1], [SQUARE], [1], [0.9], [mask("##..", "#...", "....")])], ["cat"])
    assert value(rows, "ap")[0] == pytest.approx(0.6)
    assert value(rows, "ap75")[0] == pytest.approx(1)


def test_ap_by_size():
    """Squares of 31, 40 and 100 pixels a side are small, medium and large; only the medium one is found."""
    true = []
    for left, side in ((0, 31), (40, 40), (100, 100)):
        square = np.zeros((120, 300), np.uint8, order="F")
        square[:side, left : left + side] = 1
        true.append(rle.encode(square))
    rows = average_precision_metrics([([1, 1, 1], true, [1], [0.9], [true[1]])], NAMES)
    assert [value(rows, f"ap_{size}") for size in "sml"] == [(0, 1), (pytest.approx(1), 1), (0, 1)]
    assert value(rows, "ap") == (pytest.approx(34 / 101), 3) and np.isnan(value(rows, "ap_s", "dog")[0])


def test_ap_counts_a_wrong_category_as_false():
    rows = average_precision_metrics([([1], [SQUARE], [2], [0.9], [SQUARE])], NAMES)
    assert value(rows, "ap") == (pytest.approx(0), 1)


@pytest.mark.parametrize(
    "photos, expected", [([], np.nan), ([([], [], [1], [0.5], [DOT])], np.nan), ([([1], [DOT], [], [], [])], 0)]
)
def test_ap_of_nothing(photos, expected):
    assert value(average_precision_metrics(photos, NAMES), "ap")[0] == pytest.approx(expected, nan_ok=True)


def test_metric_table_is_what_the_format_asks_for(tmp_path):
    table = metric_table(tag_metrics([1], [1], [1], NAMES), assignment="random", seed=3, task="tags", split="train")
    write_metrics(tmp_path / "metrics.csv", table)
    again = read_metrics(tmp_path / "metrics.csv")
    assert list(again.columns) == METRIC_COLUMNS
    assert again["seed"].tolist() == [3] * len(table)
    assert again["value"].isna().sum() == table["value"].isna().sum() > 0


def test_label_maps_are_checked(tmp_path):
    images = pd.DataFrame({"image_id": ["sub/ä", "b"], "height": [4, 4], "width": [4, 4]})
    with pytest.raises(ValueError, match="none of 2 photos"):
        photos_with_masks(images, tmp_path)
    write_labels(tmp_path / "sub" / "ä.png", TRUTH)
    found = photos_with_masks(images, tmp_path)
    assert found["image_id"].tolist() == ["sub/ä"]
    (photo,) = found.itertuples()
    assert read_label_map(tmp_path, photo, 2).tolist() == TRUTH.tolist()
    with pytest.raises(ValueError, match="found label 2, expected 0 to 1"):
        read_label_map(tmp_path, photo, 1)
    (wide,) = found.assign(width=5).itertuples()
    with pytest.raises(ValueError, match="expected 4 x 5"):
        read_label_map(tmp_path, wide, 2)
    assert len(photos_with_masks(images[:0], tmp_path)) == 0
    with pytest.raises(ValueError, match="leads out"):
        photos_with_masks(images.assign(image_id="../b"), tmp_path)

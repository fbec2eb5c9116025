"""Where the proxies lose their mIoU, on a photo whose losses are known by hand."""

import numpy as np
import pytest

from aisi.evaluation.losses import CAUSES, class_regions, found_truth, loss_table, step_labels
from aisi.masks import area, encode
from aisi.report.plots import plot_losses, save_figure
from aisi.report.tables import losses_page

SIZE = 10, 40


def region(x0, x1):
    mask = np.zeros(SIZE, bool)
    mask[:, x0:x1] = True
    return encode(mask)


def photo(labels, masks=((0, 10), (12, 20), (30, 40))):
    """Two cats at 0:10 and 10:20, a dog at 20:30; instances of the first two (one too narrow), and one of nothing."""
    truth = np.zeros(SIZE, np.uint8)
    truth[:, :20], truth[:, 20:30] = 1, 2
    objects = np.array([1, 1, 2]), [region(0, 10), region(10, 20), region(20, 30)]
    return truth, objects, [region(*mask) for mask in masks], [np.array(row) for row in labels]


def losses(*photos):
    return loss_table(photos, ["cat", "dog"]).set_index("category")


def test_labels_of_the_steps():
    true, tags, unfiltered = np.array([1, 1, 2, 0, 0]), np.array([1, 2, 0, 0, 1]), np.array([1, 2, 1, 2, 1])
    steps = [step.tolist() for step in step_labels(true, tags, unfiltered)]
    assert steps == [[1, 1, 2, 0, 0], [1, 2, 1, 0, 0], [1, 2, 1, 0, 1], [1, 2, 0, 0, 1]]


def test_each_cause_takes_its_own():
    table = losses(photo(([1, 1, 0], [0, 2, 1], [1, 2, 1])))
    assert list(table) == [*CAUSES, "iou"]
    cat, dog = table.loc["cat"], table.loc["dog"]
    assert dog["not found"] == 1 and cat["not found"] == 0
    assert cat["mask shape"] == pytest.approx(2 / 20)
    assert cat["tag"] == pytest.approx(18 / 20 - 10 / 20)
    assert cat["noise kept"] == pytest.approx(10 / 20 - 10 / 30)
    assert cat["rejected"] == pytest.approx(10 / 30)
    assert cat["iou"] == 0


def test_rows_add_up_to_one():
    table = losses(photo(([1, 1, 0], [0, 2, 1], [1, 2, 1])), photo(([1, 1, 0], [1, 1, 0], [1, 1, 2])))
    assert table.sum(axis=1).to_numpy() == pytest.approx(np.ones(4))
    assert table.loc["all"].to_numpy() == pytest.approx(table.iloc[1:].mean().to_numpy())


def test_perfect_proxies_lose_nothing():
    table = losses(photo(([1, 1, 2],) * 3, masks=((0, 10), (10, 20), (20, 30))))
    assert table.loc["all", "iou"] == 1 and not table[list(CAUSES)].to_numpy().any()


def test_a_photo_without_instances_is_not_found():
    table = losses(photo(([], [], []), masks=()))
    assert table.loc["cat", "not found"] == table.loc["dog", "not found"] == 1


def test_half_of_an_object_has_to_be_covered():
    truth, objects, _, _ = photo(([], [], []))
    for x1, found in ((14, False), (15, True)):
        left = found_truth(truth, objects, [region(10, x1)], np.array([1]))
        assert (left[:, 10:20] == 1).all() == found and not (left[:, :10] == 1).any()
    assert not (found_truth(truth, objects, [region(20, 30)], np.array([1])) == 2).any()  # of another category


def test_without_instance_masks_a_category_is_one_object():
    truth, _, masks, labels = photo(([1, 1, 0], [1, 1, 0], [1, 1, 0]))
    numbers, regions = class_regions(truth)
    assert numbers.tolist() == [1, 2] and [area(mask) for mask in regions] == [200, 100]
    assert losses((truth, None, masks, labels)).loc["cat", "not found"] == 0


def test_page_and_figure(tmp_path):
    table = loss_table([photo(([1, 1, 0], [0, 2, 1], [1, 2, 1]))], ["cat", "dog"])
    page = losses_page("Pets", "snakemake losses", table)
    assert page.startswith("# Pets") and "| dog |" in page and all(cause in page for cause in CAUSES)
    save_figure(tmp_path / "a.png", plot_losses(table))
    save_figure(tmp_path / "b.png", plot_losses(table))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()

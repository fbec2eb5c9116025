"""Two rows compared photo by photo: figures of any photos from their counts, and a paired bootstrap."""

import numpy as np
import pandas as pd
import pytest

import compare_runs
from aisi.evaluation.comparison import compare_rows
from aisi.evaluation.metrics import count_table, evaluate_instance_pairs, evaluate_label_maps, tag_counts
from aisi.formats.photo_counts import PHOTO_COUNT_COLUMNS, write_photo_counts
from aisi.masks import encode

NAMES = ("cat", "dog")


def label_maps(rng, share, n=40):
    """Photos of cats and dogs, and predictions of which about ``share`` of the pixels are right."""
    for number in range(n):
        truth = rng.integers(0, 3, (4, 5)).astype(np.uint8)
        wrong = rng.random(truth.shape) > share
        yield f"photo {number}", truth, np.where(wrong, (truth + 1) % 3, truth).astype(np.uint8)


def counts_of(assignment, share, seed=0, n=40, network=""):
    found = evaluate_label_maps(label_maps(np.random.default_rng(7), share, n), NAMES)
    head = {"assignment": assignment, "network": network, "seed": seed, "task": "semantic", "split": "val"}
    return count_table(found.counts, **head), found


def test_figures_are_those_of_the_evaluation():
    (good, found_good), (bad, found_bad) = counts_of("good", 0.8), counts_of("bad", 0.5)
    [row] = compare_rows(good, bad, "good", "bad", n_resamples=200).to_dict("records")
    assert (row["metric"], row["photos"], row["differs"]) == ("miou", 40, "yes")
    assert row["A"] == pytest.approx(found_good.rows[0][2]) and row["B"] == pytest.approx(found_bad.rows[0][2])
    assert row["low"] < row["difference"] < row["high"] < 0


def test_interval_is_that_of_a_loop_over_the_same_draws():
    """Each draw repeats whole photos, the same ones in both rows."""
    (good, _), (bad, _) = counts_of("good", 0.7), counts_of("bad", 0.6)
    [row] = compare_rows(good, bad, "good", "bad", n_resamples=300, seed=5).to_dict("records")
    photos = sorted(set(good["image_id"]))
    weights = np.random.default_rng(5).multinomial(40, np.full(40, 1 / 40), 250)
    differences = []
    for own in weights:
        ious = []
        for table in (good, bad):
            repeated = table[["hits", "true", "found"]].mul(
                table["image_id"].map(dict(zip(photos, own, strict=True))), axis=0
            )
            sums = repeated.groupby(table["category"]).sum()
            ious.append((sums["hits"] / (sums["true"] + sums["found"] - sums["hits"])).mean())
        differences.append(ious[1] - ious[0])
    first = compare_rows(good, bad, "good", "bad", n_resamples=250, seed=5)
    assert first.loc[0, ["low", "high"]].tolist() == pytest.approx(np.quantile(differences, [0.025, 0.975]).tolist())
    again = compare_rows(good, bad, "good", "bad", n_resamples=300, seed=5)
    assert again.to_dict("records") == [row], "Equal seeds give equal intervals."
    assert row["low"] != first.loc[0, "low"]


def test_equal_rows_do_not_differ_and_seeds_are_averaged():
    one, _ = counts_of("one", 0.7)
    [same] = compare_rows(one, one.assign(assignment="two"), "one", "two", n_resamples=50).to_dict("records")
    assert (same["difference"], same["low"], same["high"], same["differs"]) == (0, 0, 0, "no")
    (other, found), (_, first) = counts_of("one", 0.5, seed=1), counts_of("one", 0.7)
    both = pd.concat([one, other])
    [row] = compare_rows(both, one.assign(assignment="two"), "one", "two", n_resamples=50).to_dict("records")
    assert row["A"] == pytest.approx((found.rows[0][2] + first.rows[0][2]) / 2)


def test_small_differences_are_covered_about_as_often_as_the_interval_says():
    """Rows of equal quality: a 95 % interval misses 0 in about one of twenty data sets."""
    rng, missed = np.random.default_rng(0), 0
    for _ in range(60):
        tables = []
        for assignment in ("a", "b"):
            found = evaluate_label_maps(label_maps(rng, 0.7, 30), NAMES)
            tables.append(count_table(found.counts, assignment=assignment, task="semantic"))
        missed += compare_rows(*tables, "a", "b", n_resamples=200).loc[0, "differs"] == "yes"
    assert 1 <= missed <= 8


def test_tags_and_instances():
    counts = tag_counts(["p", "p", "q"], [1, 0, 2], [1, 2, 2], NAMES)
    assert counts == [("p", "noisy", 0, 0, 1), ("p", "cat", 1, 1, 1), ("p", "dog", 0, 1, 0), ("q", "dog", 1, 1, 1)]
    table = count_table(counts, assignment="a", task="tags")
    figures = compare_rows(table, table, "a", "a", n_resamples=20).set_index("metric")["A"]
    assert figures.to_dict() == {"accuracy": pytest.approx(2 / 3), "accuracy_objects": pytest.approx(2 / 3)}
    square, stripe = np.zeros((2, 6, 6), bool)
    square[:3, :3], stripe[5] = True, True
    masks = [encode(mask) for mask in (square, stripe)]
    photos = [([1, 2], masks, [1, 1], [0.9, 0.8], [masks[0], masks[0]]), ([1], masks[:1], [2], [0.5], masks[:1])]
    counts = evaluate_instance_pairs(photos, ["p", "q"], NAMES).counts
    assert counts == [("p", "cat", 1, 1, 2), ("p", "dog", 0, 1, 0), ("q", "cat", 0, 1, 0), ("q", "dog", 0, 0, 1)]
    table = count_table(counts, assignment="a", task="proxy_instance")
    figures = compare_rows(table, table, "a", "a", n_resamples=20).set_index("metric")["A"]
    assert figures.to_dict() == {"recall50": pytest.approx(1 / 3), "precision50": pytest.approx(1 / 3)}


def test_rows_that_cannot_be_compared_are_refused():
    one, _ = counts_of("one", 0.7)
    with pytest.raises(ValueError, match=r"no counts of the row 'tow', expected one of one\."):
        compare_rows(one, one, "one", "tow")
    with pytest.raises(ValueError, match="none in common"):
        compare_rows(one, one.assign(assignment="two", split="test"), "one", "two")
    fewer = one[one["image_id"] != "photo 3"].assign(assignment="two")
    with pytest.raises(ValueError, match="evaluated on other photos"):
        compare_rows(one, fewer, "one", "two")
    with pytest.raises(ValueError, match="two files have other counts"):
        compare_rows(pd.concat([one, one.assign(found=one["found"] + 1)]), one, "one", "one")


def test_command_line_compares_rows_and_networks(tmp_path, capsys):
    folder = tmp_path / "run/results/evaluation/photos/semantic"
    folder.mkdir(parents=True)
    for network, share in (("small", 0.5), ("large", 0.8)):
        write_photo_counts(folder / f"{network}.csv", counts_of("partition", share, network=network)[0])
    compare_runs.main(tmp_path / "run", rows=["partition/small", "partition/large"], output=tmp_path / "table.csv")
    printed = capsys.readouterr().out
    assert "| semantic |" in printed and "A is partition/small, B is partition/large" in printed and "95%" in printed
    assert pd.read_csv(tmp_path / "table.csv").loc[0, "differs"] == "yes"
    compare_runs.main(tmp_path / "run", tmp_path / "run", rows=["partition", "partition"])
    assert capsys.readouterr().out.count("| no |") == 2, "Each network with itself."
    with pytest.raises(SystemExit, match="expected one of partition, partition/large, partition/small"):
        compare_runs.main(tmp_path / "run", rows=["partition", "cam"])
    with pytest.raises(SystemExit, match="found one run, expected two runs, or --rows"):
        compare_runs.main(tmp_path / "run")
    with pytest.raises(SystemExit, match="found no counts of photos"):
        compare_runs.main(tmp_path / "nothing", rows=["a", "b"])


def test_counts_are_checked(tmp_path):
    row = ("a", "", 0, "tags", "train", "", "p", "cat")
    for numbers in ((2, 1, 3), (1, 1, 0), (-1, 0, 0)):
        with pytest.raises(ValueError, match="more hits than items|negative count"):
            write_photo_counts(tmp_path / "c.csv", pd.DataFrame([(*row, *numbers)], columns=PHOTO_COUNT_COLUMNS))

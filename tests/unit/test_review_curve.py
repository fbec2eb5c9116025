"""Accuracy after corrections: what is corrected, in which order, and what is counted."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aisi.formats.graph import Graph
from aisi.formats.review_curve import REVIEW_CURVE_COLUMNS, read_review_curve, write_review_curve
from aisi.formats.scores import Scores
from aisi.formats.tags import TAG_COLUMNS
from aisi.report.plots import plot_review_curve, save_figure
from aisi.report.review_curve import FREE, person_labels, review_curve, review_orders, solve_around

N = 60
SETTINGS = {"beta": 2.0, "retention": 0.9, "solver": "message_passing", "gap": 1e-6}


@pytest.fixture(scope="module")
def case():
    """Instances of two categories in a chain of likes, attention that is often wrong; every fifth is noisy."""
    random = np.random.default_rng(0)
    truth = np.where(np.arange(N) % 5 == 4, 0, 1 + (np.arange(N) >= N // 2))
    p = np.clip(np.stack([truth == 1, truth == 2], 1) * 0.2 + random.uniform(0.2, 0.6, (N, 2)), 0, 1)
    scores = Scores(np.arange(N + 1) * 2, np.tile([1, 2], N), p.ravel())
    pairs = np.array([(i, i + step) for step in (1, 2) for i in range(N - step)])
    graph = Graph(pairs, np.full(len(pairs), 1.2, np.float32), N, np.array([0, N]), np.arange(N))
    labels = solve_around(graph, scores, np.full(N, FREE), **SETTINGS)
    return graph, scores, tags_of(labels, random.uniform(size=N)), truth


def tags_of(labels, margins, source="solver"):
    columns = {name: 0 for name in TAG_COLUMNS} | {"image_id": np.arange(len(labels)).astype(str), "label": labels}
    columns |= {"keywords": [("a", "b")] * len(labels), "margin": margins, "source": source}
    return pd.DataFrame(columns, columns=TAG_COLUMNS)


def curve(case, shares, evaluated=None, **changes):
    graph, scores, tags, truth = case
    evaluated = np.ones(N, bool) if evaluated is None else evaluated
    return review_curve(graph, scores, tags, truth, evaluated, shares, 2, 0, **(SETTINGS | changes))


def test_orders():
    looked_at = np.array([True, True, False, True, True])
    (name, _, positions), *randoms = review_orders([0.5, np.nan, 0.0, -1.0, 0.5], looked_at, 2, 0)
    assert name == "margin" and positions.tolist() == [3, 0, 4, 1]
    assert [sorted(order) for *_, order in randoms] == [[0, 1, 3, 4]] * 2
    again = review_orders([0.5, np.nan, 0.0, -1.0, 0.5], looked_at, 2, 0)
    assert all(np.array_equal(one[2], two[2]) for one, two in zip(randoms, again[1:], strict=True))


def test_a_person_can_only_say_keywords():
    scores = Scores(np.array([0, 1, 3, 3]), np.array([2, 1, 2]), np.zeros(3, np.float32))
    assert person_labels([1, 2, 1], scores).tolist() == [0, 2, 0]


def test_without_corrections_the_tags_are_those_of_the_run_and_with_all_they_are_right(case):
    found = curve(case, [0, 0.3, 1])
    _, _, tags, truth = case
    start = found[found["share"] == 0]
    assert set(start["accuracy"]) == set(start["accuracy_alone"]) == {np.mean(tags["label"] == truth)}
    assert set(start["seen"]) == set(start["corrected"]) == {0}
    end = found[found["share"] == 1]
    assert set(end["accuracy"]) == set(end["accuracy_alone"]) == {1.0}
    assert set(end["corrected"]) == {int((tags["label"] != truth).sum())} and set(end["seen"]) == {N}
    middle = found[found["share"] == 0.3]
    assert set(middle["seen"]) == {18}
    np.testing.assert_allclose(
        middle["accuracy_alone"] - start["accuracy"].iloc[0], middle["corrected"] / N
    )  # each correction mends one tag


def test_only_evaluated_photos_are_reviewed_and_counted(case):
    evaluated = np.arange(N) < 20
    assert set(curve(case, [1], evaluated)["seen"]) == {20} == set(curve(case, [1], evaluated)["n"])


def test_overrides_stay(case):
    graph, scores, tags, truth = case
    given = tags.assign(source=np.where(np.arange(N) < 30, "override", "solver"))
    found = curve((graph, scores, given, truth), [1])
    assert set(found["seen"]) == {30}
    assert set(found["accuracy"]) == {np.mean(np.where(np.arange(N) < 30, tags["label"], truth) == truth)}


def test_file_and_figure(case, tmp_path):
    found = curve(case, [0, 0.5, 1])
    assert list(found) == REVIEW_CURVE_COLUMNS
    write_review_curve(tmp_path / "curve.csv", found)
    read = read_review_curve(tmp_path / "curve.csv")
    pd.testing.assert_frame_equal(read, found, check_exact=False, rtol=1e-6, check_dtype=False)
    for name in ("one.png", "two.png"):
        save_figure(tmp_path / name, plot_review_curve(read))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with Image.open(tmp_path / "one.png") as figure:
        assert np.asarray(figure.convert("L")).min() == 0

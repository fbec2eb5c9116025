"""Settings chosen on one half and reported on the other: no figure is of photos that chose its settings."""

import numpy as np
import pandas as pd
import pytest

from aisi.evaluation.halves import CHOOSING, FIGURES, SETTINGS, WHOLE, Split, choose, combinations, halves_table
from aisi.formats.dataset import Categories
from aisi.formats.instances import SalientInstances
from aisi.planning.assignments import PAPER
from aisi.report.tables import experiment_page, with_headings

CONFIGURED = PAPER | {"beta": 60, "k": 5}
GRID = combinations({"beta": [30, 90], "k": [3, 5]}, CONFIGURED)


def figures(values):
    """Figures of two seeds, seed 1 being 0.02 higher: ``values`` maps (half, beta, k) to the figure of both kinds."""
    rows = []
    whole = {(WHOLE, 30, 3): 0.45, (WHOLE, 60, 5): 0.7}
    for (half, beta, k), value in (values | whole).items():
        for seed in (0, 1):
            own = dict.fromkeys(FIGURES, value + 0.02 * seed)
            rows.append({"half": str(half), "seed": seed} | PAPER | {"beta": beta, "k": k} | own)
    return pd.DataFrame(rows)


VALUES = {(1, 30, 3): 0.5, (1, 30, 5): 0.9, (1, 90, 3): 0.1, (1, 90, 5): 0.2, (1, 60, 5): 0.6}
VALUES |= {(2, 30, 3): 0.4, (2, 30, 5): 0.3, (2, 90, 3): 0.8, (2, 90, 5): 0.7, (2, 60, 5): 0.8}
TABLE = halves_table(figures(VALUES), GRID, CONFIGURED)


def row(half, settings):
    return TABLE[(TABLE["half"] == half) & (TABLE["settings"] == settings)].iloc[0]


def test_all_combinations():
    assert [(entry["beta"], entry["k"]) for entry in GRID] == [(30, 3), (30, 5), (90, 3), (90, 5)]
    assert all(set(entry) == set(SETTINGS) for entry in GRID)
    assert {entry["beta"] for entry in combinations({"k": [1]}, CONFIGURED)} == {60}


def test_each_half_reports_what_the_other_chose():
    """Half 1 would choose beta 30, k 5 (0.9 there), half 2 beta 90, k 3: each is bad on the half that reports it."""
    one, two = row("1", "chosen on the other half"), row("2", "chosen on the other half")
    assert (one["beta"], one["k"], one["proxy_miou"]) == ("90", "3", pytest.approx(0.11))
    assert (two["beta"], two["k"], two["proxy_miou"]) == ("30", "5", pytest.approx(0.31))
    mean = row("mean", "chosen on the other half")
    assert mean["accuracy"] == pytest.approx((0.11 + 0.31) / 2) and mean["accuracy sd"] == pytest.approx(
        0.02 / np.sqrt(2)
    )
    assert mean["beta"] == ""


def test_the_papers_and_the_configured_settings_are_the_same_on_both_halves():
    assert [row(half, "the paper's")["accuracy"] for half in ("1", "2", "mean")] == pytest.approx([0.51, 0.41, 0.46])
    assert [row(half, "as configured")["accuracy"] for half in ("1", "2", "mean")] == pytest.approx([0.61, 0.81, 0.71])


def test_all_photos_together_choose_nothing():
    assert row(WHOLE, "the paper's")["accuracy"] == pytest.approx(0.46)
    assert row(WHOLE, "as configured")["accuracy"] == pytest.approx(0.71)
    assert len(TABLE[TABLE["half"] == WHOLE]) == 2


def test_both_figures_choose_and_ties_go_to_the_papers_settings():
    table = figures({(1, 30, 3): 0.5, (1, 30, 5): 0.5, (1, 90, 3): 0.5, (1, 90, 5): 0.5})
    table = table[table["half"] == "1"].copy()
    assert choose(table, GRID) == PAPER | {"beta": 30, "k": 3}
    table.loc[table["beta"] == 90, CHOOSING[0]] = 0.9
    assert choose(table, GRID)["beta"] == 90
    table.loc[table["beta"] == 30, CHOOSING[1]] = 0.9
    table.loc[(table["beta"] == 30) & (table["k"] == 5), CHOOSING[0]] = 0.8
    assert choose(table, GRID) == PAPER | {"beta": 30, "k": 5}


def test_only_the_grid_is_chosen_from():
    outside = VALUES | {(1, 60, 5): 1.0, (2, 60, 5): 1.0}
    table = halves_table(figures(outside), GRID, CONFIGURED)
    assert "60" not in table.loc[table["settings"] == "chosen on the other half", "beta"].tolist()


def test_page():
    page = experiment_page("Halves", "snakemake halves", with_headings(TABLE), ["Note."])
    assert "| half | settings | balance_categories |" in page and "| tags: accuracy |" in page
    assert "| proxies: mIoU |" in page and "nan" not in page and " sd" not in page
    assert "| 1 | chosen on the other half | 0 | 0 | 0 | 0 | 90 | 0.95 | 3 | false | false | 0.110 ± 0.014 |" in page


def test_a_part_of_a_split_has_its_own_instances():
    instances = SalientInstances(
        np.array(["a", "a", "b", "c"], object), np.array([0, 1, 0, 0]), np.zeros((4, 4), int), np.ones(4), [{}] * 4
    )
    photos = pd.DataFrame({"image_id": ["a", "b", "c"]})
    oracle = pd.DataFrame({"image_id": ["a", "a", "b", "c"], "instance_id": [0, 1, 0, 0]})
    split = Split(
        photos, Categories(["cat"], [1], ["#090909"]), instances, instances.scores, np.arange(8.0).reshape(4, 2), oracle
    )
    parts = [split.of(photos["image_id"][half::2]) for half in (0, 1)]
    assert [part.photos["image_id"].tolist() for part in parts] == [["a", "c"], ["b"]]
    assert [part.instances.image_ids.tolist() for part in parts] == [["a", "a", "c"], ["b"]]
    assert parts[0].features.tolist() == [[0, 1], [2, 3], [6, 7]] and len(parts[0].oracle) == 3

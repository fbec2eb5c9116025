"""What the experiments compare: rows, references and notes, from the config alone."""

from pathlib import Path

import pytest
import yaml

import write_durations
from aisi.planning.experiments import (
    PAPER_TABLES,
    TITLES,
    evaluated_rows,
    experiment_assignments,
    name_of_training_set,
    notes,
    paper_note,
    sweep_networks,
    table_rows,
)

ROOT = Path(__file__).parents[2]
ABLATION = {"assignments": ["random", "partition"], "seeds": [0, 1], "network_seeds": [7], "cam_threshold": 0.3}
SWEEPS = {"beta": [1, 2.5], "retention": [0.5], "objectness_weight": [0], "k": [3]}
ASSIGNMENTS = experiment_assignments(ABLATION, SWEEPS)


def test_every_experiment_has_a_title():
    assert list(ASSIGNMENTS) == list(TITLES)
    assert set(PAPER_TABLES) <= set(TITLES)


def test_the_papers_row_is_in_the_ablation_once():
    assert experiment_assignments(ABLATION, SWEEPS, ["paper"])["ablation"] == ["random", "partition", "paper"]
    named = ABLATION | {"assignments": ["paper", "partition"]}
    assert experiment_assignments(named, SWEEPS, ["paper"])["ablation"] == ["paper", "partition"]


def test_the_configured_value_is_a_row_of_its_sweep():
    sweeps = {"beta": [0, 3, 10], "retention": [1, 0.9, 0.5], "objectness_weight": [0, 1], "k": [3]}
    configured = {"beta": 2.5, "retention": 0.78, "objectness_weight": 1.0, "k": 5}
    rows = experiment_assignments(ABLATION, sweeps, configured=configured)
    assert rows["sweep_beta"] == ["beta-0", "beta-2.5", "beta-3", "beta-10"]
    assert rows["sweep_retention"] == ["retention-1", "retention-0.9", "retention-0.78", "retention-0.5"]
    assert rows["sweep_objectness"] == ["objectness_weight-0", "objectness_weight-1"], "It is there already."
    assert rows["sweep_graph"][:2] == ["k-3", "k-5"]
    rows = experiment_assignments(ABLATION, sweeps, configured=configured | {"retention": "auto", "beta": 30})
    assert rows["sweep_retention"] == ["retention-1", "retention-0.9", "retention-0.5", "partition"]
    assert rows["sweep_beta"][-1] == "beta-30"


def test_the_page_says_which_row_has_the_papers_settings():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    graph, partition = config["graph"], config["partition"]
    assert paper_note(graph, partition).startswith("`partition` has the paper's own settings: k 3, beta 30, r 0.95.")
    note = paper_note(graph | {"k": 5}, partition)
    assert note.startswith("`paper` has the paper's own settings") and "paper_attention" not in note
    assert "`paper_attention`" in paper_note(graph, partition | {"balance_categories": True})


def test_rows_of_sweeps_whose_networks_are_trained():
    assert sweep_networks(ASSIGNMENTS, ["retention-0.5", "beta-2.5"]) == {
        "sweep_beta": ["beta-2.5"],
        "sweep_retention": ["retention-0.5"],
        "sweep_objectness": [],
        "sweep_graph": [],
    }
    with pytest.raises(ValueError, match=r"sweeps\.networks names beta-30, but the rows .* are beta-1, beta-2\.5, "):
        sweep_networks(ASSIGNMENTS, ["beta-1", "beta-30"])


@pytest.mark.parametrize(
    ("train_on", "name"), [("main", "VOC"), ("simple", "simple images"), ("both", "VOC and simple images")]
)
def test_names_of_training_sets(train_on, name):
    assert name_of_training_set({"name": "VOC", "train_on": train_on}) == name


def test_assignments_are_named_by_their_value():
    assert ASSIGNMENTS["sweep_beta"] == ["beta-1", "beta-2.5"]
    assert ASSIGNMENTS["sweep_objectness"] == ["objectness_weight-0"]
    assert ASSIGNMENTS["sweep_graph"][:2] == ["k-3", "shared_keywords_only-false"]


def test_each_seed_has_its_own_rows_and_the_oracle_one():
    rows = evaluated_rows("ablation", ASSIGNMENTS["ablation"], [0, 1], 5)
    assert rows == [["random", 0], ["partition", 0], ["random", 1], ["partition", 1], ["oracle", 5]]


def test_shuffled_batches_have_the_order_of_their_seed_and_one_row_in_the_table():
    rows = evaluated_rows("batches", ASSIGNMENTS["batches"], [0, 1], 0)
    assert rows[3] == ["batches-shuffled-0", 0] and rows[7] == ["batches-shuffled-1", 1] and len(rows) == 8
    assert table_rows("batches", ASSIGNMENTS["batches"], True, False)[-1] == "batches-shuffled"


@pytest.mark.parametrize(
    ("has_true_masks", "has_networks", "references"),
    [
        (True, True, ["cam", "oracle", "ground_truth"]),
        (True, False, ["cam", "oracle"]),
        (False, True, ["cam"]),
        (False, False, ["cam"]),
    ],
)
def test_references_of_the_ablation(has_true_masks, has_networks, references):
    rows = table_rows("ablation", ASSIGNMENTS["ablation"], has_true_masks, has_networks)
    assert rows == ["random", "partition", *references]


def test_notes_name_seeds_and_thresholds():
    text = " ".join(notes("ablation", ABLATION, True))
    assert "attention network: 0, 1." in text and "Seeds of the networks: 7." in text and "reach 0.3" in text
    assert "Seeds of the networks" not in " ".join(notes("ablation", ABLATION, False))
    assert "certified bound" in notes("batches", ABLATION, False)[-1]
    assert len(notes("sweep_graph", ABLATION, False)) == 1
    assert "not how high they are" in notes("sweep_beta", ABLATION, False)[-1]
    assert "Compare them with our networks" in notes("sweep_beta", ABLATION, True)[-1]


def test_durations_on_the_page_are_those_of_the_stored_run(tmp_path, monkeypatch):
    """Read from benchmark files as Snakemake writes them, of all homes of a run."""
    assert write_durations.PAGE.read_text() == write_durations.page(), "Run: python tools/write_durations.py"
    for place, seconds in (
        ("benchmarks/train_x.tsv", 3),
        ("seed-1/benchmarks/solve/a/b.tsv", 1),
        ("benchmarks/solve/c.tsv", 2),
    ):
        file = tmp_path / "run/results" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\tcpu_time\n99.0\t{seconds}\n")
    monkeypatch.setattr(write_durations, "STORED", tmp_path / "durations.csv")
    write_durations.store(tmp_path / "run")
    assert (tmp_path / "durations.csv").read_text() == "rule,jobs,cpu_seconds\nsolve,2,3.00\ntrain_x,1,3.00\n"

"""Tables over several seeds: what they compute again, and that table and page say what metrics.csv says."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest

import compare_runs
from aisi.formats.dataset import read_images
from aisi.formats.metrics import read_metrics
from aisi.formats.tags import read_tags
from project import Project

SMALL = {
    "ablation": {"seeds": [0, 1], "assignments": ["random", "partition"]},
    "semantic": {"train": []},
    "partition": {"batch_size": 10, "batch_solver": "message_passing"},
}
ONE_SEED = SMALL | {"ablation": {"seeds": [0]}}
NOT_AGAIN = {"index_images", "train_s4net", "detect_salient_instances", "train_feature_extractor", "compute_features"}
HEADINGS = {
    ("tags", "accuracy"): "tags: accuracy",
    ("tags", "objective"): "tags: objective",
    ("proxy_semantic", "miou"): "proxies: mIoU",
    ("proxy_instance", "ap50"): "proxies: AP50",
}


@pytest.fixture(scope="module")
def evaluated(finished, tmp_path_factory):
    """A finished run in which the ablation, stopped half-way and started again, and the batches have run."""
    project = Project(finished.home, tmp_path_factory.mktemp("experiments"))
    project.finish("ablation", "--until", "write_tags", changes=SMALL)
    left = project.pending("ablation", changes=SMALL)
    assert not {"train_attention", "solve_partition", "write_tags"} & set(left) and left["evaluate_experiment"] == 1
    project.finish("ablation", changes=SMALL)
    project.finish("batches", changes=ONE_SEED)
    return project


def folder(project, experiment):
    return project.run_folder / "results" / "experiments" / experiment


def figures(project, experiment):
    """metrics.csv over all categories, by seed."""
    metrics = read_metrics(folder(project, experiment) / "metrics.csv")
    return metrics[metrics["category"] == "all"]


@pytest.mark.parametrize("experiment", ["ablation", "batches"])
def test_table_and_page_say_what_metrics_say(evaluated, experiment):
    metrics = figures(evaluated, experiment)
    table = pd.read_csv(folder(evaluated, experiment) / "table.csv", keep_default_na=False, na_values="")
    lines = (folder(evaluated, experiment) / "page.md").read_text().splitlines()
    heading = next(line for line in lines if line.startswith("| assignment")).strip("| ").split(" | ")
    checked = 0
    for row in table.itertuples():
        cells = next(line for line in lines if line.startswith(f"| {row.assignment} |"))[2:-2].split(" | ")
        own = metrics[metrics["assignment"].str.replace(r"(?<=shuffled)-\d+", "", regex=True) == row.assignment]
        for (task, metric), name in HEADINGS.items():
            values = own.loc[(own["task"] == task) & (own["metric"] == metric), "value"]
            if len(values):
                assert table.loc[row.Index, name] == pytest.approx(values.mean(), rel=1e-6)
                found = [float(number) for number in re.findall(r"[\d.]+", cells[heading.index(name)])]
                expected = [values.mean(), values.std()] if len(values) > 1 else [values.mean()]
                assert found == pytest.approx(expected, abs=0.051 if metric == "objective" else 0.0006)
                checked += 1
    assert checked >= 10


def test_the_configs_seed_has_the_figures_of_the_report(evaluated):
    """Evaluated without written proxies, they are the same as those of the written ones. These alone have shares."""
    both = [
        read_metrics(path / "metrics.csv").query("assignment in ('partition', 'oracle') and seed == 0")
        for path in (evaluated.run_folder / "results", folder(evaluated, "ablation"))
    ]
    tables = [table[table["task"].isin(["tags", "proxy_semantic", "proxy_instance"])] for table in both]
    tables = [table[~table["metric"].str.startswith("share_")] for table in tables]
    key = ["assignment", "task", "protocol", "metric", "category"]
    tables = [table.set_index(key).sort_index()[["value", "n"]] for table in tables]
    assert len(tables[0]) > 100
    pd.testing.assert_frame_equal(*tables)


def test_two_rows_are_compared_photo_by_photo(evaluated, tmp_path, capsys):
    """Their figures are those of metrics.csv, and the counts of the experiment are those of the single evaluations."""
    compare_runs.main(evaluated.run_folder, rows=["random", "partition"], output=tmp_path / "rows.csv")
    assert "A is random, B is partition" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "rows.csv").set_index(["task", "metric"])
    means = figures(evaluated, "ablation").groupby(["assignment", "task", "metric"])["value"].mean()
    compared = [("tags", "accuracy"), ("tags", "accuracy_objects"), ("proxy_semantic", "miou")]
    for figure in compared:
        values = table.loc[figure, ["A", "B"]].tolist()
        assert values == pytest.approx([means["random", *figure], means["partition", *figure]], rel=1e-6)
    assert ("proxy_instance", "recall50") in table.index and (table["low"] <= table["high"]).all()


def test_a_table_without_networks_speaks_of_none(evaluated):
    page = (folder(evaluated, "ablation") / "page.md").read_text()
    assert "| oracle |" in page and "| ground_truth |" not in page and "Seeds of the networks" not in page


def test_seeds_vary_random_tags_and_attention(evaluated):
    results = evaluated.run_folder / "results"
    for name in ("tags/random.csv", "attention/train/shard_0.h5", "attention/classifier.safetensors"):
        assert (results / name).read_bytes() != (results / "seed-1" / name).read_bytes()
    assert sorted(path.name for path in (results / "seed-1").iterdir() if path.name not in ("logs", "benchmarks")) == [
        "attention",
        "partition",
        "scores",
        "tags",
    ]
    cam = figures(evaluated, "ablation").query("assignment == 'cam'")
    assert set(cam["seed"]) == {0, 1} and cam["value"].nunique() == 2


def test_the_whole_is_never_worse_than_batches(evaluated):
    metrics = figures(evaluated, "batches").set_index(["assignment", "metric"])["value"]
    shares = metrics.xs("share_of_bound", level=1)
    assert set(shares.index) == {"batches-whole", "batches-given", "batches-category", "batches-shuffled-0"}
    assert shares["batches-whole"] == pytest.approx(1, abs=1e-5) and shares.max() <= 1 + 1e-9
    assert np.isfinite(metrics["batches-given", "accuracy"])


def test_halves_solve_as_the_workflow_does(evaluated):
    """Each half's accuracy of the configured and of the paper's settings is that of results/tags on its photos."""
    grid = {"objectness_weight": [0, 0.5], "beta": [30], "k": [3], "r": [0.95, 0.8]}
    evaluated.finish("halves", changes=SMALL | {"halves": grid | {"shared_keywords_only": [False]}})
    results = evaluated.run_folder / "results"
    table = pd.read_csv(folder(evaluated, "halves") / "figures.csv")
    assert set(table["half"]) == {"1", "2", "all photos"} and set(table["seed"]) == {0, 1}
    combinations = 2 * 2 * 2 + 1  # both of balance_categories as well; the configured beta is 1
    assert len(table) == 2 * (2 * combinations + 2)  # seeds, halves, the paper's and the configured of all photos
    photos = read_images(*sorted((results / "images/train").glob("shard_*.csv")))["image_id"]
    oracle = read_tags(results / "reference/tags/oracle.csv")
    for name, beta in (("paper", 30), ("partition", 1)):
        tags = read_tags(results / f"tags/{name}.csv")
        for half, those in (("1", photos[::2]), ("2", photos[1::2]), ("all photos", photos)):
            own = tags["image_id"].isin(those)
            figure = table.query(f"half == '{half}' and seed == 0 and beta == {beta} and retention == 0.95")
            figure = figure.query("objectness_weight == 0 and balance_categories == 0")["accuracy"].item()
            assert figure == pytest.approx((tags["label"] == oracle["label"])[own].mean())
    assert "chosen on the other half" in (folder(evaluated, "halves") / "page.md").read_text()


@pytest.mark.parametrize(
    ("target", "rows", "graphs"),
    [("sweep_beta", 7, {}), ("sweep_objectness", 6, {}), ("sweep_graph", 9, {"build_graph": 6})],
)
def test_a_sweep_computes_only_what_depends_on_its_value(finished, target, rows, graphs):
    pending = finished.pending(target)  # the configured beta, 1, is a row as well
    again = {"train_attention": 2, "compute_attention_maps": 4, "compute_scores": 4}  # two more seeds, two shards
    each = {"solve_partition": 3 * rows, "write_tags": 3 * rows}
    once = dict.fromkeys(("copy_bundled_file", "evaluate_experiment", "collect_experiment", "write_experiment"), 1)
    assert {name: count for name, count in pending.items() if name != target} == again | each | once | graphs


def test_the_ablation_trains_the_networks_that_are_missing(finished):
    pending = finished.pending("ablation")
    trained = {name: pending[name] for name in ("train_semantic", "predict_semantic", "evaluate_semantic")}
    assert trained == {"train_semantic": 5, "predict_semantic": 5, "evaluate_semantic": 5}  # six, one is there
    assert not NOT_AGAIN & set(pending)
    assert pending["write_proxy_masks"] == 2 and pending["copy_true_masks"] == 1 and pending["write_cam_masks"] == 3


def test_a_sweep_trains_the_networks_of_the_rows_that_the_config_names(finished):
    pending = finished.pending("sweep_beta", changes={"sweeps": {"networks": ["beta-3", "beta-90", "retention-0.8"]}})
    jobs = ("write_proxy_masks", "train_semantic", "predict_semantic", "evaluate_semantic")
    assert {name: pending[name] for name in jobs} == dict.fromkeys(jobs, 2)
    process = finished.snakemake("sweep_beta", "--dry-run", changes={"sweeps": {"networks": ["beta-31"]}})
    assert process.returncode == 1 and "sweeps.networks names beta-31" in process.stdout + process.stderr


def test_other_settings_than_the_papers_stand_beside_the_papers_row(finished):
    pending = finished.pending(changes={"partition": {"balance_categories": True, "r": 0.8}})
    assert pending["solve_baseline"] == 2  # attention and paper_attention
    assert pending["solve_partition"] == 1  # partition; paper stays as it is
    assert pending["evaluate_tags"] == 3 and pending["train_semantic"] == 1
    as_printed = {"partition": {"beta": 30}}
    assert "paper" not in finished.finish("--dry-run", changes=as_printed).stdout


def test_without_true_masks(copy):
    """The ablation says what is missing; the objective of batches needs no masks."""
    changes = ONE_SEED | {
        "dataset": {"format": "photos", "root": "results/demo/JPEGImages", "keywords": "keywords.csv"}
    }
    shutil.copy(copy.run_folder / "results/demo/keywords.csv", copy.run_folder)
    process = copy.snakemake("ablation", "--dry-run", changes=changes)
    assert process.returncode == 1 and "folder of dataset.ground_truth" in process.stdout + process.stderr
    pending = copy.pending("batches", changes=changes)
    assert pending["compute_objectives"] == 1 and "evaluate_experiment" not in pending

"""A change runs again exactly what depends on it (docs/reruns.md)."""

import re
import shutil

import pytest

from project import TARGETS, Project


def once(*rules):
    return dict.fromkeys(rules, 1)


FIGURES = once("collect_metrics", "write_results", "plot_results")
AFTER_NETWORK = FIGURES | once("predict_semantic", "predict_examples", "evaluate_semantic")
AFTER_NETWORK |= once("draw_examples", "draw_predictions")
AFTER_PROXIES = AFTER_NETWORK | once("train_semantic", "plot_training")
AFTER_PROXIES |= once("evaluate_proxy_masks", "evaluate_proxy_instances", "evaluate_examples", "draw_extremes")
AFTER_TAGS = AFTER_PROXIES | once("evaluate_tags", "write_proxy_masks", "write_overview")
AFTER_GRAPH = AFTER_TAGS | once("solve_partition", "write_tags")
ROW = ("solve_partition", "write_tags", "write_proxy_masks")
ROW += ("evaluate_tags", "evaluate_proxy_masks", "evaluate_proxy_instances")
WITH_PAPER = AFTER_GRAPH | dict.fromkeys(ROW, 2)
"""Where the row with the paper's settings is computed again too."""


def edit(file, pattern, replacement):
    """Replace the first match; the file gets a new time."""
    text, count = re.subn(pattern, replacement, file.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1
    file.write_text(text)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"partition": {"beta": 2}}, AFTER_GRAPH),
        ({"graph": {"k": 4}}, WITH_PAPER | {"build_graph": 2}),  # the paper's graph has a file of its own then
        ({"semantic": {"networks": {"light": {"prediction": {"flip": False}}}}}, AFTER_NETWORK),
        ({"partition": {"batch_size": 300}, "gpus": 1}, {}),
    ],
    ids=["beta", "k", "flips", "nothing that counts here"],
)
def test_setting(finished, setting, expected):
    assert finished.pending(changes=setting) == expected


def test_values_that_change_places(project):
    """Snakemake compares params without their names."""
    config = project.home / "before.yaml"
    config.write_text("graph: {shared_keywords_only: true, centre_features: false}\n")
    project.pretend(config)
    exchange = {"graph": {"shared_keywords_only": False, "centre_features": True}}
    one_like_another = {"salient_instances": {"nms_iou": 0.8}}  # as max_covered
    plans = project.plans({}, exchange, one_like_another, config=config)
    assert [plan["first"] for plan in plans] == [[], ["build_graph"], ["detect_salient_instances", "evaluate_s4net"]]


def test_words_in_the_code(copy):
    scripts = copy.home / "workflow" / "scripts"
    edit(scripts / "aisi" / "graph.py", r"\Z", "\n# Nothing that runs.\n")
    edit(scripts / "aisi" / "formats" / "graph.py", r'^"""', '"""In other words: ')
    edit(scripts / "build_graph.py", r'^"""', '"""In other words: ')
    assert copy.pending() == {}


def test_what_steers_jobs_alone(copy):
    """Threads, memory, messages, logs; pins count with ``--sdm conda`` alone."""
    rules = copy.home / "workflow/rules/graph.smk"
    edit(rules, r"threads: 8", "threads: 2")
    edit(rules, r"growing\(4000\)", "growing(5000)")
    edit(rules, r'"Join each', '"Connect each')
    edit(rules, r"logs/build_graph", "logs/built_graph")
    edit(copy.home / "workflow/envs/solver.yaml", r"numpy =[\d.]+", "numpy =1.0.0")
    assert copy.pending() == {}


def test_code_of_a_module(copy):
    edit(copy.home / "workflow/scripts/aisi/graph.py", r"\Z", "\nUNUSED = 1\n")
    assert copy.pending() == WITH_PAPER | once("build_graph")


def test_code_of_a_late_module(copy):
    edit(copy.home / "workflow/scripts/aisi/report/plots.py", r"\Z", "\nUNUSED = 1\n")
    drawing = once("plot_results", "plot_training", "draw_examples", "draw_extremes", "draw_predictions")
    assert copy.pending() == drawing | once("write_overview")


def test_times_alone(copy):
    """As after ``git clone``, with the results brought along."""
    for file in copy.home.glob("**/*"):
        if file.is_file() and copy.run_folder not in file.parents:
            file.touch()
    for file in copy.run_folder.glob("results/**/[!.]*"):
        if file.is_file():
            file.touch()
    assert copy.pending() == {}


def test_a_clone_at_another_path(project):
    """Results and Snakemake's notes move to another clone; weights of the repository are the detector's."""
    config = project.home / "config.yaml"
    weights = "resources/weights/s4net_efficientnet_lite2.safetensors"
    config.write_text(f"salient_instances: {{weights: {weights}}}\nablation: {{seeds: [0], network_seeds: [0]}}\n")
    targets = *TARGETS, "ablation", "batches", "sweep_beta"
    project.pretend(config, targets)
    clone = Project(project.home, project.home.with_name("clone"))
    shutil.rmtree(project.home)
    assert clone.pending(*targets, config=clone.home / "config.yaml") == {}


def test_missing_file(copy):
    """An intermediate file that is gone is made when it is asked for; what was made of it stays."""
    tags = copy.run_folder / "results/tags/partition.csv"
    tags.unlink()
    assert copy.pending() == {}
    assert copy.pending(str(tags.relative_to(copy.run_folder))) == once("write_tags")


def test_fewer_shards(finished):
    """The first shard's file is there, but holds too little."""
    pending = finished.pending(changes={"shards": 1})
    assert pending["index_images"] == pending["detect_salient_instances"] == pending["compute_features"] == 1
    assert not {"render_scenes", "train_s4net", "train_feature_extractor"} & set(pending)


def test_without_snakemakes_notes(copy):
    """Files that are there still count."""
    shutil.rmtree(copy.run_folder / ".snakemake")
    assert copy.pending() == {}

"""Store the figures of a run below docs/figures, and write the pages of results from the stored figures.

    python tools/write_results_pages.py
    python tools/write_results_pages.py --store runs/voc_mini docs/figures/voc_mini --configfile config/voc_mini.yaml

The first form writes the pages again. The second copies from a finished run what a page
needs: figures, training logs, the SHA-256 of all weights, and the commit. docs/figures/README.md describes the files.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml
from snakemake.utils import update_config

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from aisi.formats.metrics import METRIC_COLUMNS, read_metrics  # noqa: E402
from aisi.labels import ALL  # noqa: E402
from aisi.planning.assignments import paper_rows  # noqa: E402
from aisi.planning.command import command_line  # noqa: E402
from aisi.planning.experiments import (  # noqa: E402
    HALVES_NOTES,
    HALVES_TITLE,
    PAPER_TABLES,
    PAPER_TRAINING_SETS,
    TITLES,
    experiment_assignments,
    notes,
    paper_note,
    table_rows,
)
from aisi.report.tables import (  # noqa: E402
    SPREAD,
    add_paper,
    experiment_page,
    markdown,
    ratio_notes,
    results_page,
    seed_table,
)

PAGES = {"results.md": "voc_mini", "results_demo.md": "demo"}
"""Page of docs/ to its folder in docs/figures."""
FIGURES = ROOT / "docs" / "figures"
DEMO = ROOT / "docs" / "demo.md"
TABLE_START = "<!-- first table of results_demo.md: start, by tools/write_results_pages.py -->"
TABLE_END = "<!-- first table: end -->"
COUNTS = ["instances", "tagged", "photos"]


def make_page(folder):
    """Page of results in Markdown, from the stored figures alone."""
    run = yaml.safe_load((folder / "run.yaml").read_text())
    config = config_of(run["configfiles"], run["config"])
    home = ROOT / run["directory"]

    def command(target):
        return command_line(target, [ROOT / file for file in run["configfiles"]], run["config"], home, ROOT)

    graph, partition, name = config["graph"], config["partition"], config["dataset"]["name"]
    if (folder / "metrics.csv").is_file():
        counts = pd.read_csv(folder / "counts.csv", index_col="assignment")[COUNTS].to_dict("index")
        metrics, older = stored_metrics(folder / "metrics.csv")
        head = [config["report"]["note"], paper_note(graph, partition), run["note"], *older]
        parts = [results_page(name, command(""), [*filter(None, head)], metrics, counts)]
    else:
        parts = ["\n\n".join([f"# Results: {name}, what chose the settings", run["note"]]) + "\n"]
    if (folder / "halves.csv").is_file():
        title = f"{name}: {HALVES_TITLE}"
        parts.append(experiment_page(title, command("halves"), read_text_table(folder / "halves.csv"), HALVES_NOTES))
    for experiment, title in TITLES.items():
        if (folder / f"{experiment}.csv").is_file():
            parts.append(page_of(experiment, folder, config, f"{name}: {title}", command(experiment)))
    return "\n".join([*parts, provenance(folder, run)])


def with_table(text, page):
    """The text of docs/demo.md with the first table of the demo's page of results."""
    [table] = re.findall(r"\n\n(\| assignment .*?)\n\n", page, re.DOTALL)[:1]
    start, end = (re.escape(mark) for mark in (TABLE_START, TABLE_END))
    return re.sub(f"{start}.*{end}", f"{TABLE_START}\n{table}\n{TABLE_END}", text, flags=re.DOTALL)


def with_stored_tables(text):
    """The text of a page of docs/ with the tables that its comments ``table of figures/..: COLUMN, ..`` name."""

    def table(found):
        stored = pd.read_csv(ROOT / "docs" / found["file"], keep_default_na=False)
        for name in [name for name in stored if name + SPREAD in stored]:
            pairs = zip(stored[name], stored[name + SPREAD], strict=True)
            stored[name] = [f"{mean:.3f} ± {spread:.3f}" for mean, spread in pairs]
        shown = stored[found["columns"].split(", ")].drop_duplicates()
        return f"{found['start']}\n{markdown(shown)}\n{found['end']}"

    return re.sub(
        r"(?P<start><!-- table of (?P<file>figures/\S+\.csv): (?P<columns>.+?) -->)\n.*?(?P<end><!-- table: end -->)",
        table,
        text,
        flags=re.DOTALL,
    )


def page_of(experiment, folder, config, title, command):
    """Page of an experiment, as rule write_experiment makes it."""
    metrics, older = stored_metrics(folder / f"{experiment}.csv")
    paper = pd.read_csv(ROOT / "resources" / "paper_results.csv")
    train = PAPER_TRAINING_SETS[config["dataset"]["train_on"]]
    paper = paper[(paper["table"] == PAPER_TABLES.get(experiment)) & (paper["train"] == train)]
    own = paper_rows(config["graph"], config["partition"])
    assignments = experiment_assignments(config["ablation"], config["sweeps"], own)[experiment]
    has_networks = bool((metrics["network"] != "").any())
    rows, _ = add_paper(seed_table(metrics, table_rows(experiment, assignments, True, has_networks)), paper)
    below = [*ratio_notes(rows), *notes(experiment, config["ablation"], has_networks), *older]
    return experiment_page(title, command, rows, below)


def stored_metrics(path):
    """Metrics of a file, with those of networks of an older commit, and a sentence about these."""
    metrics, older = read_figures(path), path.with_name(f"{path.stem}_older.csv")
    if not older.is_file():
        return metrics, []
    table = read_figures(older)
    [commit] = table.pop("commit").unique()
    networks = " and ".join(f"`{name}`" for name in table["network"].unique())
    sentence = (
        f"The networks {networks} were trained by commit {commit}, with the same settings. Their weights and logs were "
        "not kept. All other figures are of the commit at the end of this page."
    )
    return pd.concat([metrics, table[METRIC_COLUMNS]], ignore_index=True), [sentence]


def read_figures(path):
    """Stored metrics. They have no seal, because they are edited and merged with git."""
    return pd.read_csv(path, keep_default_na=False, na_values={"value": [""]}, dtype={"seed": "Int64"})


def read_text_table(path):
    """A table of halves: settings are text, figures are numbers."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    figures = [name for name in table if ":" in name]
    return table.astype(dict.fromkeys(figures, float))


def provenance(folder, run):
    """Section that says which commit and which weights made the figures, with the log of each training."""
    networks = pd.read_csv(folder / "networks.csv", keep_default_na=False)
    place = f"figures/{folder.name}"
    rows = [
        f"| {weights} | {f'[{log}]({place}/{log})' if log else ''} | `{digest}` |"
        for weights, log, digest in networks[["weights", "log", "sha256"]].itertuples(index=False)
    ]
    table = "\n".join(["| weights | log | sha256 |", "| --- | --- | --- |", *rows])
    configs = ", ".join(f"`{file}`" for file in ["config/config.yaml", *run["configfiles"]])
    return (
        f"## Where the figures come from\n\nCommit {run['commit']}, settings of {configs}. The figures are stored in "
        f"[{place}]({place}), and a test compares them with this page. The weights have these SHA-256:\n\n"
        f"{table}\n"
    )


def config_of(files, values):
    """The config's values with those of more files and of ``--config``."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    for file in files:
        update_config(config, yaml.safe_load((ROOT / file).read_text()))
    update_config(config, values)
    return config


def store(run_folder, folder, configfiles, config, commit, note):
    """Copy the figures of a run, its training logs, and the digests of its weights."""
    results = run_folder / "results"
    (folder / "training").mkdir(parents=True, exist_ok=True)
    if (results / "metrics.csv").is_file():
        read_metrics(results / "metrics.csv").to_csv(folder / "metrics.csv", index=False, lineterminator="\n")
        counts = pd.read_csv(results / "report" / "results.csv")[["assignment", *COUNTS]].drop_duplicates()
        counts.to_csv(folder / "counts.csv", index=False, lineterminator="\n")
    for experiment in TITLES:
        path = results / "experiments" / experiment / "metrics.csv"
        if path.is_file():
            overall = read_metrics(path)
            overall = overall[overall["category"] == ALL]
            overall.to_csv(folder / f"{experiment}.csv", index=False, float_format="%.7g", lineterminator="\n")
    if (halves := results / "experiments" / "halves" / "table.csv").is_file():
        shutil.copy(halves, folder / "halves.csv")
    rows = []
    for weights in sorted(results.rglob("*.safetensors")):
        if {"backbones", "bundled"} & set(weights.relative_to(results).parts):
            continue
        log = (
            weights.with_suffix(".csv") if weights.with_suffix(".csv").is_file() else weights.with_name("training.csv")
        )
        stored = ""
        if log.is_file():
            stored = "training/" + "_".join(log.relative_to(results).parts)
            shutil.copy(log, folder / stored)
        rows.append([str(weights.relative_to(run_folder)), stored, hashlib.sha256(weights.read_bytes()).hexdigest()])
    detector = config_of(configfiles, config)["salient_instances"]["weights"]
    if (ROOT / detector).is_file():  # as it was in the commit that made the run
        content = subprocess.run(["git", "show", f"{commit}:{detector}"], cwd=ROOT, capture_output=True, check=True)
        rows.append([detector, "", hashlib.sha256(content.stdout).hexdigest()])
    table = pd.DataFrame(rows, columns=["weights", "log", "sha256"])
    table.to_csv(folder / "networks.csv", index=False, lineterminator="\n")
    run = {"commit": commit, "directory": str(run_folder.resolve().relative_to(ROOT)), "configfiles": configfiles}
    (folder / "run.yaml").write_text(yaml.safe_dump(run | {"config": config, "note": note}, sort_keys=False, width=120))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", nargs=2, type=Path, metavar=("RUN", "FOLDER"), help="folder of a run, and where to")
    parser.add_argument("--configfile", nargs="*", default=[], help="config files of the run")
    parser.add_argument("--config", default="{}", help="values of --config, as one YAML mapping")
    parser.add_argument("--commit", help="commit that made the run; default: the one that is checked out")
    parser.add_argument("--note", help="a sentence for the top of the page")
    arguments = parser.parse_args()
    if arguments.store:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        config, commit = yaml.safe_load(arguments.config), arguments.commit or head.stdout.strip()
        store(*arguments.store, arguments.configfile, config, commit, arguments.note)
    for page, name in PAGES.items():
        if (FIGURES / name / "run.yaml").is_file():
            (ROOT / "docs" / page).write_text(make_page(FIGURES / name))
    DEMO.write_text(with_table(DEMO.read_text(), make_page(FIGURES / "demo")))
    for path in sorted((ROOT / "docs").glob("*.md")):
        if (text := path.read_text()) != (changed := with_stored_tables(text)):
            path.write_text(changed)

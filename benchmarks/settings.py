"""Settings of graph and partition on several datasets: which serve all of them, and what each gives on each.

    python benchmarks/settings.py voc_mini=runs/voc_mini/results everyday=runs/everyday/results demo=runs/demo/results \
        --halve voc_mini --figures runs/settings.csv

Each folder holds the results of a run with true masks: images, categories, salient instances, features, the scores of
the seeds in ``SEEDS``, and ``reference/``: the true tags, and the true masks as proxies. Every combination of ``GRID``
is solved for every seed and evaluated as in the workflow: mean IoU of the proxies, accuracy of the tags of objects
(``accuracy_objects``), and the latter with every instance kept (r = 1). A dataset named by ``--halve`` is solved as a
whole and evaluated as two sets, of every other photo. From a dataset named by ``--themes``, further sets are cut and
solved alone: for each group in ``THEMES`` the photos with keywords of the group and, at most, ``person``. They show
what settings do to photos of few categories that are alike. A theme with fewer than ``SMALLEST`` photos is left out.

With ``--vary KEY=VALUE,VALUE ...`` the combinations are the paper's settings, and those of config/photos.yaml with all
combinations of these values, for example ``presence_reward=0,5,10 overlap_penalty=0,5``.

A combination's rank is the mean of its ranks by the first two figures, over the sets that choose. It is admitted if on
none of them it loses against the paper's settings by more than the standard deviation over the seeds. What stands under
``chosen elsewhere`` was chosen on the other sets; for a half, the other half is one of these. Sets with photos in
common (a theme, and the set that it was cut from) do not choose for each other. ``default`` was chosen on all sets, so
also on those whose figures it has.
"""

import argparse
import sys
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import yaml  # noqa: E402

from aisi.evaluation import halves  # noqa: E402
from aisi.evaluation.assignments import evaluate_tags  # noqa: E402
from aisi.formats.dataset import read_categories, read_images  # noqa: E402
from aisi.formats.features import read_features  # noqa: E402
from aisi.formats.instances import read_salient_instances  # noqa: E402
from aisi.formats.masks import read_labels  # noqa: E402
from aisi.formats.scores import Scores, read_scores  # noqa: E402
from aisi.formats.tags import read_tags  # noqa: E402
from aisi.planning import assignments  # noqa: E402
from aisi.progress import progress  # noqa: E402
from aisi.report.tables import markdown  # noqa: E402

SEEDS = (0, 1, 2)
GRID = {
    "balance_categories": [0.0, 0.5, 1.0],
    "objectness_weight": [0.0, 0.25, 0.5, 0.75],
    "beta": [30, 60],
    "k": [3, 5],
    "shared_keywords_only": [False, True],
    "retention": [0.95, 0.9, 0.8, 0.7],
}
PAPER = assignments.PAPER
KEYS = list(PAPER)
THEMES = {
    "animals": {"bird", "cat", "cow", "dog", "horse", "sheep"},
    "vehicles": {"aeroplane", "bicycle", "boat", "bus", "car", "motorbike", "train"},
    "indoors": {"bottle", "chair", "diningtable", "pottedplant", "sofa", "tvmonitor"},
}
SMALLEST = 30
RANKED = ["proxy_miou", "accuracy_objects"]


def combinations(values):
    """Every combination of the values of some keys."""
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def read_split(results):
    """The training photos of a run with their instances, features and true tags."""
    files = {"images": "csv", "salient_instances": "h5", "features": "h5"}
    shards = {kind: sorted(results.glob(f"{kind}/train/shard_*.{suffix}")) for kind, suffix in files.items()}
    instances = read_salient_instances(*shards["salient_instances"])
    return halves.Split(
        read_images(*shards["images"]),
        read_categories(results / "categories.csv"),
        instances,
        instances.scores,
        read_features(*shards["features"], rows=None),
        read_tags(results / "reference/tags/oracle.csv"),
    )


def scores_of(results, seed):
    """The scores of a seed."""
    return read_scores(
        *sorted((results if seed == 0 else results / f"seed-{seed}").glob("scores/train/shard_*.h5")), rows=None
    )


def themes_of(photos):
    """The ids of the photos of each theme that has enough of them."""
    for name, group in THEMES.items():
        fits = [bool(group & set(own)) and set(own) <= group | {"person"} for own in photos["keywords"]]
        if sum(fits) >= SMALLEST:
            yield name, photos["image_id"][fits]


def scores_of_part(scores, split, part):
    """The scores of the instances of some photos."""
    sizes, wanted = np.diff(scores.offsets), set(part.photos["image_id"])
    kept = np.array([image_id in wanted for image_id in split.instances.image_ids], bool)
    of_kept = np.repeat(kept, sizes)
    return Scores(np.concatenate([[0], np.cumsum(sizes[kept])]), scores.labels[of_kept], scores.scores[of_kept])


def measure(name, results, halve, themes, grid):
    """A row for each set, combination and seed."""
    split = read_split(results)
    ids = split.photos["image_id"]
    scores = {seed: scores_of(results, seed) for seed in SEEDS}
    masks = results / "reference/proxy_masks/ground_truth/SegmentationClass"
    sets = {f"{name}, half {part + 1}": split.of(ids[part::2]) for part in range(2)} if halve else {name: split}
    rows = evaluate_grid(split, scores, sets, masks, grid)
    for theme, own in themes_of(split.photos) if themes else ():
        part = split.of(own)
        of_part = {seed: scores_of_part(every, split, part) for seed, every in scores.items()}
        found = evaluate_grid(part, of_part, {f"{name}, {theme}": part}, masks, grid)
        rows += [{"theme": theme} | row for row in found]
    return [{"dataset": name} | row for row in rows]


def evaluate_grid(split, scores_of_seeds, sets, masks, grid):
    """A row for each set, combination and seed of photos that are solved as a whole."""
    rows, graphs = [], {}
    for seed, scores in scores_of_seeds.items():
        tables = [halves.assign(split, scores, settings, graphs) for settings in progress(grid, unit="problem")]
        unfiltered = {}
        for settings in (settings | {"retention": 1.0} for settings in grid):
            key = tuple(settings.values())
            if key not in unfiltered:
                unfiltered[key] = halves.assign(split, scores, settings, graphs)
        kept_all = [unfiltered[tuple((settings | {"retention": 1.0}).values())] for settings in grid]
        for title, part in sets.items():
            truth = ((read_labels(masks / f"{image_id}.png"), None) for image_id in part.photos["image_id"])
            figures = zip(grid, halves.evaluate(part, tables, truth), tags_alone(part, kept_all), strict=True)
            rows += [
                {"set": title, "seed": seed, **settings, **evaluated, **tags} for settings, evaluated, tags in figures
            ]
    return rows


def tags_alone(split, tables):
    """Accuracy of the tags of objects where every instance keeps one."""
    names, image_ids = split.categories.names, set(split.photos["image_id"])
    for table in tables:
        rows = evaluate_tags(table[table["image_id"].isin(image_ids)], split.oracle, image_ids, names).rows
        [value] = [value for metric, name, value, _ in rows if (metric, name) == ("accuracy_objects", "all")]
        yield {"accuracy_objects_r1": value}


def others(figures, name):
    """The sets without a photo of this set. Halves of a dataset share none, nor do themes; a half and a theme do."""
    sets = figures.drop_duplicates("set").reindex(columns=["set", "dataset", "theme"]).set_index("set")
    own = sets.loc[name]
    shares = (sets["dataset"] == own["dataset"]) & (sets["theme"].isna() != pd.isna(own["theme"]))
    return [other for other in sets.index[~shares] if other != name]


def choose(figures, sets):
    """The best admitted combination of the sets, by mean rank; of equal ones the one nearest to the paper's."""
    chosen = figures[figures["set"].isin(sets)]
    means = chosen.groupby(["set", *KEYS], sort=False)[RANKED].mean()
    spread = chosen.groupby(["set", *KEYS], sort=False)[RANKED].std()
    ranks = means.groupby("set").rank(ascending=False).mean(axis=1).groupby(KEYS, sort=False).mean()
    admitted = pd.Series(True, ranks.index)
    paper = tuple(PAPER.values())
    for name in sets:
        least = means.loc[(name, *paper)] - spread.loc[name].clip(lower=spread.loc[(name, *paper)], axis=1)
        admitted &= (means.loc[name] >= least - 1e-9).all(axis=1).reindex(ranks.index)
    ranks = ranks[admitted]
    changes = [sum(a != b for a, b in zip(combination, paper, strict=True)) for combination in ranks.index]
    best = min(zip(ranks, changes, ranks.index, strict=True), key=lambda entry: entry[:2])
    return dict(zip(KEYS, best[2], strict=True)), best[0], int(admitted.sum())


def row(figures, title, name, settings, marked=""):
    """Figures of one combination on one set."""
    own = figures[(figures["set"] == name) & np.logical_and.reduce([figures[key] == settings[key] for key in KEYS])]
    shown = {"set": name, "settings": title + marked} | settings
    for metric in (*RANKED, "accuracy_objects_r1"):
        shown[metric] = f"{own[metric].mean():.3f} ± {own[metric].std():.3f}"
    return shown


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", help="NAME=RESULTS, the folder results/ of a run")
    parser.add_argument("--halve", nargs="*", default=[], help="names of runs evaluated as two sets")
    parser.add_argument("--themes", nargs="*", default=[], help="names of runs from which themes are cut")
    parser.add_argument("--fix", nargs="*", default=[], help="KEY=VALUE: choose only combinations with it")
    parser.add_argument("--figures", type=Path, required=True, help="CSV of all figures; read again if it is there")
    parser.add_argument("--vary", nargs="*", help="KEY=VALUE,VALUE: settings of config/photos.yaml with these values")
    arguments = parser.parse_args()
    photos = yaml.safe_load((ROOT / "config/photos.yaml").read_text())
    given = photos["graph"] | photos["partition"]
    configured = {key: given.get("r" if key == "retention" else key, PAPER[key]) for key in KEYS}
    if arguments.vary:
        varied = {key: yaml.safe_load(f"[{values}]") for key, values in (text.split("=") for text in arguments.vary)}
        grid = [PAPER, *(configured | settings for settings in combinations(varied))]
    else:
        grid = [PAPER | settings for settings in combinations(GRID)]
    if not arguments.figures.is_file():
        rows = []
        for argument in arguments.runs:
            name, _, results = argument.partition("=")
            rows += measure(name, Path(results), name in arguments.halve, name in arguments.themes, grid)
        arguments.figures.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(arguments.figures, index=False, lineterminator="\n")
    figures = pd.read_csv(arguments.figures)
    sets = list(dict.fromkeys(figures["set"]))
    choices = figures
    for argument in arguments.fix:
        key, _, value = argument.partition("=")
        choices = choices[choices[key] == yaml.safe_load(value)]
    default, rank, n_admitted = choose(choices, sets)
    table = []
    for name in sets:
        elsewhere, _, _ = choose(choices, others(choices, name))
        table.append(row(figures, "the paper's", name, PAPER))
        if PAPER | {"retention": 0.8} in grid:
            table.append(row(figures, "the paper's, r 0.8", name, PAPER | {"retention": 0.8}))
        table.append(row(figures, "chosen elsewhere", name, elsewhere))
        table.append(row(figures, "default", name, default, "*"))
        if configured in grid:
            table.append(row(figures, "config/photos.yaml", name, configured))
    print(markdown(pd.DataFrame(table)))
    n_choices = choices.groupby(KEYS).ngroups
    print(f"\n* chosen on these photos too: mean rank {rank:.1f} of {n_choices}, {n_admitted} admitted.")

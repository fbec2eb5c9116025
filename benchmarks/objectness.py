"""What a score that knows objects is worth on photos that did not fit it, and which share r of the instances it keeps.

    python benchmarks/objectness.py config/photos.yaml "VOC mini=runs/voc_mini/results,MODEL" \
        everyday=runs/everyday/results,MODEL --figures runs/objectness.csv

Each folder holds the results of a run, as for ``benchmarks/settings.py``. ``MODEL`` is what rule ``fit_objectness``
wrote for the S4Net of that run. The tables say, for the detector's own score and for the objectness: how well it tells
objects of the photo's keywords from other instances (area under the curve), its mean, which ``r: auto`` keeps, and the
true share of objects; its calibration; and the figures of ``partition`` with the settings of the config, at a constant
r, at the r of both scores, and at the r of ``CONSTANT`` that gives the best proxies. The best r is chosen on the masks
of the set itself, so it is only there to compare with.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import pandas as pd
import settings
import yaml

from aisi.evaluation import halves
from aisi.formats.masks import read_labels
from aisi.formats.objectness import read_objectness_model
from aisi.partition.tags import choose_retention
from aisi.planning.assignments import PAPER
from aisi.report.tables import markdown
from aisi.salient_instances.objectness import area_under_curve, calibration, objectness

CONSTANT = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)


def measure(name, results, model, configured):
    """Rows of the three tables for one run."""
    split = settings.read_split(results)
    scores = {"score": split.objectness, "objectness": objectness(read_objectness_model(model), split.instances)}
    is_object = (split.oracle["label"] > 0).to_numpy()
    masks = results / "reference/proxy_masks/ground_truth/SegmentationClass"
    told, curves, rows = [], [], []
    for kind, value in scores.items():
        told.append(
            {
                "set": name,
                "score": kind,
                "instances": len(value),
                "AUC": area_under_curve(value, is_object),
                "mean": float(value.mean()),
                "objects": float(is_object.mean()),
            }
        )
        curves.append(calibration(kind, np.asarray(value, float), is_object).assign(set=name))
    for kind, value in scores.items():
        weighed, graphs = replace(split, objectness=value), {}
        for seed in settings.SEEDS:
            attention = settings.scores_of(results, seed)
            shares = [*CONSTANT, choose_retention("auto", value, attention)]
            tables = [halves.assign(weighed, attention, configured | {"retention": r}, graphs) for r in shares]
            truth = ((read_labels(masks / f"{image_id}.png"), None) for image_id in split.photos["image_id"])
            figures = halves.evaluate(split, tables, truth)
            rows += [
                {"set": name, "score": kind, "seed": seed, "r": r, "auto": number == len(CONSTANT), **own}
                for number, (r, own) in enumerate(zip(shares, figures, strict=True))
            ]
    return told, curves, rows


def chosen(rows):
    """The configured r, the one of ``auto``, and the best constant one, of each set and score."""
    for (name, kind), own in rows.groupby(["set", "score"], sort=False):
        constant = own[~own["auto"]].groupby("r")["proxy_miou"].mean()
        for title, part in (
            ("constant", own[~own["auto"] & (own["r"] == 0.95)]),
            ("auto", own[own["auto"]]),
            ("best", own[~own["auto"] & (own["r"] == constant.idxmax())]),
        ):
            shown = {"set": name, "weighed by": kind, "r": title, "value": part["r"].iloc[0]}
            for metric in settings.RANKED:
                shown[metric] = f"{part[metric].mean():.3f} ± {part[metric].std():.3f}"
            yield shown


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("runs", nargs="+", help="NAME=RESULTS,MODEL")
    parser.add_argument("--figures", type=Path, required=True, help="CSV of all figures")
    arguments = parser.parse_args()
    config = yaml.safe_load(arguments.config.read_text())
    given = config["graph"] | config["partition"]
    configured = {key: given.get(key, value) for key, value in PAPER.items()}
    told, curves, rows = [], [], []
    for argument in arguments.runs:
        name, _, (results, model) = argument.partition("=")[0], None, argument.partition("=")[2].rsplit(",", 1)
        for own, found in zip(measure(name, Path(results), model, configured), (told, curves, rows), strict=False):
            found += own
    arguments.figures.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(arguments.figures, index=False, lineterminator="\n")
    for table in (pd.DataFrame(told), pd.concat(curves), pd.DataFrame(chosen(pd.DataFrame(rows)))):
        print(markdown(table.round(3)), "\n")

"""Measure what each choice about the features adds to the tags of a run; instances and scores stay the same.

    python benchmarks/features.py runs/voc_mini/results config/voc_mini.yaml

The first row is the run's own config. Each other row changes one value. In the last two rows the backbone is trained
for a few epochs: with softmax alone, and with softmax and centre loss (PAPER §3.2 eq. 3). It learns from the run's
instances in photos with one keyword, which counts as their category. True masks are used for evaluation only.
"""

import argparse
import copy
import sys
import tempfile
from pathlib import Path
from time import process_time

import pandas as pd
import torch
import yaml
from centre_loss import DEFAULT, judge_tags, read_run, train
from PIL import Image
from snakemake.utils import update_config

from aisi.report.tables import markdown

OTHER_BACKBONES = ["tf_efficientnet_lite0", "tf_efficientnet_lite2"]
CHANGES = {"background": [1.0, 0.5, 0.0], "flip": [True, False], "padding": [0.0, 0.1]}


def variants(config):
    """Title, config and weight of the centre loss of each row; None means that nothing is trained."""
    yield "as configured", config, None
    for key, values in CHANGES.items():
        for value in values:
            if config["features"][key] != value:
                yield f"{key}: {value}", changed(config, **{key: value}), None
    for backbone in OTHER_BACKBONES:
        if config["features"]["network"]["backbone"] != backbone:
            yield backbone, changed(config, network={"backbone": backbone}), None
    yield "trained, softmax", config, 0.0
    yield "trained, softmax + centre loss", config, config["features"]["training"]["centre_loss"]["centre_weight"]


def changed(config, **features):
    config = copy.deepcopy(config)
    config["features"].update(features)
    return config


def single_keyword_instances(results, features, folder):
    """Write crops of the instances in photos with one keyword, a folder for each keyword; return their number."""
    images, instances, crops = read_run(results, features)
    keywords = dict(zip(images["image_id"], images["keywords"], strict=True))
    numbers = iter(range(len(instances)))
    for batch in crops:
        for crop in batch:
            number = next(numbers)
            names = keywords[instances.image_ids[number]]
            if len(names) == 1:
                path = folder / names[0] / f"{number:06d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(crop.permute(1, 2, 0).numpy()).save(path)
    return sum(1 for _ in folder.glob("*/*.png"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("config", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = copy.deepcopy(DEFAULT)
    update_config(settings, yaml.safe_load(arguments.config.read_text()))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder, "instances")
        n = single_keyword_instances(arguments.results, settings["features"], pictures)
        print(f"{n} instances in photos with one keyword are trained on.", file=sys.stderr)
        for title, config, weight in variants(settings):
            started = process_time()
            extractor = train(pictures, weight, arguments.epochs, Path(folder), config["features"])
            judged = judge_tags(extractor, arguments.results, config)
            rows.append({"features": title, "CPU seconds": round(process_time() - started), **judged})
            print(rows[-1], file=sys.stderr, flush=True)
    print(markdown(pd.DataFrame(rows)))

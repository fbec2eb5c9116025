"""What tiles give the detector, and what they cost.

    python benchmarks/tiles.py resources/weights/s4net_efficientnet_lite2.safetensors config/photos.yaml \
        everyday=runs/everyday/results voc_mini=runs/voc_mini/results,LIST

Each folder holds the results of a run with true masks: images, categories, and the reference ``ground_truth``. LIST,
if given, names the photos that count: those whose true instances are sure (VOC mini: train_instances.txt).
``oracle`` is the mean IoU of proxies whose tags are all right. ``noise`` is the share of instances of no category.
"""

import argparse
import sys
from pathlib import Path
from time import process_time

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import yaml  # noqa: E402

from aisi.evaluation.ground_truth import listed_photos, true_labels  # noqa: E402
from aisi.evaluation.metrics import ConfusionTotal, confusion_matrix, recall_metrics  # noqa: E402
from aisi.formats.coco import read_instances  # noqa: E402
from aisi.formats.dataset import read_categories, read_images  # noqa: E402
from aisi.formats.masks import read_labels  # noqa: E402
from aisi.photos import read_photo  # noqa: E402
from aisi.progress import progress  # noqa: E402
from aisi.proxy_masks import proxy_mask  # noqa: E402
from aisi.report.tables import markdown  # noqa: E402
from aisi.salient_instances.detection import detect  # noqa: E402
from aisi.salient_instances.s4net import load_s4net  # noqa: E402
from aisi.training.weights import pick_device  # noqa: E402

VARIANTS = {"whole photo": {}, "whole photo and tiles": {"tiles": True}}
KEYS = ("score_threshold", "max_instances", "nms_iou", "max_covered")


def measure(name, results, listed, model, settings):
    """A row for each variant."""
    photos = listed_photos(read_images(*sorted(results.glob("images/train/shard_*"))), [listed] if listed else [])
    names = read_categories(results / "categories.csv")
    truth = results / "reference/proxy_masks/ground_truth"
    objects = read_instances(truth / "instances.json", names)
    totals = {variant: ConfusionTotal(len(names)) for variant in VARIANTS}
    pairs, counts = {variant: [] for variant in VARIANTS}, {variant: np.zeros(3) for variant in VARIANTS}
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        picture, labels = read_photo(photo.path), read_labels(truth / "SegmentationClass" / f"{photo.image_id}.png")
        for variant, changes in VARIANTS.items():
            started = process_time()
            _, _, masks = detect(model, picture, **(settings | changes))
            seconds = process_time() - started
            true = true_labels(masks, labels)
            proxy = proxy_mask(masks, true, ())
            totals[variant].add(confusion_matrix(labels, np.zeros_like(labels) if proxy is None else proxy, len(names)))
            counts[variant] += len(masks), sum(label == 0 for label in true), seconds
            pairs[variant].append((*objects.get(photo.image_id, ([], [], []))[::2], masks))
    for variant in VARIANTS:
        n, noisy, seconds = counts[variant]
        yield {
            "set": name,
            "S4Net sees": variant,
            "recall50": recall_metrics(pairs[variant], names.names)[0][2],
            "oracle": totals[variant].rows(names.names)[0][2],
            "instances a photo": n / len(photos),
            "noise": noisy / n,
            "seconds a photo": seconds / len(photos),
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("config", type=Path, help="whose settings of the detector count")
    parser.add_argument("runs", nargs="+", help="NAME=RESULTS or NAME=RESULTS,LIST")
    arguments = parser.parse_args()
    configured = yaml.safe_load((ROOT / "config/config.yaml").read_text())["salient_instances"]
    configured |= yaml.safe_load(arguments.config.read_text())["salient_instances"]
    network, rows = load_s4net(arguments.weights, pick_device(1)), []
    for argument in arguments.runs:
        title, _, rest = argument.partition("=")
        folder, _, sure_list = rest.partition(",")
        rows += measure(title, Path(folder), sure_list or None, network, {key: configured[key] for key in KEYS})
        print(markdown(pd.DataFrame(rows)), flush=True)

"""What further views of a photo give the detector, and what they cost: other sizes, the mirrored photo, tiles.

    python benchmarks/views.py resources/weights/s4net_efficientnet_lite2.safetensors config/photos.yaml \
        everyday=runs/everyday/results "VOC mini=runs/voc_mini/results,LIST" \
        --roots PHOTOS VOC_ROOT --figures runs/views.csv

Each folder holds the results of a run with true masks: images, categories, and the reference ``ground_truth``. LIST,
if given, names the photos that count: those whose true instances are sure (VOC mini: train_instances.txt).
``mIoU with right tags`` is that of proxies whose tags are all those of the true masks. ``noise`` is the share of
instances of no category. The network looks at each view once; its time counts in every variant.
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
from aisi.salient_instances import detection  # noqa: E402
from aisi.salient_instances.s4net import load_s4net  # noqa: E402
from aisi.training.weights import pick_device  # noqa: E402

SIZES = [0.83, 1.0, 1.17]
VARIANTS = {
    "whole photo": {},
    "mirrored, too": {"flip": True},
    "at three sizes": {"scales": SIZES},
    "at three sizes, mirrored, too": {"scales": SIZES, "flip": True},
    "tiles, too": {"tiles": True},
    "all of these": {"scales": SIZES, "flip": True, "tiles": True},
}
LOOK = detection._look
KEYS = ("score_threshold", "max_instances", "nms_iou", "max_covered")


class Remembering:
    """Stands for the look at one view of a photo: looks once, and counts the time whenever it is asked."""

    def __init__(self, look):
        self.look, self.seen, self.extra = look, {}, 0.0

    def __call__(self, model, photo, view, settings):
        if view in self.seen:
            self.extra += self.seen[view][1]
        else:
            started = process_time()
            self.seen[view] = self.look(model, photo, view, settings), process_time() - started
        return self.seen[view][0]


def measure(name, results, root, listed, n_photos, model, settings):
    """A row for each variant."""
    shards = sorted(results.glob("images/train/shard_*.csv"))
    photos = listed_photos(read_images(*shards, roots={"dataset.root": root}), [listed] if listed else [])
    photos = photos.sample(frac=1, random_state=0).head(n_photos)
    names = read_categories(results / "categories.csv")
    truth = results / "reference/proxy_masks/ground_truth"
    objects = read_instances(truth / "instances.json", names)
    totals = {variant: ConfusionTotal(len(names)) for variant in VARIANTS}
    pairs, counts = {variant: [] for variant in VARIANTS}, {variant: np.zeros(3) for variant in VARIANTS}
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        picture, labels = read_photo(photo.path), read_labels(truth / "SegmentationClass" / f"{photo.image_id}.png")
        detection._look = look = Remembering(LOOK)
        for variant, changes in VARIANTS.items():
            look.extra, started = 0.0, process_time()
            _, _, masks = detection.detect(model, picture, **(settings | changes))
            seconds = process_time() - started + look.extra
            true = true_labels(masks, labels)
            proxy = proxy_mask(masks, true, ())
            totals[variant].add(confusion_matrix(labels, np.zeros_like(labels) if proxy is None else proxy, len(names)))
            counts[variant] += len(masks), sum(label == 0 for label in true), seconds
            pairs[variant].append((*objects.get(photo.image_id, ([], [], []))[::2], masks))
    for variant in VARIANTS:
        n, noisy, seconds = counts[variant]
        yield {
            "photos": name,
            "S4Net sees": variant,
            "recall50": recall_metrics(pairs[variant], names.names)[0][2],
            "mIoU with right tags": totals[variant].rows(names.names)[0][2],
            "instances a photo": n / len(photos),
            "noise": noisy / n,
            "CPU seconds a photo": seconds / len(photos),
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("config", type=Path, help="whose settings of the detector count")
    parser.add_argument("runs", nargs="+", help="NAME=RESULTS or NAME=RESULTS,LIST")
    parser.add_argument("--roots", nargs="+", required=True, help="dataset.root of each run, in their order")
    parser.add_argument("--photos", type=int, help="of each run, drawn at random, always the same ones; default: all")
    parser.add_argument("--figures", type=Path, required=True, help="CSV of the table")
    arguments = parser.parse_args()
    configured = yaml.safe_load((ROOT / "config/config.yaml").read_text())["salient_instances"]
    configured |= yaml.safe_load(arguments.config.read_text())["salient_instances"]
    network, rows = load_s4net(arguments.weights, pick_device(1)), []
    for argument, root in zip(arguments.runs, arguments.roots, strict=True):
        title, _, rest = argument.partition("=")
        folder, _, sure_list = rest.partition(",")
        settings = {key: configured[key] for key in KEYS}
        rows += measure(title, Path(folder), root, sure_list or None, arguments.photos, network, settings)
        arguments.figures.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(arguments.figures, index=False, float_format="%.7g", lineterminator="\n")
        print(markdown(pd.DataFrame(rows)), flush=True)

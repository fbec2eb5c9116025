"""Check every network at the paper's size on this machine: one command, about five minutes on a GPU, one JSON.

    python benchmarks/check_gpu.py gpu.json                     # also prints a table for the docs
    python benchmarks/check_gpu.py small.json --small --steps 1 # tiny photos, to try it out on a CPU

It needs no dataset and no weights: photos are drawn here, weights are random. Sizes, batches and precision are those
of config/voc2012.yaml and config/coco.yaml; S4Net's are those of its paper. Each network is checked in its own process.
If one fails, the others are still checked. For each network the JSON has

    losses              of two training steps; they must be finite
    images_per_second   of the training by the workflow's engine, with reading and augmenting the samples
    bare                of the same network on a batch that is ready, without engine and samples
    predictions         photos a second by the workflow's own prediction
    memory              peak of a training step, GB: of the GPU, or resident memory without one
    difference          largest difference between the outputs of CPU and GPU for one photo in float32, divided by the
                        largest output; must be below TOLERANCE. null without a GPU
    two_processes       losses of two training steps on two GPUs; their mean must be that of one GPU, to within
                        TOLERANCE_OF_LOSSES. null with fewer than two GPUs
    failures            a sentence for each check that fails

The exit code is 0 if all checks pass.
"""

import argparse
import copy
import csv
import json
import math
import platform
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow/scripts"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
import yaml  # noqa: E402
from PIL import Image  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import default_collate  # noqa: E402

from aisi.attention import network as attention  # noqa: E402
from aisi.features import FeatureClassifier, FeatureExtractor, extract, feature_loss  # noqa: E402
from aisi.formats.masks import write_labels  # noqa: E402
from aisi.masks import encode  # noqa: E402
from aisi.report.tables import markdown  # noqa: E402
from aisi.salient_instances.pictures import SalientPictures  # noqa: E402
from aisi.salient_instances.s4net import S4Net, s4net_loss  # noqa: E402
from aisi.segmenters import deeplab, mask_rcnn  # noqa: E402
from aisi.segmenters.crops import Proxy, ProxyCrops  # noqa: E402
from aisi.training.augmentation import to_tensor  # noqa: E402
from aisi.training.engine import fit, make_optimizer  # noqa: E402
from aisi.training.processes import on_gpus, rank  # noqa: E402
from aisi.training.weights import pick_device  # noqa: E402

TOLERANCE = 1e-3
TOLERANCE_OF_LOSSES = 0.05
"""Relative. bfloat16 has three digits, and dropout differs between one process and two."""
N_CATEGORIES = 20
CONFIG = Path(__file__).parents[1] / "config"
SMALL = {"crop": 65, "image_size": 64, "largest_size": 96, "input_size": 64, "proposals": 20, "training_proposals": 40}


@dataclass
class Check:
    """A network at the paper's size: how to make it, train it and use it."""

    model: nn.Module
    loss: object
    samples: object
    recipe: dict
    predict: object
    """``predict(model, photo)``, the workflow's own."""
    outputs: object
    """``outputs(model, photos)``: a tensor to compare, for photos (B, 3, S, S) uint8."""


# ------------------------------------------------------------------ photos and networks


class DrawnPhotos:
    """Noise with two ellipses, as photos on disk, and their masks: label 1 on the left, 2 on the right.

    Each of the n photos is listed 16 times, so that there are enough for any batch.
    """

    def __init__(self, folder, n, size=(500, 375)):
        rng, self.photos, self.masks = np.random.default_rng(0), [], []
        y, x = np.mgrid[: size[1], : size[0]]
        self.labels = np.zeros(size[::-1], np.uint8)
        for label, middle in ((1, 0.3), (2, 0.7)):
            self.labels[((x / size[0] - middle) / 0.18) ** 2 + ((y / size[1] - 0.5) / 0.4) ** 2 < 1] = label
        for number in range(n):
            photo, mask = Path(folder, f"{number}.jpg"), Path(folder, f"{number}.png")
            noise = rng.integers(0, 128, (*size[::-1], 3)) + 60 * self.labels[..., None]
            Image.fromarray(noise.astype(np.uint8)).save(photo)
            write_labels(mask, self.labels)
            self.photos.append(photo)
            self.masks.append(mask)
        self.photos, self.masks = 16 * self.photos, 16 * self.masks
        self.array = np.array(Image.open(self.photos[0]))


class OneCategory:
    """The category 0 or 1 for each photo, in place of its keywords."""

    def __init__(self, photos):
        self.photos = photos

    def __len__(self):
        return len(self.photos)

    def sample(self, index, rng):
        return self.photos.sample(index, rng)[0], index % 2


def read_config(name):
    """A file of config/, joined with config.yaml."""
    config, changes = (yaml.safe_load((CONFIG / file).read_text()) for file in ("config.yaml", name))
    return joined(config, changes)


def joined(config, changes):
    both = {key: joined(config[key], value) for key, value in changes.items() if isinstance(config.get(key), dict)}
    return config | changes | both


def sized(block, small):
    """A block of the config without weights; with ``small``, at tiny sizes."""
    block = {key: value for key, value in block.items() if key != "weights"}
    return block | {key: value for key, value in SMALL.items() if small and key in block}


def features(photos, small):
    config = read_config("voc2012.yaml")["features"]
    size = 64 if small else config["crop_size"]
    model = FeatureClassifier(
        FeatureExtractor(config["network"]["backbone"]), 1000, **config["training"]["centre_loss"]
    )
    keywords = attention.KeywordPhotos(photos.photos, torch.ones(len(photos.photos), N_CATEGORIES), size)

    def predict(model, photo):
        crops = to_tensor(photo[:size, :size])[None]
        return list(extract(model.extractor, [crops], 1, config["flip"]))

    recipe = config["training"]["recipe"]
    return Check(model, feature_loss, OneCategory(keywords), recipe, predict, lambda m, batch: m.extractor(batch))


def s4net(photos, small):
    config = read_config("s4net_resnet50.yaml")["salient_instances"]
    network, training = sized(config["network"], small), config["training"]
    pairs = list(zip(photos.photos, photos.masks, strict=True))
    samples = SalientPictures(pairs, network["input_size"], **training["samples"])

    def outputs(model, batch):
        side = network["input_size"]
        batch = nn.functional.interpolate(batch.float(), (side, side))
        return torch.cat(model.head(model.features(batch))[0], 1)

    def predict(model, photo):
        return outputs(model, to_batch(photo, next(model.parameters()).device))

    recipe = training["recipe"] | {"batch_size": 4}  # so that several GPUs have photos
    return Check(S4Net(**network), s4net_loss, samples, recipe, predict, outputs)


def attention_network(photos, small):
    config = read_config("voc2012.yaml")["attention"]
    network = sized(config["network"], small)
    model = attention.AttentionNetwork(N_CATEGORIES, **network, dropout=config["training"]["dropout"])
    samples = attention.KeywordPhotos(
        photos.photos, torch.ones(len(photos.photos), N_CATEGORIES), network["image_size"]
    )
    predict = partial(attention.attention_maps, labels=[1, 2])
    recipe = config["training"]["recipe"]
    return Check(model, attention.classifier_loss, samples, recipe, predict, lambda m, batch: m.features(batch))


def semantic(name, photos, small):
    config = read_config("voc2012.yaml")["semantic"]["networks"][name]
    model = deeplab.DeepLab(N_CATEGORIES, **sized(config["network"], False))
    proxies = [Proxy(photo, mask, (1, 2)) for photo, mask in zip(photos.photos, photos.masks, strict=True)]
    samples = ProxyCrops(proxies, N_CATEGORIES, **sized(config["training"]["crops"], small))
    predict = partial(deeplab.predict, **config["prediction"])
    return Check(model, deeplab.segmentation_loss, samples, config["training"]["recipe"], predict, lambda m, b: m(b))


def instance(photos, small):
    config = read_config("coco.yaml")["instance"]["networks"]["mask_rcnn"]
    network = sized(config["network"], small)
    model = mask_rcnn.InstanceSegmenter(N_CATEGORIES, **network)
    recipe = config["training"]["recipe"]
    model.backbone.backbone.freeze(recipe["frozen_stages"], recipe["frozen_batch_norms"])
    masks = [encode(photos.labels == label) for label in (1, 2)]
    found = [(str(photo), [1, 2], masks) for photo in photos.photos]
    sizes = network["image_size"], network["largest_size"]
    samples = mask_rcnn.InstancePhotos(found, *sizes, **config["training"]["samples"])

    def outputs(model, batch):
        maps = model.backbone(model.transform.batch_images([model.transform.normalize(batch[0].float())]))
        return torch.cat([level.flatten() for level in maps.values()])

    predict = partial(mask_rcnn.predict, **config["prediction"])
    return Check(model, mask_rcnn.instance_loss, samples, recipe, predict, outputs)


NETWORKS = {
    "Features, ResNet-50": features,
    "S4Net, ResNet-50": s4net,
    "Attention, ResNet-50": attention_network,
    "DeepLab LargeFOV, VGG16": partial(semantic, "vgg16"),
    "DeepLab, ResNet-101": partial(semantic, "resnet101"),
    "Mask R-CNN, ResNet-50-FPN": instance,
}


# ------------------------------------------------------------------ one network


def prepare(name, small, folder, device):
    """Its check, on the device. Random weights of a hundred layers would overflow, so the last batch norms are 0."""
    torch.manual_seed(0)
    check = NETWORKS[name](DrawnPhotos(folder, 1 if small else 16), small)
    for layer, module in check.model.named_modules():
        if layer.endswith("bn3"):
            nn.init.zeros_(module.weight)
    check.model.to(device)
    if small:
        check.recipe = check.recipe | {"batch_size": 2, "workers": 0}
    return check


def train(check, n_steps, folder):
    """Train for some steps with the engine; the loss of each."""
    recipe = check.recipe | {"iterations": n_steps, "held_out": 0.0}
    log = Path(folder, "log.csv")
    losses = []

    def noted(model, batch):
        value = check.loss(model, batch)
        losses.append(value.detach().sum())
        return value

    if count := getattr(check.loss, "count", None):
        noted.count = count
    fit(check.model, noted, check.samples, recipe, seed=0, log_path=log, identity="check")
    Path(folder, "log.checkpoint.pt").unlink(missing_ok=True)
    return [float(loss) for loss in losses]


def main(name, small, folder, result_path):
    """Two training steps, in each of several processes. The first process writes the mean losses of all."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        train(prepare(name, small, own, pick_device()), 2, Path(result_path).parent)
    if rank() > 0:
        return
    with open(Path(result_path).parent / "log.csv", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    Path(result_path).write_text(json.dumps(losses))


def check_network(name, small, n_steps):
    """The figures of one network."""
    device = pick_device()
    with tempfile.TemporaryDirectory() as folder:
        check = prepare(name, small, folder, device)
        untrained = copy.deepcopy(check.model).eval()
        batch_size = check.recipe["batch_size"]
        losses = train(check, 2, folder)
        memory = peak_memory(device)
        once, more = (seconds(device, lambda n=n: train(check, n, folder)) for n in (2, 2 + n_steps))
        result = {
            "losses": losses,
            "batch_size": batch_size,
            "precision": check.recipe.get("precision", "bfloat16") if device.type == "cuda" else "float32",
            "images_per_second": n_steps * batch_size / max(more - once, 1e-9),
            "bare": n_steps * batch_size / bare_seconds(check, n_steps, device),
            "memory": memory,
        }
        photo = DrawnPhotos(folder, 1, (96, 80) if small else (500, 375)).array
        untrained.to(memory_format=torch.channels_last)
        check.predict(untrained, photo)
        result["predictions"] = n_steps / seconds(
            device, lambda: [check.predict(untrained, photo) for _ in range(n_steps)]
        )
        result["difference"] = difference(check, untrained, photo) if device.type == "cuda" else None
        result["two_processes"] = None
        if torch.cuda.device_count() > 1:
            on_gpus(main, 2)(name=name, small=small, folder=folder, result_path=f"{folder}/losses.json")
            result["two_processes"] = json.loads(Path(folder, "losses.json").read_text())
    return result | {"failures": failures(result)}


def failures(result):
    """Sentences about what does not hold."""
    found = []
    if not all(map(math.isfinite, result["losses"])):
        found.append(f"losses {result['losses']} are not finite")
    if result["difference"] is not None and not result["difference"] < TOLERANCE:
        found.append(f"CPU and GPU differ by {result['difference']:.2g}, expected less than {TOLERANCE}")
    if result["two_processes"]:
        one, two = np.mean(result["losses"]), np.mean(result["two_processes"])
        if not abs(one - two) < TOLERANCE_OF_LOSSES * abs(one):
            found.append(f"the mean loss of two processes is {two:.4g}, that of one {one:.4g}")
    return found


def bare_seconds(check, n_steps, device):
    """Seconds of steps of forward, backward and optimizer on a batch that is ready."""
    size, collate = check.recipe["batch_size"], getattr(check.samples, "collate", default_collate)
    indices = [number % len(check.samples) for number in range(size)]
    batch = on_device(collate([check.samples.sample(i, np.random.default_rng(i)) for i in indices]), device)
    optimizer = make_optimizer(check.model.train(), check.recipe)
    dtype = getattr(torch, check.recipe.get("precision", "bfloat16"))

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype, enabled=device.type == "cuda" and dtype != torch.float32):
            value = check.loss(check.model, batch).sum()
        value.backward()
        optimizer.step()

    step()
    return seconds(device, lambda: [step() for _ in range(n_steps)])


@torch.inference_mode()
def difference(check, model, photo):
    """Largest difference between CPU and GPU, as a share of the largest output."""
    on_gpu = check.outputs(model, to_batch(photo, next(model.parameters()).device)).float().cpu()
    on_cpu = check.outputs(copy.deepcopy(model).cpu(), to_batch(photo, torch.device("cpu"))).float()
    return float((on_gpu - on_cpu).abs().max() / on_cpu.abs().max())


def to_batch(photo, device):
    return to_tensor(photo)[None].to(device)


def on_device(batch, device):
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {key: on_device(value, device) for key, value in batch.items()}
    return [on_device(value, device) for value in batch]


def seconds(device, work):
    """Wall seconds, with all work of the GPU finished."""
    synchronise = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    synchronise()
    start = perf_counter()
    work()
    synchronise()
    return perf_counter() - start


def peak_memory(device):
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


# ------------------------------------------------------------------ all networks


def run(name, arguments):
    """:func:`check_network` in a process of its own; an error is a failure."""
    command = [sys.executable, __file__, "-", "--network", name, "--steps", str(arguments.steps)]
    command += ["--small"] if arguments.small else []
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode:
        return {"failures": [process.stderr.strip().splitlines()[-1]], "log": process.stderr[-4000:]}
    return json.loads(process.stdout.splitlines()[-1])


def machine():
    """Versions and devices."""
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {"python": platform.python_version(), "torch": torch.__version__, "cuda": torch.version.cuda, "gpus": gpus}


def table(report):
    """The figures as Markdown, for docs/networks.md."""
    columns = ["batch_size", "precision", "images_per_second", "bare", "predictions", "memory", "difference"]
    rows = [
        {"network": name} | {column: result.get(column) for column in columns} | {"failures": len(result["failures"])}
        for name, result in report["networks"].items()
    ]
    return markdown(pd.DataFrame(rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", help="JSON file")
    parser.add_argument("--small", action="store_true", help="tiny photos and batches")
    parser.add_argument("--steps", type=int, default=10, help="training steps and predictions that are timed")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--network", choices=NETWORKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.network:
        print("\n" + json.dumps(check_network(options.network, options.small, options.steps)))
        sys.exit()
    report = {"machine": machine(), "small": options.small, "networks": {}}
    for network in options.networks:
        report["networks"][network] = run(network, options)
        print(network, report["networks"][network]["failures"] or "passes", flush=True)
        Path(options.output).write_text(json.dumps(report, indent=1))
    print(table(report))
    sys.exit(any(result["failures"] for result in report["networks"].values()))

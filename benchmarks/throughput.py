"""Measure what reading, augmentation and writing cost each stage, compared with its network alone on ready tensors.

    python benchmarks/throughput.py PHOTOS                        # every stage, ResNet-50 and the light backbone
    python benchmarks/throughput.py PHOTOS --stages predict_semantic train_semantic --n 12
    python benchmarks/throughput.py PHOTOS --memory 100 600       # peak memory of a stage for as many photos

PHOTOS is any folder of JPEGs. Their masks are drawn here, and weights are random. A stage is the workflow's own
script, run in this process. Its start (reading weights and similar work) does not count: the time of one photo or
step is subtracted from the time of n + 1. Times are CPU seconds of all threads, so the ratio is that of one core.
Wall seconds are in brackets. Samples are loaded in the training's own process. Run with OMP_NUM_THREADS=1.
"""

import argparse
import contextlib
import importlib
import inspect
import io
import itertools
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
import torch
from PIL import Image
from pycocotools import mask as rle

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow/scripts"))

from aisi import features  # noqa: E402
from aisi.attention import network as attention  # noqa: E402
from aisi.formats.coco import read_instances, write_coco_results
from aisi.formats.dataset import Categories, read_categories, read_images, write_categories, write_images
from aisi.formats.instances import new_salient_instances
from aisi.formats.masks import write_labels
from aisi.salient_instances import detection, s4net  # noqa: E402
from aisi.salient_instances.pictures import SalientPictures  # noqa: E402
from aisi.segmenters import (
    deeplab,  # noqa: E402
    mask_rcnn,  # noqa: E402
)
from aisi.training.engine import make_optimizer  # noqa: E402

BACKBONES = {"resnet50": "resnet50", "light": "tf_efficientnet_lite0"}
SIZES = {"s4net": 320, "attention": 512, "features": 224, "deeplab": 321}  # as in the paper's configs
DECODER = {"head": "decoder", "rates": [6, 12, 18], "width": 96, "skip_width": 24, "output_stride": 16}
PYRAMID = {"pyramid_channels": 256, "head_channels": 512, "mask_channels": [128, 64], "masking": "ternary"}
REGIONS = {"pyramid_channels": 256, "anchor_sizes": [16, 32, 64, 128, 256], "proposals": 1000, "samples": 512}
REGIONS |= {"image_size": 400, "largest_size": 667, "box_channels": 1024, "mask_channels": 256}  # half the paper's size
DETECTION = {"score_threshold": 0.0, "max_instances": 6, "nms_iou": 0.4, "max_covered": 1.0}
RECIPE = {"optimizer": "sgd", "learning_rate": 1e-6, "weight_decay": 0.0, "schedule": "poly", "batch_size": 4}
RECIPE |= {"backbone_scale": 1.0}
TRAINING = {"pretrained": "none", "seed": 0, "threads": 1, "code": "", "times": None, "times_path": None}
CPU = torch.device("cpu")
detection.CANDIDATES = DETECTION["max_instances"]  # a trained network has about as many boxes above the threshold


class Dataset:
    """A folder's photos under n ids, in the workflow's tables and in VOC's layout, with two ellipses as instances."""

    def __init__(self, home, photos, n):
        self.home, self.n = Path(home), n
        rows, instances, names = [], [], [f"{number:04d}" for number in range(n)]
        for folder in ("JPEGImages", "SegmentationObject", "proxies", "ImageSets", "folders/a", "folders/b"):
            (self.home / folder).mkdir(parents=True)
        with new_salient_instances(self.home / "instances.h5") as writer:
            for name, photo in zip(names, itertools.cycle(photos)):  # noqa: B905 (cycle has no end)
                path = self.home / "JPEGImages" / f"{name}.jpg"
                path.symlink_to(photo)
                (self.home / "folders" / "ab"[int(name) % 2] / path.name).symlink_to(photo)
                with Image.open(photo) as picture:
                    size = picture.size
                labels, boxes = ellipses(*size)
                for folder in ("SegmentationObject", "proxies"):
                    write_labels(self.home / folder / f"{name}.png", labels)
                masks = [rle.encode(np.asfortranarray(labels == label, np.uint8)) for label in (1, 2)]
                writer.append(name, boxes, np.array([0.9, 0.8], np.float32), masks)
                instances += mask_rcnn.coco_results(name, [1, 2], [0.9, 0.8], masks, [1, 2])
                rows.append((name, str(path), *size, ("one", "two"), "0"))
        (self.home / "ImageSets" / "train.txt").write_text("\n".join(names))
        columns = ["image_id", "path", "width", "height", "keywords", "sha256"]
        write_images(self.home / "images.csv", pd.DataFrame(rows, columns=columns))
        write_categories(self.home / "categories.csv", Categories(("one", "two"), (1, 2), ("#000000",) * 2))
        write_coco_results(self.home / "instances.json", instances)

    def mean_size(self):
        """Height and width."""
        table = pd.read_csv(self.home / "images.csv", comment="#")
        return round(table["height"].mean()), round(table["width"].mean())


def ellipses(width, height):
    """Label map of two ellipses, and their tight boxes as XYXY."""
    y, x = np.mgrid[:height, :width]
    labels = np.zeros((height, width), np.uint8)
    for label, centre in ((1, 0.3), (2, 0.7)):
        labels[((x / width - centre) / 0.18) ** 2 + ((y / height - 0.5) / 0.4) ** 2 < 1] = label
    places = [np.nonzero(labels == label) for label in (1, 2)]
    return labels, np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1] for y, x in places])


def images(n, size):
    return torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8).contiguous(memory_format=torch.channels_last)


# ------------------------------------------------------------------ stages: arguments of the script, and the network


def detect_salient_instances(data, backbone):
    architecture = {"backbone": backbone, "input_size": SIZES["s4net"]} | PYRAMID
    model = s4net.S4Net(**architecture).eval()
    s4net.save_s4net(data.home / "w", model, architecture)
    arguments = {
        "images": data.home / "images.csv",
        "roots": None,
        "weights": data.home / "w",
        "output": data.home / "o.h5",
    }
    image, settings = images(1, SIZES["s4net"]), (0.4, 6, 0.0)
    return arguments | DETECTION | {"threads": 1}, lambda: s4net.propose(model, image, *settings)


def compute_attention_maps(data, backbone):
    architecture = {"n_categories": 2, "backbone": backbone, "output_stride": 16, "image_size": SIZES["attention"]}
    model = attention.AttentionNetwork(**architecture).eval()
    attention.save_attention(data.home / "w", model, architecture)
    tables = {"images_path": data.home / "images.csv", "roots": None, "categories_path": data.home / "categories.csv"}
    both = images(2, SIZES["attention"])
    arguments = tables | {"weights_path": data.home / "w", "threads": 1, "attention_path": data.home / "o.h5"}
    return arguments, lambda: model(both)


def compute_features(data, backbone):
    model = features.FeatureExtractor(backbone).eval()
    features.save_extractor(data.home / "w", model, backbone)
    arguments = {
        "images_path": data.home / "images.csv",
        "roots": None,
        "salient_instances_path": data.home / "instances.h5",
    }
    arguments |= {"crop": {"size": SIZES["features"], "padding": 0.0, "background": 0.5}, "flip": True, "batch_size": 2}
    arguments |= {"weights_path": data.home / "w", "backbone": backbone, "pretrained": "none"}
    crops = images(2, SIZES["features"])
    return arguments | {"threads": 1, "features_path": data.home / "o.h5"}, lambda: (model(crops), model(crops))


def predict_semantic(data, backbone):
    architecture = {"n_categories": 20, "backbone": backbone} | DECODER
    model = deeplab.DeepLab(**architecture).eval()
    deeplab.save_deeplab(data.home / "w", model, architecture)
    names = tuple(f"c{i}" for i in range(20))
    write_categories(data.home / "categories.csv", Categories(names, tuple(range(1, 21)), ("#000000",) * 20))
    arguments = {
        "images_paths": [data.home / "images.csv"],
        "roots": None,
        "categories_path": data.home / "categories.csv",
        "threads": 1,
    }
    arguments |= {"weights_path": data.home / "w", "scales": [1.0], "flip": False}
    arguments |= {"predictions_folder": data.home / "predictions"}
    image = torch.zeros(1, 3, *data.mean_size(), dtype=torch.uint8)
    return arguments, lambda: model(image.contiguous(memory_format=torch.channels_last))


def predict_instance(data, backbone):
    architecture = {"n_categories": 2, "backbone": backbone} | REGIONS
    model = mask_rcnn.InstanceSegmenter(**architecture).eval()
    mask_rcnn.save_segmenter(data.home / "w", model, architecture)
    settings = {"score_threshold": 0.0, "nms_iou": 0.5, "max_instances": 6}
    arguments = {
        "images_paths": [data.home / "images.csv"],
        "roots": None,
        "categories_path": data.home / "categories.csv",
        "threads": 1,
    }
    image = torch.rand(3, *data.mean_size())
    model.roi_heads.score_thresh, model.roi_heads.detections_per_img = 0.0, settings["max_instances"]
    arguments |= settings | {"weights_path": data.home / "w", "predictions_path": data.home / "predictions.json"}
    return arguments, lambda: model([image * 255])


def trained(model, loss, batch):
    """Function that takes a training step on a ready batch."""
    optimizer = make_optimizer(model.train().to(memory_format=torch.channels_last), RECIPE)

    def step():
        optimizer.zero_grad()
        loss(model, batch).sum().backward()
        optimizer.step()

    return step


def train_s4net(data, backbone):
    architecture = {"backbone": backbone, "input_size": SIZES["s4net"]} | PYRAMID
    samples = {"smallest_crop": 0.5, "colour_jitter": 0.4}
    pair = data.home / "JPEGImages/0000.jpg", data.home / "SegmentationObject/0000.png"
    pictures = SalientPictures([pair], 320, **samples)
    batch = pictures.collate([pictures.sample(0, np.random.default_rng(seed)) for seed in range(RECIPE["batch_size"])])
    arguments = {"root": data.home, "split": "train", "architecture": architecture, "backbone_weights": "none"}
    arguments |= {"samples": samples}
    return arguments, trained(s4net.S4Net(**architecture), s4net.s4net_loss, batch)


def train_attention(data, backbone):
    network = {"backbone": backbone, "output_stride": 16, "image_size": SIZES["attention"]}
    batch = images(RECIPE["batch_size"], SIZES["attention"]), torch.ones(RECIPE["batch_size"], 2)
    arguments = {
        "images_paths": [data.home / "images.csv"],
        "roots": None,
        "categories_path": data.home / "categories.csv",
        "network": network,
    }
    model = attention.AttentionNetwork(2, **network)
    return arguments | {"freeze_backbone": False, "dropout": 0.0}, trained(model, attention.classifier_loss, batch)


def train_feature_extractor(data, backbone):
    batch = images(RECIPE["batch_size"], SIZES["features"]), torch.tensor([0, 1] * (RECIPE["batch_size"] // 2))
    arguments = {
        "photos_folder": data.home / "folders",
        "backbone": backbone,
        "crop_size": SIZES["features"],
        "pretrained_classifier": False,
        "centre_loss": {},
    }
    model = features.FeatureClassifier(features.FeatureExtractor(backbone), 2)
    return arguments, trained(model, features.feature_loss, batch)


def train_semantic(data, backbone):
    network = {"backbone": backbone} | DECODER
    arguments = {
        "images_paths": [data.home / "images.csv"],
        "roots": None,
        "categories_path": data.home / "categories.csv",
        "network": network,
    }
    arguments |= {"proxies_folder": data.home / "proxies"}
    crops = {"crop": SIZES["deeplab"], "scales": [0.5, 1.5], "colour_jitter": 0.3, "ignored_pixels": "nothing"}
    arguments |= {"salient": None, "training": {"crops": crops, "salient_share": 0.0, "logit_adjustment": 0.0}}
    labels = torch.ones(RECIPE["batch_size"], *[SIZES["deeplab"]] * 2, dtype=torch.long)
    batch = images(RECIPE["batch_size"], SIZES["deeplab"]), labels, torch.zeros(len(labels), 3, dtype=torch.bool)
    return arguments, trained(deeplab.DeepLab(2, **network), deeplab.segmentation_loss, batch)


def train_instance(data, backbone):
    network = {"backbone": backbone} | REGIONS
    arguments = {
        "images_paths": [data.home / "images.csv"],
        "roots": None,
        "categories_path": data.home / "categories.csv",
        "network": network,
    }
    arguments |= {
        "instances_path": data.home / "instances.json",
        "samples": {"scales": [1.0, 1.0], "colour_jitter": 0.3},
    }
    photos, categories = read_images(data.home / "images.csv"), read_categories(data.home / "categories.csv")
    found = mask_rcnn.find_instances(photos, read_instances(arguments["instances_path"], categories), categories.names)
    pictures = mask_rcnn.InstancePhotos(found, REGIONS["image_size"], REGIONS["largest_size"], **arguments["samples"])
    batch = [pictures.sample(index, np.random.default_rng(0)) for index in range(RECIPE["batch_size"])]
    model = mask_rcnn.InstanceSegmenter(2, **network)
    return arguments, trained(model, mask_rcnn.instance_loss, pictures.collate(batch))


STAGES = [detect_salient_instances, compute_attention_maps, compute_features, predict_semantic, predict_instance]
STAGES += [train_s4net, train_attention, train_feature_extractor, train_semantic, train_instance]


# ------------------------------------------------------------------ measuring


def prepare(stage, home, photos, backbone, n):
    """Functions that run the stage on n photos (a training: n steps), and the network alone."""
    torch.manual_seed(0)
    training = stage.__name__.startswith("train_")
    data = Dataset(home, photos, n if not training else max(8, len(photos)))
    arguments, bare = stage(data, backbone)
    if training:
        recipe = RECIPE | {"iterations": n}
        arguments |= TRAINING | {"recipe": recipe}
        arguments |= {name: data.home / "trained" for name in ("weights", "weights_path")}
        arguments |= {name: data.home / "log.csv" for name in ("log", "log_path")}
        arguments.get("training", {})["recipe"] = recipe
        accepted = inspect.signature(importlib.import_module(stage.__name__).main).parameters
        arguments = {name: value for name, value in arguments.items() if name in accepted}
    return lambda: importlib.import_module(stage.__name__).main(**arguments), bare


def seconds(work):
    """CPU and wall seconds."""
    cpu, wall = process_time(), perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        work()
    return np.array([process_time() - cpu, perf_counter() - wall])


def compare(stage, photos, backbone, n):
    """Photos a second of the stage, and of the network alone, each by CPU and wall time."""
    training = stage.__name__.startswith("train_")
    inference = contextlib.nullcontext() if training else torch.inference_mode()
    with tempfile.TemporaryDirectory() as home:
        cold, one = (prepare(stage, Path(home, name), photos, backbone, 1)[0] for name in ("cold", "one"))
        more, bare = prepare(stage, Path(home, "more"), photos, backbone, n + 1)
        with inference:
            bare()
        seconds(cold)  # the first run imports and compiles
        start = seconds(one)
        whole = seconds(more) - start
        with inference:
            alone = seconds(lambda: [bare() for _ in range(n)])
    return n * (RECIPE["batch_size"] if training else 1) / np.array([whole, alone])


def peak_memory(stage, photos, backbone, n):
    """Peak resident memory in MB of a separate process that runs the stage on n photos."""
    command = [sys.executable, __file__, photos, "--stages", stage.__name__, "--backbones", backbone, "--child", str(n)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(run.stdout.split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="folder of JPEGs")
    parser.add_argument("--stages", nargs="+", default=[stage.__name__ for stage in STAGES])
    parser.add_argument("--backbones", nargs="+", default=list(BACKBONES), choices=list(BACKBONES))
    parser.add_argument("--n", type=int, default=8, help="photos, or steps of a training")
    parser.add_argument("--memory", type=int, nargs="+", help="numbers of photos; measures memory instead")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    photos = sorted(path.resolve() for path in options.photos.glob("*.jpg"))
    stages = [stage for stage in STAGES if stage.__name__ in options.stages]
    if options.child:
        with tempfile.TemporaryDirectory() as home:
            seconds(prepare(stages[0], Path(home, "x"), photos, BACKBONES[options.backbones[0]], options.child)[0])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    for stage in stages:
        for backbone in options.backbones:
            label = f"{stage.__name__:26}{backbone:10}"
            if options.memory:
                found = [peak_memory(stage, options.photos, backbone, n) for n in options.memory]
                print(label, *(f"{n} photos: {peak:.0f} MB  " for n, peak in zip(options.memory, found, strict=True)))
                continue
            whole, alone = compare(stage, photos, BACKBONES[backbone], options.n)
            speeds = (
                f"stage {whole[0]:.2f} ({whole[1]:.2f}), network alone {alone[0]:.2f} ({alone[1]:.2f}) photos a second"
            )
            print(f"{label} {speeds}, ratio {whole[0] / alone[0]:.2f} ({whole[1] / alone[1]:.2f})", flush=True)


if __name__ == "__main__":
    main()

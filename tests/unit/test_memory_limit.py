"""A training that gets too little memory fails, says so, and continues from its checkpoint with more: same weights.

All trainings use aisi.training.engine.fit, so one network stands for all that continue.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aisi.progress import error_in

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
PROGRAM = """
import resource, sys
import torch
from torch import nn
from aisi.progress import log_to
from aisi.training.engine import fit

class Samples:
    def __len__(self):
        return 4
    def sample(self, index, rng):
        return torch.ones(1)

def loss(model, batch):
    if loss.steps == 3 and sys.argv[1] == "limited":  # in the second epoch
        resource.setrlimit(resource.RLIMIT_AS, (1 << 33, 1 << 33))
        torch.zeros(1 << 36)
    loss.steps += 1
    return model(batch).square().mean()

loss.steps = 0
torch.manual_seed(0)
torch.set_num_threads(1)
model = nn.Linear(1, 1)
recipe = {"epochs": 3, "batch_size": 2, "optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0, "schedule": "poly"}
with log_to("job.log"):
    fit(model, loss, Samples(), recipe, seed=0, log_path="log.csv", identity="")
print("weights", model.weight.item(), model.bias.item())
"""


@pytest.fixture
def run(tmp_path):
    def start(mode, folder):
        (tmp_path / folder).mkdir(exist_ok=True)
        command, environment = [sys.executable, "-c", PROGRAM, mode], {"PYTHONPATH": str(SCRIPTS)}
        return subprocess.run(command, cwd=tmp_path / folder, env=environment, capture_output=True, text=True)

    return start


def test_too_little_memory(run, tmp_path):
    failed = run("limited", "a")
    assert failed.returncode == 1
    assert "allocate" in (tmp_path / "a" / "job.log").read_text()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        *("job.log", "log.checkpoint.pt", "log.csv", "log.csv.sha256")
    ]
    again, whole = run("free", "a"), run("free", "b")
    assert again.returncode == 0 and "Continuing from log.checkpoint.pt after 2 of 6 steps" in again.stdout
    assert [line for line in again.stdout.splitlines() if line.startswith("weights")] == [
        line for line in whole.stdout.splitlines() if line.startswith("weights")
    ]


TRAININGS = """
import importlib, os, resource, sys
from pathlib import Path
import numpy as np
import torch
from PIL import Image
import fit_objectness
import test_attention, test_deeplab, test_features, test_mask_rcnn
from aisi.masks import encode
from aisi.progress import log_to
from tiny_photos import PAIRS, write_photos, write_proxies

home = Path(sys.argv[1])
photos = write_photos(home, PAIRS)
write_proxies(home / "proxies", photos, PAIRS)
test_mask_rcnn.write_instances(home / "instances.json", photos, [[test_mask_rcnn.half(0)]] * 3)
test_features.write_folders(home / "objects", 2)
for folder in ("ImageSets", "JPEGImages", "SegmentationObject"):
    (home / folder).mkdir()
(home / "ImageSets/train.txt").write_text("a b")
for name in "ab":
    Image.new("RGB", (64, 64)).save(home / f"JPEGImages/{name}.jpg")
    Image.fromarray(np.pad(np.ones((30, 30), np.uint8), 17)).save(home / f"SegmentationObject/{name}.png")
recipe = test_deeplab.RECIPE | {"epochs": 2, "batch_size": 1, "learning_rate": 0.001, "backbone_scale": 1.0}
common = {"recipe": recipe, "threads": 1, "code": "0"}


def semantic(paths):
    return test_deeplab.arguments(home, 2, recipe={"batch_size": 1}) | paths

def instance(paths):
    return test_mask_rcnn.arguments(home, 2) | paths

def attention(paths):
    tables = {"images_paths": [home / "images.csv"], "roots": None}
    rest = {"categories_path": home / "categories.csv", "network": test_attention.NETWORK, "pretrained": "none"}
    return tables | rest | {"freeze_backbone": False, "dropout": 0.0, "seed": 0} | common | paths

def feature_extractor(paths):
    network = {"backbone": test_features.BACKBONE, "pretrained": "none", "crop_size": 48}
    loss = {"pretrained_classifier": False, "centre_loss": {"centre_weight": 0.001, "centre_rate": 0.5}}
    return {"photos_folder": home / "objects"} | network | loss | common | paths

def s4net(paths):
    sizes = {"input_size": 64, "pyramid_channels": 16, "head_channels": 16, "mask_channels": [8, 8]}
    architecture = {"backbone": test_features.BACKBONE, "masking": "ternary"} | sizes
    given = {"architecture": architecture, "backbone_weights": "none", "start": None}
    samples = {"samples": {"smallest_crop": 1.0, "colour_jitter": 0.0}, "crowded": 0.0}
    names = {"weights": paths["weights_path"], "log": paths["log_path"], "times": None}
    return {"root": home, "split": "train"} | given | samples | common | names


LOSSES = {"semantic": "segmentation_loss", "instance": "instance_loss", "attention": "classifier_loss"}
LOSSES |= {"feature_extractor": "feature_loss", "s4net": "s4net_loss", "objectness": "fit"}


def objectness(paths):
    box = np.array([[0, 0, 64, 64]]), np.ones(1, np.float32), [encode(np.ones((64, 64)))]
    fit_objectness.load_s4net, fit_objectness.detect = (lambda *_: None), (lambda *_, **settings: box)
    names = {name: home / "objectness" / name for name in ("model_path", "metrics_path", "calibration_path")}
    return {"weights": None, "root": home, "split": "train", "settings": {}, "threads": 1} | names


def too_little(function, step):
    calls = []

    def limited(*arguments, **keywords):
        calls.append(1)
        if len(calls) == step:
            size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (size, size))
            torch.zeros(1 << 30)
        return function(*arguments, **keywords)

    return limited


for name, loss in LOSSES.items():
    script = fit_objectness if name == "objectness" else importlib.import_module(f"train_{name}")
    if not (child := os.fork()):
        place = script.deeplab if name == "semantic" else script
        setattr(place, loss, too_little(getattr(place, loss), 1 if name == "objectness" else 2))
        paths = {"weights_path": home / name / "weights.safetensors", "log_path": home / name / "log.csv"}
        try:
            with log_to(home / name / "job.log"):
                script.main(**globals()[name](paths | {"times_path": None}))
        finally:
            os._exit(1)
    os.waitpid(child, 0)
"""
NETWORKS = ["semantic", "instance", "attention", "feature_extractor", "s4net", "objectness"]


@pytest.fixture(scope="module")
def starved(tmp_path_factory):
    """Each training with a limit of memory from its second step on, forked from one process."""
    home, tests = tmp_path_factory.mktemp("starved"), Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (SCRIPTS, tests, tests.parent)))}
    run = subprocess.run([sys.executable, "-c", TRAININGS, home], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return home


@pytest.mark.parametrize("name", NETWORKS)
def test_each_training_names_the_lack_of_memory(starved, name):
    message = error_in(starved / name / "job.log")
    assert message and "allocate" in message, (starved / name / "job.log").read_text()
    left = {path.name for path in (starved / name).iterdir()}
    assert left <= {"job.log", "log.checkpoint.pt", "log.csv", "log.csv.sha256"}

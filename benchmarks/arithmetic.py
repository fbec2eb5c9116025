"""Count the floating-point operations of a config's networks for a photo, two for each multiply-add.

    python benchmarks/arithmetic.py config/voc2012.yaml

A training step counts as three forward passes. The time on a GPU is the number of operations divided by the rate that
the GPU sustains.
"""

import sys
from pathlib import Path

import torch
import yaml
from snakemake.utils import update_config
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

from aisi.attention.network import AttentionNetwork  # noqa: E402
from aisi.features import FeatureExtractor  # noqa: E402
from aisi.salient_instances.s4net import S4Net  # noqa: E402
from aisi.segmenters.deeplab import DeepLab  # noqa: E402

N_CATEGORIES, PHOTO = 20, (375, 500)


def count(forward, height, width):
    """Floating-point operations of one photo, in units of 1e9."""
    with FlopCounterMode(display=False) as counter:
        forward(torch.zeros(1, 3, height, width, dtype=torch.uint8))
    return counter.get_total_flops() / 1e9


def detection(model):
    """Forward pass of S4Net without post-processing, with the mask of one instance."""

    def forward(images):
        pyramid = model.features(images)
        model.head(pyramid)
        model.masks(pyramid, torch.tensor([[8.0, 8.0, 96.0, 96.0]]), torch.tensor([0]))

    return forward


def without_weights(network):
    return {name: value for name, value in network.items() if name != "weights"}


def main(*files):
    config = {}
    for file in [ROOT / "config/config.yaml", *files]:
        update_config(config, yaml.safe_load(Path(file).read_text()))
    salient, attention, features = config["salient_instances"], config["attention"], config["features"]
    size = salient["network"]["input_size"]
    network = S4Net(**without_weights(salient["network"]))
    print(f"S4Net, a photo:                {count(detection(network), size, size):8.1f}")
    size = attention["network"]["image_size"]
    network = AttentionNetwork(N_CATEGORIES, **without_weights(attention["network"]))
    print(f"attention, a photo:            {count(network, size, size):8.1f}, in training 3 times")
    size = features["crop_size"]
    print(f"features, an instance:         {count(FeatureExtractor(features['network']['backbone']), size, size):8.1f}")
    for name in config["semantic"]["train"]:
        block = config["semantic"]["networks"][name]
        network, crop = DeepLab(N_CATEGORIES, **without_weights(block["network"])), block["training"]["crops"]["crop"]
        print(f"{name}, a crop in training:  {3 * count(network, crop, crop):8.1f}")
        print(f"{name}, a photo:             {count(network, *PHOTO):8.1f}")


if __name__ == "__main__":
    with torch.no_grad():
        main(*sys.argv[1:])

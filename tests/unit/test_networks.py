"""The paper's networks: their parameters equal the published counts, and their maps have the right shapes.

Published counts of backbones are torchvision's (``num_params`` of its ImageNet weights) without the classifier.
"""

import pytest
import torch
import torchvision

from aisi.attention.network import AttentionNetwork
from aisi.features import FeatureExtractor
from aisi.salient_instances.s4net import S4Net
from aisi.segmenters.deeplab import DeepLab

CLASSIFIERS = {
    "resnet50": 2048 * 1000 + 1000,
    "resnet101": 2048 * 1000 + 1000,
    "vgg16": 25088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000,
    "mobilenet_v2": 1280 * 1000 + 1000,
}
"""Parameters of the fully connected layers for ImageNet's 1000 categories."""
CHANNELS = {"resnet50": [256, 512, 1024, 2048], "resnet101": [256, 512, 1024, 2048], "vgg16": [128, 256, 512, 512]}
CHANNELS["mobilenet_v2"] = [24, 32, 96, 1280]


def published(name):
    """Published number of parameters of a backbone."""
    return torchvision.models.get_model_weights(name).IMAGENET1K_V1.meta["num_params"] - CLASSIFIERS[name]


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def conv(inputs, outputs, size):
    return inputs * outputs * size**2 + outputs


def photos(side):
    return torch.zeros(1, 3, side, side, dtype=torch.uint8)


@pytest.mark.parametrize(("name", "output_stride"), [("vgg16", 16), ("resnet50", 8), ("resnet101", 32)])
@torch.inference_mode()
def test_attention(name, output_stride):
    model = AttentionNetwork(20, name, output_stride, 64).eval()
    assert model(photos(64)).shape == (1, 20, 64 // output_stride, 64 // output_stride)
    assert count(model) == published(name) + conv(CHANNELS[name][-1], 20, 1)


@pytest.mark.parametrize("name", ["resnet50", "resnet101"])
@torch.inference_mode()
def test_features(name):
    """PAPER §3.2: 2048 channels."""
    extractor = FeatureExtractor(name).eval()
    assert extractor(photos(64)).shape == (1, 2048)
    assert count(extractor) == published(name)


@torch.inference_mode()
def test_deeplab_vgg16():
    """20.5 M parameters in table 2 of DeepLab (arXiv 1412.7062): LargeFOV, kernel 3x3, input stride 12."""
    model = DeepLab(20, "vgg16", 8, "large_fov", [12], 1024, 0).eval()
    assert model(photos(65)).shape == (1, 21, 8, 8)
    assert count(model) == published("vgg16") + conv(512, 1024, 3) + conv(1024, 1024, 1) + conv(1024, 21, 1)
    assert round(count(model) / 1e6, 1) == 20.5


@torch.inference_mode()
def test_deeplab_resnet101():
    """DeepLab v2 (arXiv 1606.00915): ResNet-101 and ASPP-L, four 3x3 convolutions of 2048 channels to the classes."""
    model = DeepLab(20, "resnet101", 8, "sum", [6, 12, 18, 24], 256, 0).eval()
    assert model(photos(65)).shape == (1, 21, 65, 65)
    assert count(model) == published("resnet101") + 4 * conv(2048, 21, 3)


@pytest.mark.parametrize("name", CLASSIFIERS)
@torch.inference_mode()
def test_s4net(name):
    """S4Net (arXiv 1711.07618) gives no total, only the sizes of pyramid, head and mask branch."""
    model = S4Net(name, 256, 512, [128, 64], "ternary", 64).eval()
    pyramid = sum(conv(channels, 256, 1) for channels in CHANNELS[name]) + 3 * conv(256, 256, 3)
    head = conv(256, 512, 3) + conv(512, 3 * 2, 3) + conv(512, 3 * 4, 3)
    mask = conv(256, 128, 3) + 2 * conv(128, 128, 3) + conv(128, 64, 3) + 2 * conv(64, 64, 3) + conv(64, 2, 3)
    assert count(model) == published(name) + pyramid + head + mask
    levels = model.features(photos(64))
    assert [tuple(level.shape) for level in levels] == [(1, 256, side, side) for side in (16, 8, 4, 2, 1)]
    assert model.masks(levels, torch.tensor([[0.0, 0, 32, 32]]), torch.tensor([0])).shape == (1, 2, 8, 8)

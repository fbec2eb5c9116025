"""Train the feature extractor on single-object pictures of auxiliary categories: softmax and centre loss."""

from pathlib import Path

import torch

from aisi.features import FeatureClassifier, FeatureExtractor, SingleObjects, feature_loss, save_extractor
from aisi.progress import log_to
from aisi.training.engine import fit, parameter_groups, training_identity
from aisi.training.processes import on_gpus
from aisi.training.weights import pick_device


def main(root, backbone, pretrained, crop_size, centre_loss, recipe, threads, code, weights, log, times):
    """Write safetensors without the auxiliary classifier, and a CSV row an epoch."""
    device = pick_device(threads)
    torch.manual_seed(0)
    pictures = SingleObjects(root, crop_size)
    extractor = FeatureExtractor(backbone, pretrained)
    model = FeatureClassifier(extractor, len(pictures.categories), **centre_loss).to(device)
    groups = parameter_groups(model, model.extractor, recipe.get("backbone_scale", 1.0))
    names = [str(Path(path).relative_to(root)) for path, _ in pictures.samples]
    identity = training_identity(backbone, pretrained, crop_size, centre_loss, recipe, code, names)
    arguments = {"log": log, "times": times, "identity": identity, "parameter_groups": groups}
    fit(model, feature_loss, pictures, recipe, seed=0, **arguments)
    save_extractor(weights, model.extractor, backbone)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        on_gpus(main, snakemake.resources.gpu)(
            root=snakemake.input.pictures,
            backbone=snakemake.params.backbone,
            pretrained=snakemake.params.pretrained,
            crop_size=snakemake.params.crop_size,
            centre_loss=snakemake.params.centre_loss,
            recipe=snakemake.params.recipe,
            threads=snakemake.threads,
            code=snakemake.params.code,
            weights=snakemake.output.weights,
            log=snakemake.output.log,
            times=snakemake.log.times,
        )

"""Train Mask R-CNN on the tagged instances of one assignment."""

import torch

from aisi.formats.coco import read_instances
from aisi.formats.dataset import read_categories, read_images
from aisi.progress import log_to
from aisi.segmenters.mask_rcnn import InstancePhotos, InstanceSegmenter, find_instances, instance_loss, save_segmenter
from aisi.training.engine import fit, parameter_groups, training_identity
from aisi.training.processes import on_gpus
from aisi.training.weights import pick_device


def main(images, categories, coco, network, pretrained, samples, recipe, seed, threads, code, weights, log, times):
    """Write safetensors and a CSV row an epoch."""
    device = pick_device(threads)
    torch.manual_seed(seed)
    photos, kinds = read_images(*images), read_categories(categories)
    found = find_instances(photos, read_instances(coco, kinds), kinds.names)
    architecture = {"n_categories": len(kinds)} | network
    model = InstanceSegmenter(**architecture, weights=pretrained).to(device)
    model.backbone.backbone.freeze(recipe.get("frozen_stages", 0))
    files = [*images, categories, coco]
    identity = training_identity(architecture, pretrained, samples, recipe, seed, code, files=files)
    groups = parameter_groups(model, model.backbone.backbone, recipe.get("backbone_scale", 1.0))
    arguments = {"log": log, "times": times, "identity": identity, "parameter_groups": groups}
    dataset = InstancePhotos(found, network["image_size"], network["largest_size"], **samples)
    fit(model, instance_loss, dataset, recipe, seed=seed, **arguments)
    save_segmenter(weights, model, architecture)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        on_gpus(main, snakemake.resources.gpu)(
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            coco=snakemake.input.coco,
            network=snakemake.params.network,
            pretrained=snakemake.params.pretrained,
            samples=snakemake.params.samples,
            recipe=snakemake.params.recipe,
            seed=int(snakemake.wildcards.seed),
            threads=snakemake.threads,
            code=snakemake.params.code,
            weights=snakemake.output.weights,
            log=snakemake.output.log,
            times=snakemake.log.times,
        )

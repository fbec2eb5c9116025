"""Train Mask R-CNN on the tagged instances of one assignment."""

import torch

from aisi.formats.coco import read_instances
from aisi.formats.dataset import read_categories, read_images
from aisi.progress import log_to
from aisi.segmenters.mask_rcnn import (
    InstancePhotos,
    InstanceSegmenter,
    find_instances,
    instance_loss,
    panel_of,
    save_segmenter,
)
from aisi.training.engine import fit, parameter_groups, training_identity
from aisi.training.processes import on_gpus
from aisi.training.weights import pick_device


def main(
    images_paths,
    roots,
    categories_path,
    instances_path,
    network,
    pretrained,
    samples,
    recipe,
    seed,
    threads,
    code,
    weights_path,
    log_path,
    times_path,
    tensorboard=False,
):
    """Write the trained network, and a CSV row per epoch."""
    device = pick_device(threads)
    torch.manual_seed(seed)
    photos, categories = read_images(*images_paths, roots=roots), read_categories(categories_path)
    found = find_instances(photos, read_instances(instances_path, categories), categories.names)
    architecture = {"n_categories": len(categories)} | network
    model = InstanceSegmenter(**architecture, weights=pretrained).to(device)
    model.backbone.backbone.freeze(recipe.get("frozen_stages", 0), recipe.get("frozen_batch_norms", False))
    settings = architecture, pretrained, samples, recipe, seed, code
    fit(
        model,
        instance_loss,
        InstancePhotos(found, network["image_size"], network["largest_size"], **samples),
        recipe,
        seed=seed,
        identity=training_identity(*settings, file_paths=[*images_paths, categories_path, instances_path]),
        log_path=log_path,
        times_path=times_path,
        tensorboard=tensorboard,
        panel=lambda network: panel_of(network, found),
        parameter_groups=parameter_groups(model, model.backbone.backbone, recipe.get("backbone_scale", 1.0)),
    )
    save_segmenter(weights_path, model, architecture)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        on_gpus(main, snakemake.resources.gpu)(
            images_paths=snakemake.input.images,
            roots=snakemake.params.roots,
            categories_path=snakemake.input.categories,
            instances_path=snakemake.input.coco,
            network=snakemake.params.network,
            pretrained=snakemake.params.pretrained,
            samples=snakemake.params.samples,
            recipe=snakemake.params.recipe,
            seed=int(snakemake.wildcards.seed),
            threads=snakemake.threads,
            code=snakemake.params.code,
            weights_path=snakemake.output.weights,
            log_path=snakemake.output.log,
            times_path=snakemake.log.times,
            tensorboard=bool(snakemake.resources.tensorboard),
        )

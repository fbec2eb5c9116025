"""Train DeepLab on the proxy masks of one assignment."""

import torch

from aisi.formats.dataset import read_categories, read_images
from aisi.progress import log_to
from aisi.salient_instances.pictures import list_pictures
from aisi.segmenters import deeplab
from aisi.segmenters.crops import ProxyCrops, SalientCrops, find_proxies
from aisi.training.engine import fit, parameter_groups, training_identity
from aisi.training.processes import on_gpus
from aisi.training.weights import pick_device


def main(
    images_paths,
    roots,
    categories_path,
    proxies_folder,
    salient,
    network,
    pretrained,
    training,
    seed,
    threads,
    code,
    weights_path,
    log_path,
    times_path,
    tensorboard=False,
):
    """Write the trained network, and a CSV row per epoch; ``salient``: folder and list of photos without categories."""
    device, recipe = pick_device(threads), training["recipe"]
    torch.manual_seed(seed)
    photos, categories = read_images(*images_paths, roots=roots), read_categories(categories_path)
    proxies = find_proxies(photos, categories, proxies_folder)
    samples, mask_paths = training_samples(proxies, len(categories), salient, training)
    architecture = {"n_categories": len(categories)} | network
    model = deeplab.DeepLab(**architecture, weights=pretrained).to(device)
    model.backbone.freeze(recipe.get("frozen_stages", 0), recipe.get("frozen_batch_norms", False))
    settings = architecture, pretrained, training["crops"], training["salient_share"], recipe, seed, code
    fit(
        model,
        deeplab.segmentation_loss,
        samples,
        recipe,
        seed=seed,
        identity=training_identity(*settings, file_paths=[*images_paths, categories_path, *mask_paths]),
        log_path=log_path,
        times_path=times_path,
        tensorboard=tensorboard,
        panel=lambda network: deeplab.panel_of(network, proxies),
        parameter_groups=parameter_groups(model, model.backbone, recipe.get("backbone_scale", 1.0)),
    )
    deeplab.adjust_logits(model, proxies, training["logit_adjustment"])
    deeplab.save_deeplab(weights_path, model, architecture)


def training_samples(proxies, n_categories, salient, training):
    """Crops of the photos, with their share of photos of salient instances, and the paths of all masks."""
    salient_paths = list_pictures(*salient) if training["salient_share"] else []
    crops = ProxyCrops(proxies, n_categories, **training["crops"])
    mask_paths = [*(proxy.mask_path for proxy in proxies), *(mask_path for _, mask_path in salient_paths)]
    return SalientCrops(crops, salient_paths, training["salient_share"]), mask_paths


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        on_gpus(main, snakemake.resources.gpu)(
            images_paths=snakemake.input.images,
            roots=snakemake.params.roots,
            categories_path=snakemake.input.categories,
            proxies_folder=snakemake.input.proxies,
            salient=snakemake.params.salient,
            network=snakemake.params.network,
            pretrained=snakemake.params.pretrained,
            training=snakemake.params.training,
            seed=int(snakemake.wildcards.seed),
            threads=snakemake.threads,
            code=snakemake.params.code,
            weights_path=snakemake.output.weights,
            log_path=snakemake.output.log,
            times_path=snakemake.log.times,
            tensorboard=bool(snakemake.resources.tensorboard),
        )

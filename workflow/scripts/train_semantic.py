"""Train DeepLab on the proxy masks of one assignment."""

import torch

from aisi.formats.dataset import read_categories, read_images
from aisi.progress import log_to
from aisi.salient_instances.pictures import list_pictures
from aisi.segmenters import crops as proxy_crops
from aisi.segmenters import deeplab
from aisi.training.engine import fit, parameter_groups, training_identity
from aisi.training.processes import on_gpus
from aisi.training.weights import pick_device


def main(images, categories, proxies, salient, network, pretrained, training, seed, threads, code, weights, log, times):
    """Write safetensors and a CSV row an epoch; ``salient`` are root and list of pictures without categories."""
    recipe, share, device = training["recipe"], training["salient_share"], pick_device(threads)
    torch.manual_seed(seed)
    photos, kinds = read_images(*images), read_categories(categories)
    crops = proxy_crops.ProxyCrops(proxy_crops.find_proxies(photos, kinds, proxies), len(kinds), **training["crops"])
    samples = proxy_crops.SalientCrops(crops, list_pictures(*salient) if share else [], share)
    architecture = {"n_categories": len(kinds)} | network
    model = deeplab.DeepLab(**architecture, weights=pretrained).to(device)
    model.backbone.freeze(recipe.get("frozen_stages", 0))
    files = [*images, categories, *(proxy.mask for proxy in crops.proxies), *(mask for _, mask in samples.pictures)]
    identity = training_identity(architecture, pretrained, training["crops"], share, recipe, seed, code, files=files)
    groups = parameter_groups(model, model.backbone, recipe.get("backbone_scale", 1.0))
    arguments = {"log": log, "times": times, "identity": identity, "parameter_groups": groups}
    fit(model, deeplab.segmentation_loss, samples, recipe, seed=seed, **arguments)
    deeplab.adjust_logits(model, crops.proxies, training["logit_adjustment"])
    deeplab.save_deeplab(weights, model, architecture)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        on_gpus(main, snakemake.resources.gpu)(
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            proxies=snakemake.input.proxies,
            salient=snakemake.params.salient,
            network=snakemake.params.network,
            pretrained=snakemake.params.pretrained,
            training=snakemake.params.training,
            seed=int(snakemake.wildcards.seed),
            threads=snakemake.threads,
            code=snakemake.params.code,
            weights=snakemake.output.weights,
            log=snakemake.output.log,
            times=snakemake.log.times,
        )

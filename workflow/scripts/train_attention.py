"""Train the attention classifier on the keywords of the training photos."""

import torch

from aisi.attention.network import AttentionNetwork, classifier_loss, keyword_vectors, save_attention, training_set
from aisi.dataset.keywords import keyword_labels
from aisi.formats.dataset import read_categories, read_images
from aisi.progress import log_to
from aisi.training.engine import fit, training_identity
from aisi.training.processes import on_gpus
from aisi.training.weights import pick_device


def main(
    images, categories, network, pretrained, freeze_backbone, dropout, recipe, seed, threads, code, weights, log, times
):
    """Write safetensors and a CSV row an epoch."""
    device = pick_device(threads)
    torch.manual_seed(seed)
    photos, names = read_images(*images), read_categories(categories)
    keywords = keyword_vectors(keyword_labels(photos, names), len(names))
    architecture = {"n_categories": len(names)} | network
    model = AttentionNetwork(**architecture, weights=pretrained, dropout=dropout).to(device)
    trained, dataset = training_set(model, list(photos["path"]), keywords, freeze_backbone)
    values = architecture, pretrained, freeze_backbone, dropout, recipe, seed, code
    identity = training_identity(*values, files=[*images, categories])
    fit(trained, classifier_loss, dataset, recipe, seed=seed, log=log, times=times, identity=identity)
    save_attention(weights, model, architecture)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        on_gpus(main, snakemake.resources.gpu)(
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            network=snakemake.params.network,
            pretrained=snakemake.params.pretrained,
            freeze_backbone=snakemake.params.freeze_backbone,
            dropout=snakemake.params.dropout,
            recipe=snakemake.params.recipe,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
            code=snakemake.params.code,
            weights=snakemake.output.weights,
            log=snakemake.output.log,
            times=snakemake.log.times,
        )

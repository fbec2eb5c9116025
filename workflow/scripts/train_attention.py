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
    images_paths,
    roots,
    categories_path,
    network,
    pretrained,
    freeze_backbone,
    dropout,
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
    keywords = keyword_vectors(keyword_labels(photos, categories), len(categories))
    architecture = {"n_categories": len(categories)} | network
    model = AttentionNetwork(**architecture, weights=pretrained, dropout=dropout).to(device)
    trained, dataset = training_set(model, list(photos["path"]), keywords, freeze_backbone)
    settings = architecture, pretrained, freeze_backbone, dropout, recipe, seed, code
    identity = training_identity(*settings, file_paths=[*images_paths, categories_path])
    fit(
        trained,
        classifier_loss,
        dataset,
        recipe,
        seed=seed,
        identity=identity,
        log_path=log_path,
        times_path=times_path,
        tensorboard=tensorboard,
    )
    save_attention(weights_path, model, architecture)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        on_gpus(main, snakemake.resources.gpu)(
            images_paths=snakemake.input.images,
            roots=snakemake.params.roots,
            categories_path=snakemake.input.categories,
            network=snakemake.params.network,
            pretrained=snakemake.params.pretrained,
            freeze_backbone=snakemake.params.freeze_backbone,
            dropout=snakemake.params.dropout,
            recipe=snakemake.params.recipe,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
            code=snakemake.params.code,
            weights_path=snakemake.output.weights,
            log_path=snakemake.output.log,
            times_path=snakemake.log.times,
            tensorboard=bool(snakemake.resources.tensorboard),
        )

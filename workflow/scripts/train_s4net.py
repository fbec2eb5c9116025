"""Train S4Net on pictures with class-agnostic instance masks."""

import torch

from aisi.progress import log_to
from aisi.salient_instances.pictures import SalientPictures, list_pictures
from aisi.salient_instances.s4net import S4Net, s4net_loss, save_s4net, start_from
from aisi.training.engine import fit, parameter_groups, training_identity
from aisi.training.processes import on_gpus
from aisi.training.weights import pick_device

SEED = 0  # the detector stays the same whatever the config's seed


def main(
    root,
    split,
    start,
    architecture,
    backbone_weights,
    samples,
    crowded,
    recipe,
    threads,
    code,
    weights,
    log,
    times,
    tensorboard=False,
):
    """Train on ``ImageSets/{split}.txt`` below ``root``; write safetensors and a CSV row an epoch."""
    device = pick_device(threads)
    torch.manual_seed(SEED)
    pairs = list_pictures(root, split)
    model = S4Net(**architecture, weights=backbone_weights).to(device)
    if start:
        start_from(model, start)
    model.backbone.freeze(recipe.get("frozen_stages", 0), recipe.get("frozen_batch_norms", False))
    values = architecture, backbone_weights, samples, crowded, recipe, SEED, code, [photo.name for photo, _ in pairs]
    identity = training_identity(*values, file_paths=[start] if start else [])
    fit(
        model,
        s4net_loss,
        SalientPictures(pairs, architecture["input_size"], **samples, crowded=crowded),
        recipe,
        seed=SEED,
        identity=identity,
        log_path=log,
        times_path=times,
        tensorboard=tensorboard,
        parameter_groups=parameter_groups(model, model.backbone, recipe["backbone_scale"]),
    )
    save_s4net(weights, model, architecture)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        on_gpus(main, snakemake.resources.gpu)(
            root=snakemake.params.root,
            split=snakemake.params.split,
            start=snakemake.input.get("start"),
            crowded=snakemake.params.crowded,
            architecture=snakemake.params.architecture,
            backbone_weights=snakemake.params.backbone_weights,
            samples=snakemake.params.samples,
            recipe=snakemake.params.recipe,
            threads=snakemake.threads,
            code=snakemake.params.code,
            weights=snakemake.output.weights,
            log=snakemake.output.log,
            times=snakemake.log.times,
            tensorboard=bool(snakemake.resources.tensorboard),
        )

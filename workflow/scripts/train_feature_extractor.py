"""Train the feature extractor with softmax and centre loss on single-object photos of auxiliary categories."""

from pathlib import Path

import torch

from aisi.features import FeatureClassifier, FeatureExtractor, SingleObjects, feature_loss, save_extractor
from aisi.progress import log_to
from aisi.training.engine import fit, parameter_groups, training_identity
from aisi.training.processes import on_gpus
from aisi.training.weights import pick_device

SEED = 0  # the features stay the same whatever the config's seed


def main(
    photos_folder,
    backbone,
    pretrained,
    crop_size,
    pretrained_classifier,
    centre_loss,
    recipe,
    threads,
    code,
    weights_path,
    log_path,
    times_path,
    tensorboard=False,
):
    """Write the trained network without its auxiliary classifier, and a CSV row per epoch."""
    device = pick_device(threads)
    torch.manual_seed(SEED)
    photos = SingleObjects(photos_folder, crop_size)
    extractor = FeatureExtractor(backbone, pretrained)
    model = FeatureClassifier(extractor, len(photos.categories), **centre_loss)
    if pretrained_classifier:
        # PAPER §5.1: ImageNet pretrains the extractor. ASSUME its classifier too, which the paper does not say
        model.start_classifier(photos.categories, backbone, pretrained)
    model.to(device)
    names = [str(Path(path).relative_to(photos_folder)) for path, _ in photos.samples]
    settings = backbone, pretrained, crop_size, pretrained_classifier, centre_loss, recipe, code, names
    fit(
        model,
        feature_loss,
        photos,
        recipe,
        seed=SEED,
        identity=training_identity(*settings),
        log_path=log_path,
        times_path=times_path,
        tensorboard=tensorboard,
        parameter_groups=parameter_groups(model, model.extractor, recipe.get("backbone_scale", 1.0)),
    )
    save_extractor(weights_path, model.extractor, backbone)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        on_gpus(main, snakemake.resources.gpu)(
            photos_folder=snakemake.input.pictures,
            backbone=snakemake.params.backbone,
            pretrained=snakemake.params.pretrained,
            crop_size=snakemake.params.crop_size,
            pretrained_classifier=snakemake.params.pretrained_classifier,
            centre_loss=snakemake.params.centre_loss,
            recipe=snakemake.params.recipe,
            threads=snakemake.threads,
            code=snakemake.params.code,
            weights_path=snakemake.output.weights,
            log_path=snakemake.output.log,
            times_path=snakemake.log.times,
            tensorboard=bool(snakemake.resources.tensorboard),
        )

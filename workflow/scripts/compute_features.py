"""Compute the semantic features of the salient instances of one shard."""

from aisi.features import FeatureExtractor, extract, load_extractor, read_crops
from aisi.formats.dataset import read_images
from aisi.formats.features import new_features
from aisi.formats.instances import read_salient_instances
from aisi.progress import log_to, progress
from aisi.training.weights import pick_device


def main(
    images_path,
    roots,
    salient_instances_path,
    weights_path,
    backbone,
    pretrained,
    crop,
    flip,
    batch_size,
    threads,
    features_path,
):
    """Write a row for each instance. Without ``weights_path`` the pretrained backbone is used as it is."""
    device = pick_device(threads)
    if weights_path:
        extractor = load_extractor(weights_path, device)
    else:
        extractor = FeatureExtractor(backbone, pretrained).to(device).eval()
    instances, photos = read_salient_instances(salient_instances_path), read_images(images_path, roots=roots)
    paths = dict(zip(photos["image_id"], photos["path"], strict=True))
    crops = read_crops(instances.image_ids, instances.boxes, instances.masks, paths, **crop)
    with (
        new_features(features_path, extractor.dimension, instances.rows) as append,
        progress(total=len(instances), unit="instance") as bar,
    ):
        for rows in extract(extractor, crops, batch_size, flip):
            append(rows)
            bar.update(len(rows))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_path=snakemake.input.images,
            roots=snakemake.params.roots,
            salient_instances_path=snakemake.input.salient_instances,
            weights_path=snakemake.input.get("weights"),
            backbone=snakemake.params.backbone,
            pretrained=snakemake.params.pretrained,
            crop={name: snakemake.params[name] for name in ("size", "padding", "background")},
            flip=snakemake.params.flip,
            batch_size=snakemake.params.batch_size,
            threads=snakemake.threads,
            features_path=snakemake.output.features,
        )

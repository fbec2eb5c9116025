"""Segment the photos of the validation split with a trained DeepLab."""

from aisi.files import inside
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.masks import write_labels
from aisi.photos import read_photo
from aisi.progress import log_to, progress
from aisi.segmenters.deeplab import load_deeplab, predict
from aisi.training.augmentation import read_ahead
from aisi.training.weights import pick_device


def main(images, categories, weights, scales, flip, threads, output):
    """Write ``{image_id}.png`` at the photos' sizes."""
    photos = read_images(*images)
    model = load_deeplab(weights, pick_device(threads), len(read_categories(categories)))
    pictures = progress(read_ahead(read_photo, photos["path"]), total=len(photos), unit="photo")
    for image_id, photo in zip(photos["image_id"], pictures, strict=True):
        write_labels(inside(output, f"{image_id}.png"), predict(model, photo, scales, flip))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            weights=snakemake.input.weights,
            scales=snakemake.params.scales,
            flip=snakemake.params.flip,
            threads=snakemake.threads,
            output=snakemake.output.predictions,
        )

"""Segment the photos of the validation split with a trained DeepLab."""

from aisi.files import inside
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.masks import write_labels
from aisi.photos import read_photo
from aisi.progress import log_to, progress
from aisi.segmenters.deeplab import load_deeplab, predict
from aisi.training.augmentation import read_ahead
from aisi.training.weights import pick_device


def main(images_paths, roots, categories_path, weights_path, scales, flip, threads, predictions_folder):
    """Write ``{image_id}.png`` at the photos' sizes."""
    table = read_images(*images_paths, roots=roots)
    model = load_deeplab(weights_path, pick_device(threads), len(read_categories(categories_path)))
    photos = progress(read_ahead(read_photo, table["path"]), total=len(table), unit="photo")
    for image_id, photo in zip(table["image_id"], photos, strict=True):
        write_labels(inside(predictions_folder, f"{image_id}.png"), predict(model, photo, scales, flip))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            roots=snakemake.params.roots,
            categories_path=snakemake.input.categories,
            weights_path=snakemake.input.weights,
            scales=snakemake.params.scales,
            flip=snakemake.params.flip,
            threads=snakemake.threads,
            predictions_folder=snakemake.output.predictions,
        )

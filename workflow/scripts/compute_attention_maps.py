"""Compute the attention maps of each photo's own keywords, one shard."""

from aisi.attention.network import attention_maps, load_attention
from aisi.dataset.keywords import keyword_labels
from aisi.formats.attention import new_attention
from aisi.formats.dataset import read_categories, read_images
from aisi.photos import read_photo
from aisi.progress import log_to, progress
from aisi.training.augmentation import read_ahead
from aisi.training.weights import pick_device


def main(images, categories, weights, threads, output):
    """Write the maps photo by photo."""
    photos, names = read_images(images), read_categories(categories)
    model = load_attention(weights, pick_device(threads), len(names))
    pictures = progress(read_ahead(read_photo, photos["path"]), total=len(photos), unit="photo")
    with new_attention(output) as writer:
        for image_id, labels, photo in zip(photos["image_id"], keyword_labels(photos, names), pictures, strict=True):
            writer.append(image_id, labels, attention_maps(model, photo, labels))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            weights=snakemake.input.weights,
            threads=snakemake.threads,
            output=snakemake.output.attention,
        )

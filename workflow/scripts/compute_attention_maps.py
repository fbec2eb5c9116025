"""Compute the attention maps of each photo's own keywords, for one shard."""

from aisi.attention.network import attention_maps, load_attention
from aisi.dataset.keywords import keyword_labels
from aisi.formats.attention import new_attention
from aisi.formats.dataset import read_categories, read_images
from aisi.photos import read_photo
from aisi.progress import log_to, progress
from aisi.training.augmentation import read_ahead
from aisi.training.weights import pick_device


def main(images_path, roots, categories_path, weights_path, threads, attention_path):
    """Write the maps photo by photo."""
    table, categories = read_images(images_path, roots=roots), read_categories(categories_path)
    labels_of_photos = keyword_labels(table, categories)
    model = load_attention(weights_path, pick_device(threads), len(categories))
    photos = progress(read_ahead(read_photo, table["path"]), total=len(table), unit="photo")
    with new_attention(attention_path) as writer:
        for image_id, labels, photo in zip(table["image_id"], labels_of_photos, photos, strict=True):
            writer.append(image_id, labels, attention_maps(model, photo, labels))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_path=snakemake.input.images,
            roots=snakemake.params.roots,
            categories_path=snakemake.input.categories,
            weights_path=snakemake.input.weights,
            threads=snakemake.threads,
            attention_path=snakemake.output.attention,
        )

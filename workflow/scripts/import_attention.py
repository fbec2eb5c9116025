"""Import the attention maps that another method computed for the photos of one shard."""

from aisi.dataset.imported import imported_attention
from aisi.formats.attention import new_attention
from aisi.formats.dataset import read_categories, read_images
from aisi.progress import log_to, progress


def main(images_path, categories_path, source_path, origin, attention_path):
    """Write the maps photo by photo; ``origin`` says in the file where they come from."""
    photos, categories = read_images(images_path), read_categories(categories_path)
    found = imported_attention(source_path, photos, categories)
    with new_attention(attention_path, origin) as writer:
        for image_id, labels, maps in progress(found, total=len(photos), unit="photo"):
            writer.append(image_id, labels, maps)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_path=snakemake.input.images,
            categories_path=snakemake.input.categories,
            source_path=snakemake.input.source,
            origin=snakemake.params.origin,
            attention_path=snakemake.output.attention,
        )

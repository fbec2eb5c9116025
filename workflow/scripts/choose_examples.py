"""Choose the photos that the report draws."""

from aisi.formats import read_images, write_images
from aisi.pictures import choose_examples
from aisi.progress import log_to


def main(images, n, output):
    """Choose n photos of all shards."""
    write_images(output, choose_examples(read_images(*images), n))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(images=snakemake.input.images, n=snakemake.params.n, output=snakemake.output.images)

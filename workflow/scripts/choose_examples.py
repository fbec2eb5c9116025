"""Choose the photos that the report draws."""

from aisi.formats.dataset import read_images, write_images
from aisi.progress import log_to
from aisi.report.examples import choose_examples


def main(images, n, output):
    """Choose n photos of all shards."""
    write_images(output, choose_examples(read_images(*images), n))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(images=snakemake.input.images, n=snakemake.params.n, output=snakemake.output.images)

"""Choose the photos that the report shows."""

from aisi.formats.dataset import read_images, write_images
from aisi.progress import log_to
from aisi.report.examples import choose_examples


def main(images_paths, n, examples_path):
    """Choose n photos of all shards."""
    write_images(examples_path, choose_examples(read_images(*images_paths), n))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(images_paths=snakemake.input.images, n=snakemake.params.n, examples_path=snakemake.output.images)

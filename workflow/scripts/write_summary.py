"""Say in a few lines what a run on photos found and missed."""

from aisi.files import atomic
from aisi.formats.dataset import read_rejected_images
from aisi.formats.masks import read_photo_table
from aisi.progress import log_to
from aisi.proxy_masks import summary


def main(photos_path, rejected_path, summary_path):
    """Write a text."""
    text = summary(read_photo_table(photos_path), len(read_rejected_images(rejected_path)))
    with atomic(summary_path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            photos_path=snakemake.input.photos,
            rejected_path=snakemake.input.rejected,
            summary_path=snakemake.output.summary,
        )

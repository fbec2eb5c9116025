"""Write small photos of a shard for the review page."""

from pathlib import Path

from aisi.files import atomic
from aisi.formats.dataset import read_images
from aisi.photos import read_photo
from aisi.progress import log_to, progress
from aisi.report.review_page import shrink


def main(images_path, roots, longest_side, thumbnails_folder):
    """Name each file by the photo's row in the table, because an image_id may not be a valid file name."""
    photos = read_images(images_path, roots=roots)
    Path(thumbnails_folder).mkdir(parents=True, exist_ok=True)
    for row, path in enumerate(progress(photos["path"], unit="photo")):
        with atomic(Path(thumbnails_folder) / f"{row}.jpg") as temporary:
            shrink(read_photo(path), longest_side).save(temporary, quality=80, optimize=True)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_path=snakemake.input.images,
            roots=snakemake.params.roots,
            longest_side=snakemake.params.longest,
            thumbnails_folder=snakemake.output.thumbnails,
        )

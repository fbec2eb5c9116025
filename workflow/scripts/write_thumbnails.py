"""Write small pictures of a shard's photos for the review page."""

from pathlib import Path

from aisi.files import atomic
from aisi.formats.dataset import read_images
from aisi.photos import read_photo
from aisi.progress import log_to, progress
from aisi.report.review_page import shrink


def main(images, longest, output):
    """Name each picture by its photo's row in the table: ids may hold what no file name should."""
    photos = read_images(images)
    Path(output).mkdir(parents=True, exist_ok=True)
    for row, path in enumerate(progress(photos["path"], unit="photo")):
        with atomic(Path(output) / f"{row}.jpg") as temporary:
            shrink(read_photo(path), longest).save(temporary, quality=80, optimize=True)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            longest=snakemake.params.longest,
            output=snakemake.output.thumbnails,
        )

"""Pack a network's predictions into the archive that PASCAL VOC's server takes."""

from aisi.evaluation.voc_submission import check_categories, read_members, write_archive
from aisi.formats.dataset import read_categories, read_images
from aisi.progress import log_to, progress


def main(predictions, images, categories, archive):
    """Pack every photo of the split, by ascending image_id."""
    check_categories(read_categories(categories).names)
    photos = read_images(*images).sort_values("image_id")
    write_archive(archive, progress(read_members(photos, predictions), total=len(photos), unit="photo"))
    print(f"{archive}: {len(photos)} predictions.")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            predictions=snakemake.input.predictions,
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            archive=snakemake.output.archive,
        )

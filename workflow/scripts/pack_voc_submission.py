"""Pack the predictions of a network into the archive for PASCAL VOC's server."""

from aisi.evaluation.voc_submission import check_categories, read_members, write_archive
from aisi.formats.dataset import read_categories, read_images
from aisi.progress import log_to, progress


def main(predictions_folder, images_paths, categories_path, archive_path):
    """Pack all photos of the split, by ascending image_id."""
    check_categories(read_categories(categories_path).names)
    photos = read_images(*images_paths).sort_values("image_id")
    write_archive(archive_path, progress(read_members(photos, predictions_folder), total=len(photos), unit="photo"))
    print(f"{archive_path}: {len(photos)} predictions.")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            predictions_folder=snakemake.input.predictions,
            images_paths=snakemake.input.images,
            categories_path=snakemake.input.categories,
            archive_path=snakemake.output.archive,
        )

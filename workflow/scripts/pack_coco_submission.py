"""Pack the instances that a network has found into the archive for COCO's server."""

from aisi.evaluation.coco_submission import check_results, write_archive
from aisi.formats.coco import read_coco_results
from aisi.progress import log_to


def main(predictions_path, archive_path):
    """Check the results; the JSON in the archive has the archive's name."""
    results = read_coco_results(predictions_path)
    check_results(predictions_path, results)
    write_archive(archive_path, predictions_path)
    print(f"{archive_path}: {len(results)} instances.")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(predictions_path=snakemake.input.predictions, archive_path=snakemake.output.archive)

"""Export photos with their instances in the format of another tool."""

from pathlib import Path

from aisi.export.photos import Options, exported_photos
from aisi.export.writers import WRITERS
from aisi.formats.coco import read_instances
from aisi.formats.dataset import read_categories, read_images
from aisi.progress import log_to


def main(images_paths, roots, categories_path, instances_path, file_format, keep_empty, options, export_folder):
    """Write all files of the format into ``export_folder``."""
    categories = read_categories(categories_path)
    images = read_images(*images_paths, roots=roots)
    photos = exported_photos(images, read_instances(instances_path, categories), keep_empty)
    Path(export_folder).mkdir(parents=True, exist_ok=True)
    WRITERS[file_format](export_folder, photos, categories, Options(**options))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            roots=snakemake.params.roots,
            categories_path=snakemake.input.categories,
            instances_path=snakemake.input.instances,
            file_format=snakemake.wildcards.format,
            keep_empty=snakemake.params.keep_empty,
            options=snakemake.params.options,
            export_folder=snakemake.output.export,
        )

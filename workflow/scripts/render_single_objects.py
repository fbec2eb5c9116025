"""Render photos of single objects, a folder for each auxiliary category, to train the feature extractor."""

from pathlib import Path

from aisi.demo.annotation import write_photo
from aisi.demo.categories import AUXILIARY
from aisi.demo.scenes import render_single_object
from aisi.progress import log_to, progress


def main(*, photos_folder, n_per_category, seed, image_size):
    """Write ``{category}/{number}.jpg``."""
    for name in progress(sorted(AUXILIARY), desc="categories"):
        for index in range(n_per_category):
            write_photo(
                Path(photos_folder) / name / f"{index:04d}.jpg", render_single_object(seed, name, index, image_size)
            )


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            photos_folder=snakemake.output.pictures,
            n_per_category=snakemake.params.n_per_category,
            seed=snakemake.params.seed,
            image_size=snakemake.params.image_size,
        )

"""List all photos of the dataset that are not used, and why."""

import pandas as pd

from aisi.dataset.index import unlisted_photos
from aisi.formats.dataset import read_rejected_images, write_rejected_images
from aisi.progress import log_to


def main(parts_paths, layout, root, keywords, splits, keyword_source, rejected_path):
    """Join the lists of the splits; of a folder of photos, also those that no row names."""
    tables = [read_rejected_images(path) for path in parts_paths]
    if layout == "photos":
        tables.append(unlisted_photos(root, keywords, splits, keyword_source))
    write_rejected_images(rejected_path, pd.concat(tables).sort_values(["path", "reason"], ignore_index=True))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            parts_paths=snakemake.input.parts,
            layout=snakemake.params.layout,
            root=snakemake.params.root,
            keywords=snakemake.params.keywords,
            splits=snakemake.params.splits,
            keyword_source=snakemake.params.keyword_source,
            rejected_path=snakemake.output.rejected,
        )

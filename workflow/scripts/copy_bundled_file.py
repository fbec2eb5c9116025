"""Copy a file of this repository to the results, where its path is the same for every clone."""

import shutil

from aisi.files import atomic
from aisi.progress import log_to


def main(source_path, copied_path):
    """Copy the content alone, no times and no rights."""
    with atomic(copied_path) as temporary:
        shutil.copyfile(source_path, temporary)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(source_path=snakemake.params.source_path, copied_path=snakemake.output.copied)

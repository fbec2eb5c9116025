"""Join the parts of the evaluation to one table."""

import pandas as pd

from aisi.formats.metrics import METRIC_COLUMNS, read_metrics, write_metrics
from aisi.progress import log_to


def main(parts, output):
    """Write all rows, in the order of the parts; without parts the header alone."""
    tables = [read_metrics(part) for part in parts]
    write_metrics(output, pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=METRIC_COLUMNS))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(parts=snakemake.input.parts, output=snakemake.output.metrics)

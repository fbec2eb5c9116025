"""Write the paper's table 3 or 4, with the networks of this run in the last rows."""

import pandas as pd

from aisi.formats.metrics import read_metrics
from aisi.progress import log_to
from aisi.report.paper_tables import comparison
from aisi.report.tables import experiment_page, in_percent, save_page, save_table


def main(metrics_paths, paper_path, table_name, trained_on, title, command, notes, table_path, page_path):
    """``metrics_paths``: figures of the networks; ``table_name``: 3 or 4; ``trained_on``: name of the training set."""
    metrics = pd.concat([read_metrics(path) for path in metrics_paths], ignore_index=True)
    table = comparison(pd.read_csv(paper_path), metrics, table_name, trained_on)
    save_table(table_path, table)
    save_page(page_path, experiment_page(title, command, in_percent(table), notes))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            metrics_paths=snakemake.input.metrics,
            paper_path=snakemake.input.paper,
            table_name=snakemake.wildcards.number,
            trained_on=snakemake.params.trained_on,
            title=snakemake.params.title,
            command=snakemake.params.command,
            notes=snakemake.params.notes,
            table_path=snakemake.output.table,
            page_path=snakemake.output.page,
        )

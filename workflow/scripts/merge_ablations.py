"""Write the paper's table 1a from the ablations of runs with different training sets."""

import pandas as pd

from aisi.formats.metrics import read_metrics
from aisi.progress import log_to
from aisi.report.paper_tables import merged_ablation
from aisi.report.tables import experiment_page, in_percent, save_page, save_table


def main(metrics_paths, paper_path, training_sets, assignments, title, command, notes, table_path, page_path):
    """``metrics_paths``: figures of the ablation of each of ``training_sets``; ``assignments``: rows of the table."""
    runs = {name: read_metrics(path) for name, path in zip(training_sets, metrics_paths, strict=True)}
    table = merged_ablation(runs, pd.read_csv(paper_path), assignments)
    save_table(table_path, table)
    save_page(page_path, experiment_page(title, command, in_percent(table), notes))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            metrics_paths=snakemake.input.metrics,
            paper_path=snakemake.input.paper,
            training_sets=snakemake.params.training_sets,
            assignments=snakemake.params.assignments,
            title=snakemake.params.title,
            command=snakemake.params.command,
            notes=snakemake.params.notes,
            table_path=snakemake.output.table,
            page_path=snakemake.output.page,
        )

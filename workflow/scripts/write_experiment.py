"""Write the table, the figure and the page of an experiment: means and standard deviations over seeds."""

import pandas as pd

from aisi.formats.metrics import read_metrics
from aisi.progress import log_to
from aisi.report.plots import plot_seeds, save_figure
from aisi.report.tables import (
    add_paper,
    experiment_page,
    imported_note,
    ratio_notes,
    save_page,
    save_table,
    seed_table,
    with_imported,
)


def main(
    metrics_path,
    paper_path,
    assignments,
    title,
    command,
    notes,
    paper_table,
    paper_train,
    imported,
    table_path,
    figure_path,
    page_path,
):
    """``assignments`` are the rows in order; ``paper_table`` and ``paper_train`` select the paper's values."""
    paper = pd.read_csv(paper_path)
    paper = paper[(paper["table"] == paper_table) & (paper["train"] == paper_train)]
    rows, paper_column = add_paper(seed_table(read_metrics(metrics_path), assignments), paper)
    save_table(table_path, with_imported(rows, imported))
    save_figure(figure_path, plot_seeds(rows, paper_column))
    notes = [*ratio_notes(rows), *notes, *imported_note(imported)]
    save_page(page_path, experiment_page(title, command, rows, notes))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            metrics_path=snakemake.input.metrics,
            paper_path=snakemake.input.paper,
            assignments=snakemake.params.assignments,
            title=snakemake.params.title,
            command=snakemake.params.command,
            notes=snakemake.params.notes,
            paper_table=snakemake.params.paper_table,
            paper_train=snakemake.params.paper_train,
            imported=snakemake.params.imported,
            table_path=snakemake.output.table,
            figure_path=snakemake.output.figure,
            page_path=snakemake.output.page,
        )

"""Write the table, the figure and the page of an experiment: means and standard deviations over seeds."""

import pandas as pd

from aisi.files import atomic
from aisi.formats.metrics import read_metrics
from aisi.progress import log_to
from aisi.report.plots import plot_seeds, save_figure
from aisi.report.tables import add_paper, experiment_page, ratio_notes, seed_table


def main(metrics, paper, assignments, title, command, notes, paper_table, paper_train, table, figure, page):
    """``assignments`` are the rows in order; ``paper_table`` and its training set name the paper's own column."""
    rows, paper = seed_table(read_metrics(metrics), assignments), pd.read_csv(paper)
    rows, printed = add_paper(rows, paper[(paper["table"] == paper_table) & (paper["train"] == paper_train)])
    with atomic(table) as temporary:
        rows.to_csv(temporary, index=False, float_format="%.7g", lineterminator="\n")
    save_figure(figure, plot_seeds(rows, printed))
    with atomic(page) as temporary:
        temporary.write_text(experiment_page(title, command, rows, [*ratio_notes(rows), *notes]), encoding="utf-8")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            metrics=snakemake.input.metrics,
            paper=snakemake.input.paper,
            assignments=snakemake.params.assignments,
            title=snakemake.params.title,
            command=snakemake.params.command,
            notes=snakemake.params.notes,
            paper_table=snakemake.params.paper_table,
            paper_train=snakemake.params.paper_train,
            table=snakemake.output.table,
            figure=snakemake.output.figure,
            page=snakemake.output.page,
        )

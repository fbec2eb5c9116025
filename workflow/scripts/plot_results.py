"""Plot the figures of the assignments, and the IoU of each category."""

from aisi.formats.metrics import read_metrics
from aisi.progress import log_to
from aisi.report.plots import plot_assignments, plot_categories, save_figure
from aisi.report.tables import assignment_table, category_table


def main(metrics, assignments, detailed, assignments_plot, categories_plot):
    """Plot all ``assignments`` in their order, and the categories of the ``detailed`` ones."""
    metrics = read_metrics(metrics)
    save_figure(assignments_plot, plot_assignments(assignment_table(metrics, dict.fromkeys(assignments, {}))))
    save_figure(categories_plot, plot_categories(category_table(metrics[metrics["assignment"].isin(detailed)])))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            metrics=snakemake.input.metrics,
            assignments=snakemake.params.assignments,
            detailed=snakemake.params.detailed,
            assignments_plot=snakemake.output.assignments,
            categories_plot=snakemake.output.categories,
        )

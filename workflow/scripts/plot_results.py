"""Plot the figures of the assignments, and the IoU of each category."""

from aisi.formats.metrics import read_metrics
from aisi.progress import log_to
from aisi.report.plots import plot_assignments, plot_categories, save_figure
from aisi.report.tables import assignment_table, category_table


def main(metrics_path, assignments, detailed, assignments_plot_path, categories_plot_path):
    """Plot all ``assignments`` in their order, and the categories of those in ``detailed``."""
    metrics = read_metrics(metrics_path)
    detailed_metrics = metrics[metrics["assignment"].isin(detailed)]
    save_figure(assignments_plot_path, plot_assignments(assignment_table(metrics, dict.fromkeys(assignments, {}))))
    save_figure(categories_plot_path, plot_categories(category_table(detailed_metrics)))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            metrics_path=snakemake.input.metrics,
            assignments=snakemake.params.assignments,
            detailed=snakemake.params.detailed,
            assignments_plot_path=snakemake.output.assignments,
            categories_plot_path=snakemake.output.categories,
        )

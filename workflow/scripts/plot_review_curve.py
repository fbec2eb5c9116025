"""Plot how the accuracy of tags grows with a person's corrections."""

from aisi.formats.review_curve import read_review_curve
from aisi.progress import log_to
from aisi.report.plots import plot_review_curve, save_figure


def main(curve_path, figure_path):
    """Plot both orders, and the corrections alone."""
    save_figure(figure_path, plot_review_curve(read_review_curve(curve_path)))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(curve_path=snakemake.input.curve, figure_path=snakemake.output.figure)

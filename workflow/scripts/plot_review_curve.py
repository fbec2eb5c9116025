"""Plot how the accuracy of tags grows with a person's corrections."""

from aisi.formats.review_curve import read_review_curve
from aisi.progress import log_to
from aisi.report.plots import plot_review_curve, save_figure


def main(curve, figure):
    """Draw both orders, and what the corrections alone would give."""
    save_figure(figure, plot_review_curve(read_review_curve(curve)))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(curve=snakemake.input.curve, figure=snakemake.output.figure)

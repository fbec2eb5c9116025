"""Plot how many instances show an object, by what the detector's score and the objectness say."""

from aisi.formats.objectness import read_calibration
from aisi.progress import log_to
from aisi.report.plots import plot_calibration, save_figure


def main(calibration_path, figure_path):
    """Plot both scores of the photos of one file."""
    save_figure(figure_path, plot_calibration(read_calibration(calibration_path)))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(calibration_path=snakemake.input.calibration, figure_path=snakemake.output.figure)

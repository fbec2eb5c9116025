"""Plot the loss of each training."""

from aisi.formats.training_log import read_training_log
from aisi.progress import log_to
from aisi.report.plots import plot_training, save_figure


def main(names, log_paths, figure_path):
    """Plot a panel for each network."""
    logs = {name: read_training_log(path) for name, path in zip(names, log_paths, strict=True)}
    save_figure(figure_path, plot_training(logs))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(names=snakemake.params.names, log_paths=snakemake.input.logs, figure_path=snakemake.output.figure)

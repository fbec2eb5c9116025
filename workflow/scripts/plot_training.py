"""Plot the loss of each training."""

import pandas as pd

from aisi.progress import log_to
from aisi.report.plots import plot_training, save_figure


def main(names, logs, output):
    """One panel for each network."""
    save_figure(output, plot_training({name: pd.read_csv(log) for name, log in zip(names, logs, strict=True)}))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(names=snakemake.params.names, logs=snakemake.input.logs, output=snakemake.output.figure)

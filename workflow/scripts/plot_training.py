"""Plot the loss of each training."""

import pandas as pd
from aisi.plots import plot_training, save_figure
from aisi.progress import log_to


def main(logs, output):
    """``logs`` maps each network's name to its training log."""
    save_figure(output, plot_training({name: pd.read_csv(path) for name, path in logs.items()}))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(logs=dict(snakemake.input.items()), output=snakemake.output.figure)

"""Write a trained network as one file that knows its categories and settings."""

from aisi.formats.dataset import read_categories
from aisi.progress import log_to
from aisi.training.weights import load_weights, save_weights


def main(weights_path, categories_path, kind, prediction, model_path):
    """``prediction``: the block of the config."""
    categories = read_categories(categories_path)
    state, architecture = load_weights(weights_path, kind)
    known = {key: list(getattr(categories, key)) for key in ("names", "ids", "colours")}
    save_weights(model_path, state, architecture, model={"categories": known, "prediction": prediction})


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            weights_path=snakemake.input.weights,
            categories_path=snakemake.input.categories,
            kind=snakemake.params.kind,
            prediction=snakemake.params.prediction,
            model_path=snakemake.output.model,
        )

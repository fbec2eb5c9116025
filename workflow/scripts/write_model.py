"""Write a trained network as one file that knows its categories and settings, and its model card."""

from aisi.files import atomic
from aisi.formats.coco import read_instances
from aisi.formats.dataset import read_categories
from aisi.model_card import model_card
from aisi.progress import log_to
from aisi.training.weights import load_weights, save_weights


def main(weights_path, categories_path, instances_path, kind, dataset, network, seed, model_path, card_path):
    """``network``: the block of the config that describes architecture, training and prediction."""
    categories = read_categories(categories_path)
    state, architecture = load_weights(weights_path, kind)
    known = {key: list(getattr(categories, key)) for key in ("names", "ids", "colours")}
    model = {"categories": known, "prediction": network["prediction"]}
    save_weights(model_path, state, architecture, model=model)
    with atomic(card_path) as temporary:
        instances = read_instances(instances_path, categories)
        temporary.write_text(model_card(dataset, categories.names, instances, network, seed), encoding="utf-8")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            weights_path=snakemake.input.weights,
            categories_path=snakemake.input.categories,
            instances_path=snakemake.input.instances,
            kind=snakemake.params.kind,
            dataset=snakemake.params.dataset,
            network=snakemake.params.network,
            seed=int(snakemake.wildcards.seed),
            model_path=snakemake.output.model,
            card_path=snakemake.output.card,
        )

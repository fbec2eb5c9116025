"""Write the model card of a trained network."""

from aisi.files import atomic
from aisi.formats.coco import read_instances
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.metrics import read_metrics
from aisi.model_card import commit_of_code, model_card
from aisi.progress import log_to


def main(images_paths, categories_path, instances_path, metrics_path, dataset, network, seed, card_path):
    """``network``: the block of the config that describes architecture, training and prediction."""
    categories = read_categories(categories_path)
    text = model_card(
        dataset,
        categories.names,
        read_images(*images_paths)["keywords"],
        read_instances(instances_path, categories),
        network,
        seed,
        read_metrics(metrics_path) if metrics_path else None,
        commit_of_code(),
    )
    with atomic(card_path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            categories_path=snakemake.input.categories,
            instances_path=snakemake.input.instances,
            metrics_path=snakemake.input.metrics or None,
            dataset=snakemake.params.dataset,
            network=snakemake.params.network,
            seed=int(snakemake.wildcards.seed),
            card_path=snakemake.output.card,
        )

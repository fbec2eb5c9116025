"""Import the score of every instance and keyword of one shard from another method."""

from aisi.dataset.imported import imported_scores
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances
from aisi.formats.scores import write_scores
from aisi.progress import log_to


def main(images_path, categories_path, salient_instances_path, table_path, origin, scores_path):
    """Write the scores in the order of the instances; ``origin`` says in the file where they come from."""
    instances = read_salient_instances(salient_instances_path, masks=False)
    scores = imported_scores(table_path, read_images(images_path), instances, read_categories(categories_path))
    write_scores(scores_path, scores, instances.rows, origin)
    print(f"{len(scores.scores)} scores of {len(instances)} instances.")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_path=snakemake.input.images,
            categories_path=snakemake.input.categories,
            salient_instances_path=snakemake.input.salient_instances,
            table_path=snakemake.input.table,
            origin=snakemake.params.origin,
            scores_path=snakemake.output.scores,
        )

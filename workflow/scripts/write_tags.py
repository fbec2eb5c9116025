"""Write the tag of every instance, from the solved batches, as one table."""

from pathlib import Path

from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances
from aisi.formats.partition import read_partition
from aisi.formats.scores import read_scores
from aisi.formats.tags import write_tags
from aisi.partition.tags import tag_table
from aisi.progress import log_to


def main(partition_folders, salient_instances_paths, scores_paths, images_paths, categories_path, tags_path):
    """Collect the batches of all jobs."""
    paths = [path for folder in partition_folders for path in sorted(Path(folder).glob("batch_*.npz"))]
    instances = read_salient_instances(*salient_instances_paths, masks=False)
    batches = [read_partition(path, rows=instances.rows) for path in paths]
    scores, images, categories = (
        read_scores(*scores_paths, rows=instances.rows),
        read_images(*images_paths),
        read_categories(categories_path),
    )
    write_tags(tags_path, tag_table(batches, instances, scores, images, categories))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            partition_folders=snakemake.input.partitions,
            salient_instances_paths=snakemake.input.salient_instances,
            scores_paths=snakemake.input.scores,
            images_paths=snakemake.input.images,
            categories_path=snakemake.input.categories,
            tags_path=snakemake.output.tags,
        )

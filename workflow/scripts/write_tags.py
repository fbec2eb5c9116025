"""Write the tag of every instance, batch by batch solved, as one table."""

from pathlib import Path

from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances
from aisi.formats.partition import read_partition
from aisi.formats.scores import read_scores
from aisi.formats.tags import write_tags
from aisi.partition.tags import tag_table
from aisi.progress import log_to


def main(partitions, salient_instances, scores, images, categories, output):
    """Gather the batches of all jobs."""
    batches = [read_partition(path) for folder in partitions for path in sorted(Path(folder).glob("batch_*.npz"))]
    instances = read_salient_instances(*salient_instances, masks=False)
    tags = tag_table(batches, instances, read_scores(*scores), read_images(*images), read_categories(categories))
    write_tags(output, tags)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            partitions=snakemake.input.partitions,
            salient_instances=snakemake.input.salient_instances,
            scores=snakemake.input.scores,
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            output=snakemake.output.tags,
        )

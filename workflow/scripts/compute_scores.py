"""Average attention inside the boxes of salient instances, one shard."""

from aisi.attention.scores import score_instances
from aisi.formats.attention import open_attention
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances
from aisi.formats.scores import write_scores
from aisi.progress import log_to


def main(images, categories, salient_instances, attention, output):
    """Write p of every instance and keyword (PAPER §3.1 eq. 2)."""
    instances = read_salient_instances(salient_instances)
    with open_attention(attention) as maps:
        scores = score_instances(read_images(images), read_categories(categories), instances, maps)
    write_scores(output, scores)
    print(f"{len(scores.scores)} scores of {len(instances)} instances.")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            salient_instances=snakemake.input.salient_instances,
            attention=snakemake.input.attention,
            output=snakemake.output.scores,
        )

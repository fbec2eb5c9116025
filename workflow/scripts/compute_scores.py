"""Average the attention inside the boxes of salient instances, one shard."""

from aisi.attention.scores import score_instances
from aisi.formats.attention import open_attention
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances
from aisi.formats.scores import write_scores
from aisi.progress import log_to


def main(images_path, categories_path, salient_instances_path, attention_path, scores_path):
    """Write p of every instance and keyword (PAPER §3.1 eq. 2)."""
    instances = read_salient_instances(salient_instances_path)
    with open_attention(attention_path) as maps:
        scores = score_instances(read_images(images_path), read_categories(categories_path), instances, maps)
    write_scores(scores_path, scores, instances.rows)
    print(f"{len(scores.scores)} scores of {len(instances)} instances.")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_path=snakemake.input.images,
            categories_path=snakemake.input.categories,
            salient_instances_path=snakemake.input.salient_instances,
            attention_path=snakemake.input.attention,
            scores_path=snakemake.output.scores,
        )

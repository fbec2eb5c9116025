"""Measure how the accuracy of tags grows with a person's corrections, the person being the true masks."""

from aisi.evaluation.ground_truth import photos_with_masks
from aisi.formats.dataset import read_images
from aisi.formats.graph import read_graph
from aisi.formats.instances import read_salient_instances
from aisi.formats.review_curve import write_review_curve
from aisi.formats.scores import read_scores
from aisi.formats.tags import read_tags
from aisi.partition.tags import Objective
from aisi.progress import log_to
from aisi.report.review_curve import review_curve


def main(
    images, graph, scores, instances, tags, oracle, masks, shares, random_orders, seed, objective, settings, output
):
    """Solve around the first corrections, for each share and order."""
    tags, oracle = read_tags(tags), read_tags(oracle)
    if not tags[["image_id", "instance_id"]].equals(oracle[["image_id", "instance_id"]]):
        raise ValueError("Tags and true tags are of different instances: delete both files and run the workflow again.")
    evaluated = tags["image_id"].isin(photos_with_masks(read_images(*images), masks)["image_id"]).to_numpy()
    graph, scores, true_labels = read_graph(graph), read_scores(*scores), oracle["label"].to_numpy()
    scores = objective.weigh(scores, read_salient_instances(*instances, masks=False).scores)
    curve = review_curve(
        graph, scores, tags, true_labels, evaluated, shares, random_orders, seed, beta=objective.beta, **settings
    )
    write_review_curve(output, curve)
    print(curve.to_string(index=False))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            graph=snakemake.input.graph,
            scores=snakemake.input.scores,
            instances=snakemake.input.salient_instances,
            tags=snakemake.input.tags,
            oracle=snakemake.input.oracle,
            masks=snakemake.input.masks,
            shares=snakemake.params.shares,
            random_orders=snakemake.params.random_orders,
            seed=snakemake.params.seed,
            objective=Objective(
                beta=snakemake.params.beta,
                balance_categories=snakemake.params.balance_categories,
                objectness_weight=snakemake.params.objectness_weight,
            ),
            settings={
                "retention": snakemake.params.r,
                "solver": snakemake.params.solver,
                "gap": snakemake.params.gap,
            },
            output=snakemake.output.curve,
        )

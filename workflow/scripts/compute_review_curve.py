"""Measure how the accuracy of tags grows with a person's corrections, the person being the true masks."""

from aisi.evaluation.ground_truth import photos_with_masks
from aisi.formats.dataset import read_images
from aisi.formats.graph import read_graph
from aisi.formats.instances import read_salient_instances
from aisi.formats.objectness import read_objectness
from aisi.formats.review_curve import write_review_curve
from aisi.formats.scores import read_scores
from aisi.formats.tags import read_tags
from aisi.partition.tags import Objective, choose_retention
from aisi.progress import log_to
from aisi.report.review_curve import review_curve


def main(images, graph, scores, instances, objectness, tags, oracle, masks, orders, objective, r, options, output):
    """Solve around the first corrections, for each share and order."""
    instances = read_salient_instances(*instances, masks=objective.overlap_penalty > 0)
    rows = instances.rows
    tags, oracle = read_tags(tags, rows), read_tags(oracle, rows)
    evaluated = tags["image_id"].isin(photos_with_masks(read_images(*images), masks)["image_id"]).to_numpy()
    graph, scores, true_labels = read_graph(graph, rows=rows), read_scores(*scores, rows=rows), oracle["label"]
    objectness = read_objectness(objectness, instances)
    options |= {"beta": objective.beta, "retention": choose_retention(r, objectness, scores)}
    options |= {"photos": objective.of_photos(instances)}
    scores, true_labels = objective.weigh(scores, objectness), true_labels.to_numpy()
    curve = review_curve(graph, scores, tags, true_labels, evaluated, **orders, **options)
    write_review_curve(output, curve)
    print(curve.to_string(index=False))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            graph=snakemake.input.graph,
            scores=snakemake.input.scores,
            instances=snakemake.input.salient_instances,
            objectness=snakemake.input.get("objectness", []),
            tags=snakemake.input.tags,
            oracle=snakemake.input.oracle,
            masks=snakemake.input.masks,
            orders={
                "shares": snakemake.params.shares,
                "n_random": snakemake.params.random_orders,
                "seed": snakemake.params.seed,
            },
            objective=Objective(
                beta=snakemake.params.beta,
                balance_categories=snakemake.params.balance_categories,
                objectness_weight=snakemake.params.objectness_weight,
                overlap_penalty=snakemake.params.overlap_penalty,
                presence_reward=snakemake.params.presence_reward,
            ),
            r=snakemake.params.r,
            options={"solver": snakemake.params.solver, "gap": snakemake.params.gap},
            output=snakemake.output.curve,
        )

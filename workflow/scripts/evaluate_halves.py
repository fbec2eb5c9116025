"""Choose settings of graph and partition on one half of the photos, and evaluate them on the other half."""

from aisi.evaluation.ground_truth import photos_with_masks
from aisi.evaluation.halves import Split, combinations, evaluate_halves, halves_table
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.features import read_features
from aisi.formats.instances import read_salient_instances
from aisi.formats.objectness import read_objectness
from aisi.formats.scores import read_scores
from aisi.formats.tags import read_tags
from aisi.progress import log_to
from aisi.report.tables import experiment_page, save_page, save_table, with_headings


def main(
    images_paths,
    salient_instances_paths,
    objectness_paths,
    features_paths,
    scores_paths,
    oracle_path,
    categories_path,
    masks_folder,
    seeds,
    grid,
    configured,
    solver,
    gap,
    title,
    command,
    notes,
    figures_path,
    table_path,
    page_path,
):
    """``scores_paths``: one file after the other, each for all seeds. Every other photo is in the first half."""
    instances, categories = read_salient_instances(*salient_instances_paths), read_categories(categories_path)
    rows = instances.rows
    objectness, features = read_objectness(objectness_paths, instances), read_features(*features_paths, rows=rows)
    oracle = read_tags(oracle_path, rows, categories)
    split = Split(read_images(*images_paths), categories, instances, objectness, features, oracle)
    scores = {seed: read_scores(*scores_paths[place :: len(seeds)], rows=rows) for place, seed in enumerate(seeds)}
    chosen_from = combinations(grid, configured)
    image_ids = photos_with_masks(split.photos, masks_folder)["image_id"]
    figures = evaluate_halves(split, image_ids, scores, chosen_from, configured, masks_folder, solver, gap)
    table = with_headings(halves_table(figures, chosen_from, configured))
    save_table(figures_path, figures)
    save_table(table_path, table)
    save_page(page_path, experiment_page(title, command, table, notes))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            salient_instances_paths=snakemake.input.salient_instances,
            objectness_paths=snakemake.input.get("objectness", []),
            features_paths=snakemake.input.features,
            scores_paths=snakemake.input.scores,
            oracle_path=snakemake.input.oracle,
            categories_path=snakemake.input.categories,
            masks_folder=snakemake.input.masks,
            seeds=snakemake.params.seeds,
            grid=snakemake.params.grid,
            configured=snakemake.params.configured,
            solver=snakemake.params.solver,
            gap=snakemake.params.gap,
            title=snakemake.params.title,
            command=snakemake.params.command,
            notes=snakemake.params.notes,
            figures_path=snakemake.output.figures,
            table_path=snakemake.output.table,
            page_path=snakemake.output.page,
        )

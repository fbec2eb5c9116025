"""Say where the proxies of an assignment lose their mIoU: table, figure and page."""

from aisi.evaluation.ground_truth import photos_with_masks, read_truth
from aisi.evaluation.losses import loss_table
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.tags import read_tags
from aisi.progress import log_to
from aisi.proxy_masks import read_shards, tagged_photos
from aisi.report.plots import plot_losses, save_figure
from aisi.report.tables import losses_page, save_page, save_table


def main(tags, images, salient_instances, categories, masks, objects, title, command, table, figure, page):
    """``tags``: those of the true masks, of the assignment, and of it with r = 1; ``objects`` may be None."""
    categories, photos = read_categories(categories), read_images(*images)
    with_masks, names = photos_with_masks(photos, masks), categories.names
    with_objects = photos_with_masks(with_masks, objects) if objects else with_masks[:0]
    shards = list(read_shards(images, salient_instances))
    tagged = zip(
        *(tagged_photos(shards, read_tags(path, categories=categories), categories) for path in tags), strict=True
    )
    truths = read_truth(photos, with_masks, with_objects, masks, objects, len(names))
    losses = loss_table(with_labels(tagged, truths), names)
    save_table(table, losses)
    save_figure(figure, plot_losses(losses))
    save_page(page, losses_page(title, command, losses))


def with_labels(tagged, truths):
    """Truth, true objects, masks and the labels of the three, of the photos that have a truth."""
    for photos, (truth, objects) in zip(tagged, truths, strict=True):
        if truth is not None:
            yield truth, objects and objects[:2], photos[0].masks, [photo.labels for photo in photos]


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            tags=snakemake.input.tags,
            images=snakemake.input.images,
            salient_instances=snakemake.input.salient_instances,
            categories=snakemake.input.categories,
            masks=snakemake.input.masks,
            objects=snakemake.input.objects or None,
            title=snakemake.params.title,
            command=snakemake.params.command,
            table=snakemake.output.table,
            figure=snakemake.output.figure,
            page=snakemake.output.page,
        )

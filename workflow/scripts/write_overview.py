"""Write the first page of the report: the photos of each keyword with their masks, what is missing, and the words."""

from aisi.formats.dataset import read_categories, read_images
from aisi.formats.tags import read_tags
from aisi.labels import NOISY
from aisi.photos import read_photo
from aisi.progress import log_to
from aisi.proxy_masks import proxy_mask, read_shards, tagged_photos
from aisi.report.examples import label_colours, labels_in, overlay
from aisi.report.overview import choose_photos, keyword_table, overview_page, picture
from aisi.report.plots import plot_keywords, save_figure
from aisi.report.tables import save_page


def main(
    images_paths, roots, salient_instances_paths, tags_path, categories_path, name, places, page_path, figure_path
):
    """``places``: what to find where, words to a path or a command."""
    images, categories = read_images(*images_paths, roots=roots), read_categories(categories_path)
    tags = read_tags(tags_path, categories=categories)
    table, chosen = keyword_table(images, tags, categories), choose_photos(tags, categories)
    drawn = {image_id for photos in chosen.values() for image_id in photos}
    path_of, figures = dict(zip(images["image_id"], images["path"], strict=True)), {}
    colours = label_colours(categories)
    shards = read_shards(images_paths, salient_instances_paths)
    for photo in tagged_photos(shards, tags, categories):
        if photo.image_id in drawn:
            mask = proxy_mask(photo.masks, photo.labels, photo.keywords, "background", "background")
            address = picture(overlay(read_photo(path_of[photo.image_id]), mask, colours, 0.5))
            found = [categories.name_of[label] for label in sorted(labels_in([mask]))]
            figures[photo.image_id] = photo.image_id, address, found
    pictures = {word: [figures[image_id] for image_id in photos] for word, photos in chosen.items()}
    with_mask = set(tags.loc[tags["label"] != NOISY, "image_id"])
    without_mask = sorted(set(images["image_id"]) - with_mask)
    page = overview_page(name, table, categories, pictures, without_mask, len(images), places)
    save_page(page_path, page)
    save_figure(figure_path, plot_keywords(table, tags))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            roots=snakemake.params.roots,
            salient_instances_paths=snakemake.input.salient_instances,
            tags_path=snakemake.input.tags,
            categories_path=snakemake.input.categories,
            name=snakemake.params.name,
            places=snakemake.params.places,
            page_path=snakemake.output.page,
            figure_path=snakemake.output.figure,
        )

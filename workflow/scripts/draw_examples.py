"""Draw the example photos of the training split with what each stage made of them."""

import pandas as pd

from aisi.evaluation.ground_truth import read_if_there
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.instances import read_salient_instances
from aisi.formats.tags import read_tags
from aisi.photos import read_photo
from aisi.progress import log_to
from aisi.proxy_masks import tagged_photos
from aisi.report.examples import draw_grid, draw_maps, draw_stages, label_colours
from aisi.report.plots import save_figure


def main(examples, notes, images, salient_instances, tags, categories, label_maps, titles, output):
    """A row for each example, in their order; columns photo, instances and tags, then one for each ``label_maps``."""
    categories, tags = read_categories(categories), read_tags(tags)
    names, colours = categories.names, label_colours(categories)
    notes = dict(pd.read_csv(notes, dtype=str).itertuples(index=False)) if notes else {}
    examples = {photo.image_id: photo for photo in read_images(examples).itertuples()}
    shards = zip(map(read_images, images), map(read_salient_instances, salient_instances), strict=True)
    rows = dict.fromkeys(examples)
    for tagged in tagged_photos(shards, tags, categories):
        if photo := examples.get(tagged.image_id):
            picture, maps = read_photo(photo.path), [read_if_there(folder, photo) for folder in label_maps]
            panels = draw_stages(picture, tagged, colours, names) + draw_maps(picture, maps, colours)
            caption = [notes.get(photo.image_id), photo.image_id, ", ".join(photo.keywords)]
            rows[photo.image_id] = ": ".join(filter(None, caption)), panels
    save_figure(output, draw_grid(list(rows.values()), ["photo", "instances", "tags", *titles]))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            examples=snakemake.input.examples,
            notes=snakemake.input.notes,
            images=snakemake.input.images,
            salient_instances=snakemake.input.salient_instances,
            tags=snakemake.input.tags,
            categories=snakemake.input.categories,
            label_maps=snakemake.input.label_maps,
            titles=snakemake.params.titles,
            output=snakemake.output.figure,
        )

"""Draw example photos of the training split with the results of each stage."""

from aisi.evaluation.ground_truth import read_if_there
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.example_notes import read_example_notes
from aisi.formats.tags import read_tags
from aisi.photos import read_photo
from aisi.progress import log_to
from aisi.proxy_masks import read_shards, tagged_photos
from aisi.report.examples import draw_grid, draw_maps, draw_stages, label_colours, labels_in, legend_of
from aisi.report.plots import save_figure


def main(
    examples_path,
    roots,
    notes_path,
    images_paths,
    salient_instances_paths,
    tags_path,
    categories_path,
    label_maps_folders,
    titles,
    figure_path,
):
    """Draw a row for each example, in their order: photo, instances, tags, then a column for each label map."""
    categories = read_categories(categories_path)
    tags = read_tags(tags_path, categories=categories)
    colours = label_colours(categories)
    notes = read_example_notes(notes_path) if notes_path else {}
    examples = {photo.image_id: photo for photo in read_images(examples_path, roots=roots).itertuples()}
    shards = read_shards(images_paths, salient_instances_paths)
    rows, labels = dict.fromkeys(examples), set()
    for tagged in tagged_photos(shards, tags, categories):
        if photo := examples.get(tagged.image_id):
            pixels, maps = read_photo(photo.path), [read_if_there(folder, photo) for folder in label_maps_folders]
            panels = draw_stages(pixels, tagged, colours, categories.names) + draw_maps(pixels, maps, colours)
            caption = [notes.get(photo.image_id), photo.image_id, ", ".join(photo.keywords)]
            rows[photo.image_id] = ": ".join(filter(None, caption)), panels
            labels |= {*tagged.labels.tolist(), *labels_in(maps)}
    columns = ["photo", "instances\n(colours mean nothing)", "tags", *titles]
    save_figure(figure_path, draw_grid(list(rows.values()), columns, legend_of(labels, categories)))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            examples_path=snakemake.input.examples,
            roots=snakemake.params.roots,
            notes_path=snakemake.input.notes,
            images_paths=snakemake.input.images,
            salient_instances_paths=snakemake.input.salient_instances,
            tags_path=snakemake.input.tags,
            categories_path=snakemake.input.categories,
            label_maps_folders=snakemake.input.label_maps,
            titles=snakemake.params.titles,
            figure_path=snakemake.output.figure,
        )

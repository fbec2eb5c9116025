"""Draw photos of the validation split with the predictions of the trained networks."""

from aisi.evaluation.ground_truth import read_if_there
from aisi.formats.dataset import read_categories, read_images
from aisi.photos import read_photo
from aisi.progress import log_to
from aisi.report.examples import draw_grid, draw_maps, label_colours, labels_in, legend_of, shrink
from aisi.report.plots import save_figure


def main(examples_path, roots, categories_path, label_maps_folders, titles, figure_path):
    """Draw columns: photo, then one for each folder of label maps."""
    categories = read_categories(categories_path)
    colours, rows, labels = label_colours(categories), [], set()
    for photo in read_images(examples_path, roots=roots).itertuples():
        pixels, maps = read_photo(photo.path), [read_if_there(folder, photo) for folder in label_maps_folders]
        rows.append((photo.image_id, [(shrink(pixels), []), *draw_maps(pixels, maps, colours)]))
        labels |= labels_in(maps)
    save_figure(figure_path, draw_grid(rows, ["photo", *titles], legend_of(labels, categories)))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            examples_path=snakemake.input.examples,
            roots=snakemake.params.roots,
            categories_path=snakemake.input.categories,
            label_maps_folders=snakemake.input.label_maps,
            titles=snakemake.params.titles,
            figure_path=snakemake.output.figure,
        )

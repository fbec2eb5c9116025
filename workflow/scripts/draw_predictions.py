"""Draw photos of the validation split with the predictions of the trained networks."""

from aisi.evaluation.ground_truth import read_if_there
from aisi.formats.dataset import read_categories, read_images
from aisi.photos import read_photo
from aisi.progress import log_to
from aisi.report.examples import draw_grid, draw_maps, label_colours, shrink
from aisi.report.plots import save_figure


def main(examples, categories, label_maps, titles, output):
    """Columns photo, then one for each folder of ``label_maps``."""
    colours, rows = label_colours(read_categories(categories)), []
    for photo in read_images(examples).itertuples():
        picture, maps = read_photo(photo.path), [read_if_there(folder, photo) for folder in label_maps]
        rows.append((photo.image_id, [(shrink(picture), []), *draw_maps(picture, maps, colours)]))
    save_figure(output, draw_grid(rows, ["photo", *titles]))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            examples=snakemake.input.examples,
            categories=snakemake.input.categories,
            label_maps=snakemake.input.label_maps,
            titles=snakemake.params.titles,
            output=snakemake.output.figure,
        )

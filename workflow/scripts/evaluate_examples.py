"""Choose the photos with the best, the worst and the least certain proxy masks, by true masks and margins."""

from aisi.evaluation.assignments import photo_iou
from aisi.evaluation.ground_truth import photos_with_masks, read_label_map
from aisi.files import inside
from aisi.formats.dataset import read_categories, read_images, write_images
from aisi.formats.example_notes import write_example_notes
from aisi.formats.tags import read_tags
from aisi.progress import log_to, progress
from aisi.report.examples import choose_extremes


def main(proxies_folder, tags_path, images_paths, categories_path, masks_folder, n, examples_path, notes_path):
    """Choose n of each kind among the photos with a true mask and a proxy mask; the notes say why."""
    n_labels = len(read_categories(categories_path))
    photos = photos_with_masks(read_images(*images_paths), masks_folder)
    photos = photos[[inside(proxies_folder, f"{image_id}.png").is_file() for image_id in photos["image_id"]]]
    ious = []
    for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
        truth, proxy = (read_label_map(folder, photo, n_labels) for folder in (masks_folder, proxies_folder))
        ious.append(photo_iou(truth, proxy, n_labels))
    examples, notes = choose_extremes(photos, ious, read_tags(tags_path), n)
    write_images(examples_path, examples)
    write_example_notes(notes_path, notes)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            proxies_folder=snakemake.input.proxies,
            tags_path=snakemake.input.tags,
            images_paths=snakemake.input.images,
            categories_path=snakemake.input.categories,
            masks_folder=snakemake.input.masks,
            n=snakemake.params.n,
            examples_path=snakemake.output.images,
            notes_path=snakemake.output.notes,
        )

"""Choose the photos on which the proxies are best, worst and least certain, by the true masks and the margins."""

from aisi.evaluation.assignments import photo_iou
from aisi.evaluation.ground_truth import photos_with_masks, read_label_map
from aisi.files import atomic, inside
from aisi.formats.dataset import read_categories, read_images, write_images
from aisi.formats.tags import read_tags
from aisi.progress import log_to, progress
from aisi.report.examples import choose_extremes


def main(proxies, tags, images, categories, masks, n, output, notes):
    """Of the photos with a true mask and a proxy, n of each kind; ``notes``: why each was chosen."""
    n_labels = len(read_categories(categories))
    judged = photos_with_masks(read_images(*images), masks)
    judged = judged[[inside(proxies, f"{image_id}.png").is_file() for image_id in judged["image_id"]]]
    ious = [
        photo_iou(read_label_map(masks, photo, n_labels), read_label_map(proxies, photo, n_labels), n_labels)
        for photo in progress(judged.itertuples(), total=len(judged), unit="photo")
    ]
    chosen, reasons = choose_extremes(judged, ious, read_tags(tags), n)
    write_images(output, chosen)
    with atomic(notes) as temporary:
        reasons.to_csv(temporary, index=False, lineterminator="\n")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            proxies=snakemake.input.proxies,
            tags=snakemake.input.tags,
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            masks=snakemake.input.masks,
            n=snakemake.params.n,
            output=snakemake.output.images,
            notes=snakemake.output.notes,
        )

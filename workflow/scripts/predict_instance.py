"""Find the instances in the photos of the validation split with a trained Mask R-CNN."""

from aisi.formats.coco import write_coco_results
from aisi.formats.dataset import read_categories, read_images
from aisi.photos import read_photo
from aisi.progress import log_to, progress
from aisi.segmenters.mask_rcnn import coco_results, load_segmenter, predict
from aisi.training.augmentation import read_ahead
from aisi.training.weights import pick_device


def main(images, categories, weights, score_threshold, nms_iou, max_instances, threads, output):
    """Write COCO's results, with the dataset's own category_id."""
    photos, category_ids = read_images(*images), read_categories(categories).ids
    model = load_segmenter(weights, pick_device(threads), len(category_ids))
    pictures = progress(read_ahead(read_photo, photos["path"]), total=len(photos), unit="photo")
    results = []
    for image_id, photo in zip(photos["image_id"], pictures, strict=True):
        results += coco_results(image_id, *predict(model, photo, score_threshold, nms_iou, max_instances), category_ids)
    write_coco_results(output, results)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            categories=snakemake.input.categories,
            weights=snakemake.input.weights,
            score_threshold=snakemake.params.score_threshold,
            nms_iou=snakemake.params.nms_iou,
            max_instances=snakemake.params.max_instances,
            threads=snakemake.threads,
            output=snakemake.output.predictions,
        )

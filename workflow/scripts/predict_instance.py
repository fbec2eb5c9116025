"""Find the instances in the photos of the validation split with a trained Mask R-CNN."""

from aisi.formats.coco import write_coco_results
from aisi.formats.dataset import read_categories, read_coco_ids, read_images
from aisi.photos import read_photo
from aisi.progress import log_to, progress
from aisi.segmenters.mask_rcnn import coco_results, load_segmenter, predict
from aisi.training.augmentation import read_ahead
from aisi.training.weights import pick_device


def main(
    images_paths,
    roots,
    ids_path,
    categories_path,
    weights_path,
    score_threshold,
    nms_iou,
    max_instances,
    threads,
    predictions_path,
):
    """Write COCO's results with the dataset's own category_id, and with its own image ids if ``ids_path`` has them."""
    table, category_ids = read_images(*images_paths, roots=roots), read_categories(categories_path).ids
    model = load_segmenter(weights_path, pick_device(threads), len(category_ids))
    photos = progress(read_ahead(read_photo, table["path"]), total=len(table), unit="photo")
    coco_ids = read_coco_ids(ids_path) if ids_path else {}
    results = []
    for image_id, photo in zip(table["image_id"], photos, strict=True):
        labels, scores, masks = predict(model, photo, score_threshold, nms_iou, max_instances)
        results += coco_results(coco_ids.get(image_id, image_id), labels, scores, masks, category_ids)
    write_coco_results(predictions_path, results)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            roots=snakemake.params.roots,
            ids_path=snakemake.input.ids or None,
            categories_path=snakemake.input.categories,
            weights_path=snakemake.input.weights,
            score_threshold=snakemake.params.score_threshold,
            nms_iou=snakemake.params.nms_iou,
            max_instances=snakemake.params.max_instances,
            threads=snakemake.threads,
            predictions_path=snakemake.output.predictions,
        )

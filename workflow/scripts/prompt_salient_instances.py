"""Refine the salient instances of one shard's photos, and find more, with a promptable segmenter."""

from aisi.formats.attention import open_attention
from aisi.formats.dataset import read_images
from aisi.formats.instances import new_salient_instances, read_salient_instances, rows_by_photo
from aisi.photos import read_photo
from aisi.progress import log_to, progress
from aisi.salient_instances.promptable import PromptableSegmenter
from aisi.salient_instances.prompts import prompt_instances
from aisi.training.augmentation import read_ahead

SETTINGS = ("grid", "max_covered", "max_instances")


def main(images_path, roots, detected_path, attention_path, encoder_path, decoder_path, settings, threads, output_path):
    """Write boxes, masks and scores photo by photo, with the columns about the prompts."""
    segmenter = PromptableSegmenter(encoder_path, decoder_path, threads)
    table, detected = read_images(images_path, roots=roots), read_salient_instances(detected_path)
    rows_of, found = rows_by_photo(detected.image_ids), 0
    photos = progress(read_ahead(read_photo, table["path"]), total=len(table), unit="photo")
    with open_attention(attention_path) as attention, new_salient_instances(output_path, prompts=True) as writer:
        for image_id, photo in zip(table["image_id"], photos, strict=True):
            rows = rows_of.get(image_id, slice(0))
            own = detected.boxes[rows], detected.scores[rows], detected.masks[rows]
            _, maps = attention[image_id]
            boxes, scores, masks, source, stability, predicted_iou = prompt_instances(
                segmenter, photo, *own, maps, **settings
            )
            writer.append(
                image_id, boxes, scores, masks, source=source, stability=stability, predicted_iou=predicted_iou
            )
            found += len(boxes)
    print(f"{found} salient instances in {len(table)} photos, {found / max(1, len(table)):.2f} a photo.")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_path=snakemake.input.images,
            roots=snakemake.params.roots,
            detected_path=snakemake.input.detected,
            attention_path=snakemake.input.attention,
            encoder_path=snakemake.input.encoder,
            decoder_path=snakemake.input.decoder,
            settings={name: snakemake.params[name] for name in SETTINGS},
            threads=snakemake.threads,
            output_path=snakemake.output.salient_instances,
        )

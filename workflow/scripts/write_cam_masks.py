"""Write proxy masks from attention alone: a reference without instances."""

from pathlib import Path

from aisi.attention.cam import cam_mask
from aisi.files import inside
from aisi.formats.attention import open_attention
from aisi.formats.dataset import read_images
from aisi.formats.masks import write_labels
from aisi.progress import log_to, progress


def main(images_paths, attention_paths, threshold, masks_folder):
    """Photos get no proxy mask if no keyword has attention."""
    Path(masks_folder).mkdir(parents=True, exist_ok=True)
    for photos, path in zip(map(read_images, images_paths), attention_paths, strict=True):
        with open_attention(path) as maps:
            for photo in progress(photos.itertuples(), total=len(photos), unit="photo"):
                labels, own = maps[photo.image_id]
                mask = cam_mask(own, labels, (photo.height, photo.width), threshold)
                if mask is not None:
                    write_labels(inside(masks_folder, f"{photo.image_id}.png"), mask)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images_paths=snakemake.input.images,
            attention_paths=snakemake.input.attention,
            threshold=snakemake.params.threshold,
            masks_folder=snakemake.output.masks,
        )

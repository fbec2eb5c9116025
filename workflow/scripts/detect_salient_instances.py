"""Find the salient instances of one shard's photos with S4Net."""

from contextlib import nullcontext

from aisi.formats.attention import open_attention
from aisi.formats.dataset import read_images
from aisi.formats.instances import new_salient_instances
from aisi.photos import read_photo
from aisi.progress import log_to, progress
from aisi.salient_instances.detection import detect
from aisi.salient_instances.s4net import load_s4net
from aisi.training.augmentation import read_ahead
from aisi.training.weights import pick_device

SETTINGS = ("score_threshold", "max_instances", "nms_iou", "max_covered", "scales", "flip", "tiles")


def main(images, roots, weights, attention, settings, threads, output):
    """Write boxes, masks and scores photo by photo; a photo without any adds no row."""
    model = load_s4net(weights, pick_device(threads))
    photos, found = read_images(images, roots=roots), 0
    pictures = progress(read_ahead(read_photo, photos["path"]), total=len(photos), unit="photo")
    with new_salient_instances(output) as writer, open_attention(attention) if attention else nullcontext() as maps:
        for image_id, photo in zip(photos["image_id"], pictures, strict=True):
            instances = detect(model, photo, **settings, attention=maps[image_id][1] if maps else None)
            writer.append(image_id, *instances)
            found += len(instances[0])
    print(f"{found} salient instances in {len(photos)} photos, {found / max(1, len(photos)):.2f} a photo.")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            roots=snakemake.params.roots,
            weights=snakemake.input.weights,
            attention=snakemake.input.attention,
            settings={name: snakemake.params[name] for name in SETTINGS},
            threads=snakemake.threads,
            output=snakemake.output.salient_instances,
        )

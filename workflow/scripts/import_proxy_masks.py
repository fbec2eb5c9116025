"""Import the proxy masks of another method: label maps of the training photos."""

from pathlib import Path

from aisi.evaluation.ground_truth import read_label_map
from aisi.evaluation.metrics import metric_table
from aisi.files import inside
from aisi.formats.dataset import read_categories, read_images
from aisi.formats.masks import write_image_set, write_labels
from aisi.formats.metrics import write_metrics
from aisi.planning.protocols import PIXELS
from aisi.progress import log_to, progress
from aisi.proxy_masks import PixelShares


def main(given_folder, images_paths, categories_path, head, masks_folder, list_path, shares_path):
    """Check size and labels of each PNG and copy it. A photo without one gets no proxy mask."""
    photos, n_labels = read_images(*images_paths), len(read_categories(categories_path))
    found = [photo for photo in photos.itertuples() if inside(given_folder, f"{photo.image_id}.png").is_file()]
    if not found:
        raise ValueError(
            f"{given_folder}: none of {len(photos)} photos has a PNG here, expected for example "
            f"{photos['image_id'].iloc[0]}.png. Correct the path, or rename the files."
        )
    print(f"{len(found)} of {len(photos)} photos have a proxy mask.")
    Path(masks_folder).mkdir(parents=True, exist_ok=True)
    shares = PixelShares()
    for photo in progress(found, unit="photo"):
        labels = read_label_map(given_folder, photo, n_labels)
        write_labels(inside(masks_folder, f"{photo.image_id}.png"), labels)
        shares.add(labels)
    write_image_set(list_path, [photo.image_id for photo in found])
    write_metrics(shares_path, metric_table(shares.rows(), task="proxy_semantic", protocol=PIXELS, **head))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            given_folder=snakemake.input.given,
            images_paths=snakemake.input.images,
            categories_path=snakemake.input.categories,
            head={
                "assignment": snakemake.wildcards.assignment,
                "seed": snakemake.params.seed,
                "split": snakemake.params.split,
            },
            masks_folder=snakemake.output.masks,
            list_path=snakemake.output.listed,
            shares_path=snakemake.output.shares,
        )

"""Segment the photos of any folder with a trained network."""

from pathlib import Path

from aisi.predict import load_model, predict_photos
from aisi.progress import log_to


def main(model_path, root, threads, instances_path):
    """Write masks, overlays and instances beside ``instances_path``."""
    predict_photos(load_model(model_path, threads), [root], Path(instances_path).parent)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            model_path=snakemake.input.model,
            root=snakemake.input.photos,
            threads=snakemake.threads,
            instances_path=snakemake.output.instances,
        )

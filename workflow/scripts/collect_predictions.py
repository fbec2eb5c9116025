"""Join what a network found in the shards of new photos."""

import json
from pathlib import Path

from aisi.formats.files import Format, reading
from aisi.formats.seal import read_sealed
from aisi.predict import Predictions, load_categories, write_predictions
from aisi.progress import log_to


def main(model_path, part_paths, instances_path):
    """Write the tables of all photos beside ``instances_path``."""
    parts = [Predictions(**json.loads(read_part(path))) for path in part_paths]
    write_predictions(Path(instances_path).parent, parts, load_categories(model_path))


def read_part(path):
    """The text of a shard's predictions, as it was written."""
    with reading(path, Format("predictions", "predict_photos"), "predictions of a shard"):
        return read_sealed(path)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            model_path=snakemake.input.model,
            part_paths=snakemake.input.parts,
            instances_path=snakemake.output.instances,
        )

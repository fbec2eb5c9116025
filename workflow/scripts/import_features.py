"""Import the features of the salient instances of one shard from another method."""

from aisi.dataset.imported import imported_features
from aisi.formats.features import new_features
from aisi.formats.instances import read_salient_instances
from aisi.progress import log_to


def main(salient_instances_path, array_path, rows_path, origin, features_path):
    """Write a row for each instance; ``origin`` says in the file where they come from."""
    instances = read_salient_instances(salient_instances_path, masks=False)
    features = imported_features(array_path, rows_path, instances)
    with new_features(features_path, features.shape[1], instances.rows, origin) as append:
        append(features)
    print(f"{len(features)} instances with {features.shape[1]} features each.")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            salient_instances_path=snakemake.input.salient_instances,
            array_path=snakemake.input.array,
            rows_path=snakemake.input.rows,
            origin=snakemake.params.origin,
            features_path=snakemake.output.features,
        )

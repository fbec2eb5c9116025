"""Compute how surely each salient instance of a shard shows an object."""

from aisi.formats.instances import read_salient_instances
from aisi.formats.objectness import read_objectness_model, write_objectness
from aisi.progress import log_to
from aisi.salient_instances.objectness import objectness


def main(instances_path, model_path, objectness_path):
    """Write a probability for each instance, and log their mean beside that of the detector's scores."""
    instances = read_salient_instances(instances_path)
    values = objectness(read_objectness_model(model_path), instances)
    write_objectness(objectness_path, instances, values)
    if len(values):
        print(
            f"{len(values)} instances, mean objectness {values.mean():.3f}, mean score {instances.scores.mean():.3f}: "
            f"about {values.sum():.0f} objects."
        )


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            instances_path=snakemake.input.salient_instances,
            model_path=snakemake.input.model,
            objectness_path=snakemake.output.objectness,
        )

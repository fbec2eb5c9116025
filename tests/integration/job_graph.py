"""Print the jobs of a full forced run as JSON. A process of its own, since Snakemake changes the one it runs in.

    python job_graph.py SNAKEFILE FOLDER [CONFIGFILE ...] [--targets RULE ...] [--without RULE ...]

{"masks": [true mask folders], "annotations": [COCO's JSON, which holds masks too],
"jobs": [{"rule", "script", "input", "output", "params"}, ...]}, for the target rules.
By default these are all but those of --without.
"""

import argparse
import json
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings


def main(snakefile, folder, configfiles, targets, without):
    """Build the graph of ``snakefile`` as if it ran in ``folder``, without running a job."""
    with SnakemakeApi(OutputSettings()) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[Path(path).absolute() for path in configfiles]),
            snakefile=Path(snakefile).absolute(),
            workdir=Path(folder),
        )
        targets = set(targets) or {rule.name for rule in workflow._workflow.rules if not rule.output} - {*without}
        workflow.dag(DAGSettings(targets=targets, forceall=True)).printrulegraph()  # builds the graph of jobs
        jobs = [describe(job) for job in workflow._workflow.dag.jobs]
        names = workflow._workflow.globals
        masks = [str(names[name]) for name in ("SEMANTIC_MASKS", "INSTANCE_MASKS") if names[name]]
        if names["SBD"]:
            masks += [*names["VOC_MASKS"], f"{names['SBD']}/cls", f"{names['SBD']}/inst"]
    print("\n" + json.dumps({"masks": masks, "annotations": names["ANNOTATIONS"], "jobs": jobs}))


def describe(job):
    """What a job reads, writes and is told."""
    files = {"input": [str(path) for path in job.input], "output": [str(path) for path in job.output]}
    return {"rule": job.rule.name, "script": job.rule.script, **files, "params": [str(value) for value in job.params]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("snakefile")
    parser.add_argument("folder")
    parser.add_argument("configfiles", nargs="*")
    parser.add_argument("--targets", nargs="*", default=[])
    parser.add_argument("--without", nargs="*", default=[])
    main(**vars(parser.parse_args()))

"""Print what would run after each of several changes of the config, as JSON. A process of its own: see job_graph.py.

    python plan.py SNAKEFILE FOLDER CONFIGFILE ... < changes.json

``changes.json`` is a list of config parts. The answer is a list too, with ``pending``, how many jobs of each rule would
run, targets apart, and ``first``, the rules of those that wait for none of the others.
"""

import contextlib
import json
import sys
from collections import Counter
from pathlib import Path

import yaml
from humanfriendly import parse_size
from snakemake.api import SnakemakeApi
from snakemake.settings.enums import RerunTrigger
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

TARGETS = {"all", "review"}


def plan(snakefile, folder, configfiles, change):
    """Build the graph of the targets with ``change`` in the last config file, and see what it would run.

    Not as ``--config``: pages print the command, so a change of the command writes them again.
    """
    configfiles[-1].write_text(yaml.safe_dump(change))
    profile = yaml.safe_load((snakefile.parent / "profiles/default/config.yaml").read_text())
    settings = DAGSettings(
        targets=TARGETS,
        rerun_triggers=frozenset(RerunTrigger.parse_choice(name) for name in profile["rerun-triggers"]),
        max_checksum_file_size=parse_size(profile["max-checksum-file-size"]),
    )
    with SnakemakeApi(OutputSettings()) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=configfiles),
            snakefile=snakefile,
            workdir=folder,
        )
        workflow.dag(settings).printrulegraph()  # builds the graph of jobs
        dag = workflow._workflow.dag
        jobs = [job for job in dag.needrun_jobs() if not job.rule.norun]
        first = sorted({job.rule.name for job in jobs if not any(map(dag.needrun, dag.dependencies[job]))})
    return {"pending": Counter(job.rule.name for job in jobs), "first": first}


def main(*paths):
    """Plan with each change read from the standard input."""
    snakefile, folder, *configfiles = [Path(path).absolute() for path in paths]
    with contextlib.redirect_stdout(sys.stderr):  # where Snakemake prints the graph
        plans = [plan(snakefile, folder, configfiles, change) for change in json.load(sys.stdin)]
    print(json.dumps(plans))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Each rule runs in an environment that Snakemake makes for it, with nothing from the one that Snakemake runs in.

The packages are those of requirements.lock, as they are installed here, and so is the Python. The environment of the
networks is larger than a test should make: AISI_CONDA_ENVIRONMENTS=torch,solver,analysis tests it too.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from channel import build_channel
from conda import write_command
from project import digests
from workflow_text import SCRIPTS, WORKFLOW, script_of, script_rules, third_party_imports

NAMES = os.environ.get("AISI_CONDA_ENVIRONMENTS", "analysis,solver").split(",")
ON_PYPI = {"pytorch": "torch", "matplotlib-base": "matplotlib"}


def asked_for(name):
    """Distributions that an environment's file names, those from pip apart."""
    dependencies = yaml.safe_load((WORKFLOW / "envs" / f"{name}.yaml").read_text())["dependencies"]
    names = [entry.split()[0] for entry in dependencies if isinstance(entry, str)]
    return {ON_PYPI.get(name, name) for name in names} - {"python"}


@pytest.fixture(scope="module")
def conda(tmp_path_factory):
    """Folder with the command conda and its channel."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip(f"machine lacks: Python 3.11, which the environments ask for (found {sys.version.split()[0]})")
    root = tmp_path_factory.mktemp("conda") / "root"
    write_command(root)
    build_channel(root / "channels" / "conda-forge", set().union(*map(asked_for, NAMES)))
    return root


@pytest.fixture(scope="module")
def rules(finished):
    """The rules that ran, of the environments under test."""
    ran = set(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", finished.log, re.MULTILINE))
    return sorted(name for name, rule in script_rules().items() if name in ran and environment(rule) in NAMES)


def environment(rule):
    return Path(rule["conda"].strip().strip('"')).stem


@pytest.fixture(scope="module")
def run(conda, rules, finished, tmp_path_factory):
    """A copy of the finished project after these rules ran again, and what their scripts imported."""
    project = type(finished)(finished.home, tmp_path_factory.mktemp("project"))
    imports = tmp_path_factory.mktemp("imports")
    options = ["--cores", "2", "--sdm", "conda", "--forcerun", *rules, "--allowed-rules", "all", *rules]
    process = subprocess.run(
        project.command(*options),
        cwd=project.home,
        env=os.environ | {"PATH": f"{conda}/bin:{os.environ['PATH']}", "AISI_IMPORTS": str(imports)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return project, [json.loads(file.read_text()) for file in imports.glob("*.json")]


def scripts_run(run):
    """Notes of the processes that ran a script, as (name of the script, note)."""
    _, notes = run
    found = [(re.search(r"\.(\w+)\.py$", note["script"]), note) for note in notes]
    return [(match[1], note) for match, note in found if match]


def test_every_rule_ran_in_its_environment(run, rules):
    project, _ = run
    expected = {script_of(script_rules()[name]).stem: environment(script_rules()[name]) for name in rules}
    assert {script for script, _ in scripts_run(run)} == set(expected)
    prefixes = {}
    for script, note in scripts_run(run):
        prefixes.setdefault(expected[script], set()).add(note["prefix"])
    assert set(prefixes) == set(NAMES)
    assert len(set.union(*prefixes.values())) == len(NAMES)
    assert all(project.run_folder / ".snakemake" in Path(prefix).parents for prefix in set.union(*prefixes.values()))


def test_no_module_comes_from_elsewhere(run):
    project, _ = run
    for script, note in scripts_run(run):
        own = {Path(note["prefix"]), project.home}
        files = {name: Path(file) for name, file in note["modules"].items() if file and Path(file).is_absolute()}
        elsewhere = {name for name, file in files.items() if not own & set(file.parents)}
        assert {name for name in elsewhere if not name.startswith("snakemake")} == set(), script
        assert third_party_imports(SCRIPTS / f"{script}.py") & note["modules"].keys(), script


def test_results_are_the_same(run, finished):
    project, _ = run
    assert digests(project.run_folder) == digests(finished.run_folder)

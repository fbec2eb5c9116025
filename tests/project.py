"""Copies of the workflow that tests run and edit; the fixtures are every test's."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "tests" / "integration" / "config.yaml"
TARGETS = "all", "review"  # whose jobs a pretended run has done; those of experiments need true masks


class Project:
    """A copy of the workflow that a test may edit, and the folder in which it runs."""

    def __init__(self, source, home):
        self.home, self.run_folder = home, home / "run"
        shutil.copytree(source, home, dirs_exist_ok=True)
        self.run_folder.mkdir(exist_ok=True)

    def command(self, *arguments, config=CONFIG, changes=None):
        """Command line of Snakemake, with changes of the config; to be run in ``home``."""
        (self.home / "changes.yaml").write_text(yaml.safe_dump(changes or {}))
        command = [sys.executable, "-m", "snakemake", "--snakefile", self.home / "Snakefile"]
        return [*command, "--directory", self.run_folder, *arguments, "--configfile", config, "changes.yaml"]

    def snakemake(self, *arguments, **keywords):
        """Run Snakemake on two cores; returns the finished process."""
        command = self.command("--cores", "2", *arguments, **keywords)
        return subprocess.run(command, cwd=self.home, capture_output=True, text=True)

    def finish(self, *arguments, **keywords):
        """Run Snakemake and expect that it ends well."""
        process = self.snakemake(*arguments, **keywords)
        assert process.returncode == 0, process.stdout + process.stderr
        return process

    def pending(self, *arguments, **keywords):
        """How many jobs of each rule a dry run lists, the targets apart."""
        process = self.finish(*arguments, "--dry-run", "--quiet", "rules", **keywords)
        jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", process.stdout, re.MULTILINE)}
        assert jobs or "Nothing to be done" in process.stdout + process.stderr, process.stdout + process.stderr
        return {name: count for name, count in jobs.items() if name not in ("all", "total")}

    def pretend(self, config=CONFIG, targets=TARGETS):
        """Leave the workflow as after a run, its results empty: enough to see what a change would run."""
        for job in self._ask("job_graph.py", config, "--targets", *targets)["jobs"]:
            for output in (self.run_folder / path for path in job["output"]):
                output.parent.mkdir(parents=True, exist_ok=True)
                output.touch() if output.suffix else output.mkdir(exist_ok=True)
        self.finish(*targets, "--touch", "--forceall", config=config)

    def plans(self, *changes, config=CONFIG):
        """What each of the changes would run: see plan.py."""
        return self._ask("plan.py", config, input=json.dumps(changes))

    def _ask(self, script, config, *arguments, **keywords):
        (self.home / "changes.yaml").write_text("{}")
        command = [sys.executable, CONFIG.with_name(script), self.home / "Snakefile", self.run_folder]
        command += [config, "changes.yaml", *arguments]
        process = subprocess.run(command, cwd=self.home, capture_output=True, text=True, **keywords)
        assert process.returncode == 0 and process.stdout.strip(), process.stdout + process.stderr
        return json.loads(process.stdout.strip().splitlines()[-1])


def digests(folder):
    """SHA-256 of every result of a run, {path: digest}; logs and times apart."""
    skipped = {"logs", "benchmarks", ".snakemake_timestamp"}
    files = [file for file in (folder / "results").glob("**/*") if file.is_file() and not skipped & set(file.parts)]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """The workflow's files alone."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("config", "profiles", "resources", "workflow"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    return folder


@pytest.fixture(scope="session")
def finished(source, tmp_path_factory, worker_id):
    """The workflow after a run: look, or change a copy. The first process of pytest that asks runs it for all."""
    base = tmp_path_factory.getbasetemp()
    home = (base if worker_id == "master" else base.parent) / "finished"
    with FileLock(home.with_suffix(".lock")):
        if not (home / "run.json").exists():
            run, start = Project(source, home), time.monotonic()
            log = run.finish().stderr
            (home / "run.json").write_text(json.dumps({"log": log, "seconds": time.monotonic() - start}))
    project = Project(home, tmp_path_factory.mktemp("finished"))
    vars(project).update(json.loads((home / "run.json").read_text()))
    return project


@pytest.fixture
def project(source, tmp_path):
    """The workflow before its first run."""
    return Project(source, tmp_path)


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished workflow to edit; its files keep their times."""
    return Project(finished.home, tmp_path)

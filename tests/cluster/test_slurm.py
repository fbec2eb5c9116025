"""The whole workflow through a real SLURM, with a job cancelled, a node lost and Snakemake killed on the way."""

import re
import subprocess
from collections import Counter

import pytest

from project import Project, digests
from slurm import GPU_NODES, Slurm, lacking, wait

PATIENCE = 1200
"""Seconds that a step may take on a busy machine; a quiet one takes a tenth."""
PROFILE = ["--profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "3", "--max-threads", "2"]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    if reason := lacking():
        pytest.skip(f"machine lacks: {reason}")
    with Slurm(tmp_path_factory.mktemp("slurm") / "home") as cluster:
        yield cluster


class Run:
    """A Snakemake that runs beside the test; ``with`` ends it."""

    def __init__(self, project, slurm, *arguments, **changes):
        self.log = project.home / "snakemake.log"
        with open(self.log, "w") as file:
            command = project.command(*PROFILE, *arguments, changes=changes)
            self.process = subprocess.Popen(
                command, cwd=project.home, env=slurm.environment, stdout=file, stderr=subprocess.STDOUT
            )
        self.slurm = slurm

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Kill Snakemake, and cancel what it leaves behind in SLURM."""
        self.process.kill()
        self.process.wait()
        self.slurm.run("scancel", "--user=root")
        wait(lambda: not self.slurm.jobs(), "an empty queue")

    def job(self, rule, *states):
        """Wait until a job of a rule is in one of the states, and return its id."""

        def found():
            assert self.process.poll() is None, self.log.read_text()
            jobs = self.slurm.jobs().items()
            return next((number for number, (state, what) in jobs if state in states and f"rule_{rule}" in what), None)

        return wait(found, f"a job of {rule}", PATIENCE)

    def finish(self):
        assert self.process.wait(PATIENCE) == 0, self.log.read_text()

    def finished_jobs(self):
        """How many jobs of each rule this Snakemake has seen end well."""
        return Counter(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", self.log.read_text(), re.MULTILINE))


@pytest.fixture(scope="module")
def faulty(slurm, source, tmp_path_factory):
    """The project after two runs, and the jobs that each of them finished."""
    project = Project(source, tmp_path_factory.mktemp("cluster"))
    with Run(project, slurm, gpus=1) as run:
        cancelled = run.job("train_s4net", "RUNNING")
        slurm.run("scancel", cancelled)
        lost = run.job("index_images", "RUNNING")
        node = slurm.job(lost)["NodeList"]
        slurm.kill_node(node)
        wait(lambda: slurm.job(lost)["JobState"] == "NODE_FAIL", "the loss of a node is noticed", PATIENCE)
        slurm.start_node(node)
        run.job("train_semantic", "RUNNING")
        first = run.finished_jobs()
    states = {number: slurm.job(number)["JobState"] for number in (cancelled, lost)}
    assert states == {cancelled: "CANCELLED", lost: "NODE_FAIL"}
    project.finish("--unlock")
    with Run(project, slurm, gpus=1) as run:
        run.finish()
        second = run.finished_jobs()
    return project, first, second


def test_every_job_is_finished_once(faulty, finished):
    _, first, second = faulty
    jobs = Counter(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", finished.log, re.MULTILINE))
    assert len(first) > 10 and len(second) > 3
    assert first + second == jobs


def test_results_equal_those_without_slurm(faulty, finished):
    project, *_ = faulty
    assert digests(project.run_folder) == digests(finished.run_folder)


def test_nothing_is_left_to_do(faulty):
    project, *_ = faulty
    assert project.pending(changes={"gpus": 1}) == {}


def test_networks_run_where_gpus_are(faulty, slurm):
    jobs = slurm.jobs("--states=all")
    nodes = {what: slurm.job(number)["NodeList"] for number, (_, what) in jobs.items()}
    for rule in ("train_s4net", "detect_salient_instances", "predict_semantic"):
        assert {node for what, node in nodes.items() if f"rule_{rule}" in what} == set(GPU_NODES)
    assert not {node for what, node in nodes.items() if "rule_solve_partition" in what} & set(GPU_NODES)


def test_a_training_is_one_task_with_several_gpus(copy, slurm):
    slurm.run("scontrol", "update", "PartitionName=gpu", "State=DOWN")  # it is submitted, and no more
    rerun = ("--forcerun", "train_feature_extractor", "--until", "train_feature_extractor")
    try:
        with Run(copy, slurm, *rerun, gpus=2) as run:
            job = slurm.job(run.job("train_feature_extractor", "PENDING"))
    finally:
        slurm.run("scontrol", "update", "PartitionName=gpu", "State=UP")
    assert (job["Partition"], job["TresPerJob"]) == ("gpu", "gres:gpu:2")
    assert (job["NumTasks"], job["NumNodes"].removesuffix("-1")) == ("1", "1")
    assert job["TRES"].split(",")[1] == "mem=8000M"

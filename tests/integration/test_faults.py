"""What stops a run, or damages its results, costs time and nothing else (docs/faults.md).

``make test-faults`` kills at more moments: AISI_KILLS says how many.
"""

import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from aisi.formats.dataset import read_images
from project import digests

KILLS = int(os.environ.get("AISI_KILLS", "3"))
CHAIN = 4
"""Most kills of one run: each starts the workflow once more."""
VICTIMS = itertools.cycle(["training", "job", "Snakemake"])
MOMENTS = [(moment, next(VICTIMS)) for moment in range(KILLS)]


def jobs_of(snakemake, kind=""):
    """Processes that run a script of the workflow, with ``kind`` in its name."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [job for job in snakemake.children(recursive=True) if runs_script(job, kind)]
    return []


def runs_script(process, kind):
    with contextlib.suppress(psutil.Error):
        command = process.cmdline()
        return any(".snakemake/scripts/" in word and kind in word for word in command) and "python" in command[0]
    return False


def kill(project, victim, rng, seconds):
    """Start the workflow, and kill -9 the victim at a moment of ``seconds``.

    Whether there was something to kill, and the jobs that go on without their Snakemake.
    """
    with (project.home / "snakemake.log").open("a") as log:
        process = subprocess.Popen(project.command("--cores", "2"), cwd=project.home, stdout=log, stderr=log)
    snakemake, start, moment = psutil.Process(process.pid), time.monotonic(), rng.uniform(0, seconds)
    while process.poll() is None:
        jobs = jobs_of(snakemake, "train_" if victim == "training" else "")
        if time.monotonic() - start > moment and (is_locked(project) if victim == "Snakemake" else jobs):
            break
        time.sleep(0.05)
    else:
        assert process.returncode == 0
        return False, []
    if victim == "Snakemake":
        process.kill()
        process.wait()
        return True, jobs
    with contextlib.suppress(psutil.NoSuchProcess):
        rng.choice(jobs).kill()
    return process.wait() != 0, []


def is_locked(project):
    return any(project.run_folder.glob(".snakemake/locks/*"))


@pytest.mark.parametrize("chain", [MOMENTS[first : first + CHAIN] for first in range(0, KILLS, CHAIN)])
def test_killed_runs_end_with_the_same_bytes(finished, project, chain):
    """Another run in another folder, killed several times, ends with every result the same."""
    done, orphans = [], []
    for moment, victim in chain:
        killed, left = kill(project, victim, random.Random(moment), finished.seconds / len(chain))
        done += [victim] * killed
        orphans += left
        if killed and victim == "Snakemake":
            refused = project.snakemake()
            assert refused.returncode != 0 and "--unlock" in refused.stdout + refused.stderr
            project.finish("--unlock")
    project.finish()
    assert done
    psutil.wait_procs(orphans)
    assert digests(project.run_folder) == digests(finished.run_folder)
    assert not list(project.run_folder.glob("results/**/.*.partial*"))
    assert project.pending() == {}


def test_two_at_once(copy, finished):
    """The second is refused, and the first does not notice."""
    first = subprocess.Popen(
        copy.command("--cores", "2", "--forcerun", "train_attention", "--until", "compute_attention_maps"),
        cwd=copy.home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not is_locked(copy):
        assert first.poll() is None
        time.sleep(0.1)
    second = copy.snakemake("--forcerun", "train_attention")
    assert second.returncode != 0
    assert "--unlock" in second.stdout + second.stderr
    assert first.wait() == 0
    assert digests(copy.run_folder) == digests(finished.run_folder)


@contextlib.contextmanager
def mounted(folder, *arguments):
    """Mount at a folder; skips where the machine does not let us."""
    mount = subprocess.run(["mount", *arguments, folder], capture_output=True, text=True)
    if mount.returncode:
        pytest.skip(f"machine lacks: the right to mount ({mount.stderr.strip()})")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_disk_full(copy, finished, tmp_path):
    """An HDF5 does not fit, nor does the log: the job fails, tells which file, and leaves none."""
    target = "results/features/train/shard_0.h5"
    results = copy.run_folder / "results"
    (results.parent / target).unlink()
    kept = shutil.move(results, tmp_path / "results")
    results.mkdir()
    with mounted(results, "-t", "tmpfs", "-o", "size=1g", "tmpfs"):
        shutil.copytree(kept, results, dirs_exist_ok=True)
        subprocess.run(["mount", "-o", f"remount,size={used(results)}", results], check=True)
        failed = copy.snakemake(target)
        assert failed.returncode != 0
        assert "No space left on device" in failed.stdout + failed.stderr
        assert f"{target} was not written" in failed.stdout + failed.stderr
        assert {path.suffix for path in (results.parent / target).parent.iterdir()} <= {".h5"}
        assert not (results.parent / target).exists()
        shutil.rmtree(kept)
        shutil.copytree(results, kept)
    results.rmdir()
    shutil.move(kept, results)
    copy.finish(target, "results/features/train/shard_1.h5")
    assert digests(copy.run_folder) == digests(finished.run_folder)


def used(mount_point):
    """Bytes that the files of a file system take."""
    status = os.statvfs(mount_point)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def test_read_only_results(copy, finished):
    (copy.run_folder / "results/tags/partition.csv").unlink()
    results = copy.run_folder / "results"
    with mounted(results, "--bind", results):
        subprocess.run(["mount", "-o", "remount,ro,bind", results], check=True)
        failed = copy.snakemake("results/tags/partition.csv")
        assert failed.returncode != 0
        assert "Read-only file system" in failed.stdout + failed.stderr
    copy.finish("results/tags/partition.csv")
    assert digests(copy.run_folder) == digests(finished.run_folder)


SIGNALS = {"SIGTERM": (signal.SIGTERM,), "SIGHUP": (signal.SIGHUP,), "Ctrl-C twice": (signal.SIGINT, signal.SIGINT)}
STAGES = ["train_attention", "compute_features", "solve_partition", "write_proxy_masks", "train_semantic"]
"""Rules whose jobs are interrupted, one by each signal; make test-faults takes all with each."""
PAIRS = (
    list(zip(SIGNALS, STAGES[:1] + STAGES[2:4], strict=True)) if KILLS < 20 else [*itertools.product(SIGNALS, STAGES)]
)


@pytest.mark.parametrize(("name", "rule"), PAIRS)
def test_interrupted_runs_end_with_the_same_bytes(copy, finished, name, rule):
    """The signal reaches Snakemake and its jobs, as from a closed terminal. Then the same command runs again."""
    process = subprocess.Popen(
        copy.command("--cores", "1", "--forcerun", rule),
        cwd=copy.home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    snakemake = psutil.Process(process.pid)
    while process.poll() is None and not jobs_of(snakemake, rule):
        time.sleep(0.02)
    assert process.poll() is None
    for number in SIGNALS[name]:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        time.sleep(0.3)
    assert process.wait(60) != 0
    if is_locked(copy):
        copy.finish("--unlock")
    copy.finish("--forcerun", rule)
    assert digests(copy.run_folder) == digests(finished.run_folder)
    assert not list(copy.run_folder.glob("results/**/.*.partial*"))


def test_a_photo_that_vanishes(copy, finished):
    """The job names the photo; once the photo is back, the run goes on."""
    target = "results/attention/train/shard_0.h5"
    roots = {"dataset.root": copy.run_folder / "results/demo"}
    photo = Path(min(read_images(copy.run_folder / "results/images/train/shard_0.csv", roots=roots)["path"]))
    (copy.run_folder / target).unlink()
    photo.rename(photo.with_suffix(".away"))
    failed = copy.snakemake(target, "--rerun-triggers", "mtime")
    assert failed.returncode != 0
    assert photo.name in failed.stdout + failed.stderr
    photo.with_suffix(".away").rename(photo)
    copy.finish(target, "--rerun-triggers", "mtime")
    assert digests(copy.run_folder) == digests(finished.run_folder)


DAMAGED = {
    "results/scores/train/shard_0.h5": ("results/partition/attention/job_0", "compute_scores"),
    "results/partition/attention/job_0/batch_0.npz": ("results/tags/attention.csv", "solve_baseline"),
    "results/proxy_masks/attention/SegmentationClass/": ("results/evaluation/proxy_masks/attention.csv", "write_proxy"),
    "results/tags/attention.csv": ("results/proxy_masks/attention/instances.json", "write_tags"),
}
"""File, or folder of which one file, that is cut off; what is made of it; the rule that must be named."""


def test_truncated_files(copy, finished):
    """Each is named with its rule, never used; as the message says, it is deleted and made again."""
    targets = []
    for name, (target, rule) in DAMAGED.items():
        path = copy.run_folder / name
        path = min(path.glob("*.png")) if path.is_dir() else path
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 2 // 3])
        remove(copy.run_folder / target)
        failed = copy.snakemake(target)
        assert failed.returncode != 0
        told = failed.stdout + failed.stderr
        assert path.name in told and rule in told and "elete" in told
        remove(path if path.parent.name in ("train", "tags") else path.parent)
        targets.append(target)
        copy.finish(target)
    assert digests(copy.run_folder) == digests(finished.run_folder)


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()

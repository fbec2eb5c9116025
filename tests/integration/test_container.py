"""Jobs run in the image that the config names. A stand-in for Apptainer notes each job, and runs it outside."""

import os
import shlex
import sys
from pathlib import Path

import pytest

APPTAINER = """#!/bin/sh
if [ "$1" = --version ]; then echo apptainer version 1.3.4; exit; fi
printf '%s\\n' "$*" >> {log}
while [ "$1" != {image} ]; do shift; done
shift
exec "$@"
"""


@pytest.fixture
def image(tmp_path, monkeypatch):
    """An image, and the command apptainer, which writes its arguments into apptainer.log beside it."""
    image, command = tmp_path / "aisi.sif", tmp_path / "bin" / "apptainer"
    image.touch()
    command.parent.mkdir()
    command.write_text(
        APPTAINER.format(log=shlex.quote(str(tmp_path / "apptainer.log")), image=shlex.quote(str(image)))
    )
    command.chmod(0o755)
    # the stand-in runs the job's `python` outside the image, so it has to be the one of these tests
    monkeypatch.setenv("PATH", f"{command.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    return image


def jobs_in(image):
    log = image.with_name("apptainer.log")
    return log.read_text().splitlines() if log.exists() else []


def test_jobs_run_in_the_image(project, image):
    project.finish("render_scenes", "--sdm", "apptainer", changes={"container": str(image)})
    (job,) = jobs_in(image)
    assert f" {image} " in job and "render_scenes.py" in job


def test_jobs_run_outside_without_sdm(project, image):
    project.finish("render_scenes", changes={"container": str(image)})
    assert jobs_in(image) == []

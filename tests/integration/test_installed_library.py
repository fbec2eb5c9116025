"""A run stops where jobs would import an installed library instead of the checkout's."""

import subprocess
import sys

import pytest

from workflow_text import SCRIPTS


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder on Python's path."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def test_stops_at_an_installed_library(project, elsewhere):
    (elsewhere / "aisi").mkdir()
    (elsewhere / "aisi" / "__init__.py").touch()
    process = project.snakemake()
    assert process.returncode != 0
    assert f"Python finds the package aisi in {elsewhere / 'aisi'}, and jobs would run its code" in process.stderr
    assert f"instead of {project.home / 'workflow/scripts/aisi'}. Uninstall it (pip uninstall aisi)" in process.stderr
    assert not (project.run_folder / "results").exists()


def test_stops_at_a_library_that_is_already_imported(project):
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import aisi; sys.path.remove({str(SCRIPTS)!r})\n"
    code += "from snakemake.cli import main; main()"
    command = [sys.executable, "-c", code, *project.command("--dry-run")[3:]]
    process = subprocess.run(command, cwd=project.home, capture_output=True, text=True)
    assert process.returncode != 0
    assert f"Python finds the package aisi in {SCRIPTS / 'aisi'}" in process.stdout + process.stderr


def test_goes_on_with_a_folder_of_that_name(project, elsewhere):
    """A checkout cloned as ``aisi`` lies beside other things; a folder without ``__init__.py`` hides no package."""
    (elsewhere / "aisi").mkdir()
    assert project.pending()


def test_goes_on_with_its_own_library_on_the_path(project, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(project.home / "workflow" / "scripts"))
    assert project.pending()

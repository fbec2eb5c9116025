"""The library as a package: `pip install .` gives the solver alone, and the workflow refuses an installed library."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import write_api_page
from test_environment import PROJECT
from workflow_text import ROOT, SCRIPTS, third_party_imports

CORE = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
LIBRARY = [file for file in sorted(SCRIPTS.glob("aisi/**/*")) if file.suffix in (".py", ".typed")]
ON_PYPI = {"PIL": "pillow", "yaml": "pyyaml"}
"""Packages whose name on PyPI differs from the name that is imported."""
USE = """
import json, sys
import aisi
from aisi.partition import PartitionProblem, solve

problem = PartitionProblem(
    edges=[[0, 1], [0, 2]],
    weights=[1.5, 1.0],
    offsets=[0, 2, 3, 4],
    categories=[1, 2, 1, 2],
    scores=[0.5, 0.5, 0.5, 0.5],
    beta=1.0,
    n_retained=2,
)
solution = solve(problem)
files = {name.split(".")[0]: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
print(json.dumps({
    "file": aisi.__file__,
    "labels": solution.labels.tolist(),
    "objective": solution.objective,
    "status": solution.status,
    "packages": sorted(name for name, file in files.items() if "site-packages" in file),
}))
try:
    solve(problem, solver="highs")
except Exception as error:
    print(error)
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, built without a network by the setuptools of the lock, from a copy of what it is made of."""
    source, output = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        SCRIPTS, source / SCRIPTS.relative_to(ROOT), ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    command = [sys.executable, "-m", "pip", "wheel", "--no-index", "--no-build-isolation", "--no-deps", "--quiet"]
    process = subprocess.run([*command, "--wheel-dir", output, source], capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr
    (file,) = output.iterdir()
    return file


@pytest.fixture(scope="session")
def python(wheel, tmp_path_factory):
    """A Python into which the wheel was installed, beside numpy, numba and what these need; nothing else."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    (packages,) = home.glob("lib/python*/site-packages")
    for name in needed(CORE):
        package = distribution(name)
        for top in {file.parts[0] for file in package.files if file.parts[0] != ".."}:
            (packages / top).symlink_to(package.locate_file(top))
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--quiet", wheel]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr
    return python


def needed(requirements):
    """Names of the distributions that requirements ask for, directly or not."""
    found, todo = set(), [Requirement(text) for text in requirements]
    while todo:
        asked = todo.pop()
        name = canonicalize_name(asked.name)
        if name not in found and (asked.marker is None or asked.marker.evaluate({"extra": ""})):
            found.add(name)
            todo += map(Requirement, distribution(name).requires or [])
    return found


def own_extras(extra):
    """Names of the packages of an extra, those of the extras that it names included."""
    for requirement in map(Requirement, EXTRAS[extra]):
        if requirement.name == "aisi":
            for other in requirement.extras:
                yield from own_extras(other)
        else:
            yield canonicalize_name(requirement.name)


def test_wheel_holds_the_whole_library_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == {file.relative_to(SCRIPTS).as_posix() for file in LIBRARY}
    assert "aisi/py.typed" in held


def test_installed_solver_runs_with_the_core_alone(python, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.run([python, "-c", USE], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    answer, message = process.stdout.splitlines()
    answer = json.loads(answer)
    assert python.parents[1] in Path(answer["file"]).parents
    # 2 * 1.5 for the edge inside category 1, and 0.5 for each of its two instances: no other two tags earn as much.
    assert (answer["labels"], answer["objective"], answer["status"]) == ([1, 1, 0], 4.0, "optimal")
    assert set(answer["packages"]) <= {"aisi", *needed(CORE)}
    assert "needs the package highspy" in message


def test_extras_name_what_the_library_imports():
    imported = set().union(*(third_party_imports(file) for file in LIBRARY if file.suffix == ".py"))
    core = {canonicalize_name(Requirement(text).name) for text in CORE}
    weights = {name for name in own_extras("all") if name.endswith("-pytorch-model")}  # imported by a name put together
    assert {canonicalize_name(ON_PYPI.get(name, name)) for name in imported} | weights == core | set(own_extras("all"))


def test_api_page_is_what_the_docstrings_say():
    text = write_api_page.PAGE.read_text(encoding="utf-8")
    assert text == write_api_page.page(), "Run tools/write_api_page.py."
    assert text.count(write_api_page.MARK) == 1


def test_api_pages_example_prints_what_it_says(capsys):
    by_hand, _ = write_api_page.PAGE.read_text(encoding="utf-8").split(write_api_page.MARK)
    (example,) = re.findall(r"```python\n(.*?)```", by_hand, re.DOTALL)
    exec(example, {})
    printed = capsys.readouterr().out
    assert printed and f"```\n{printed}```" in by_hand

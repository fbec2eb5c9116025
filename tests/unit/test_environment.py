"""The lock, pyproject.toml, the installation and the rules' conda environments agree, and hold no GPL package."""

import re
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from workflow_text import ROOT, WORKFLOW, script_of, script_rules, third_party_imports
from write_lock import TARGETS, is_needed


def read_lock():
    """Map canonical names to (requirement, SHA-256 digests, names of the files with these digests)."""
    locked = {}
    for block in re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text()):
        if block.startswith("#"):
            continue
        requirement = Requirement(block.splitlines()[0].removesuffix(" \\"))
        digests = re.findall(r"^    --hash=sha256:([0-9a-f]{64})(?: \\)?$", block, re.MULTILINE)
        files = re.findall(r"^    # (\S+)$", block, re.MULTILINE)
        assert len(block.splitlines()) == 1 + len(digests) + len(files), f"Not understood:\n{block}"
        assert canonicalize_name(requirement.name) not in locked, f"{requirement.name} is locked twice."
        locked[canonicalize_name(requirement.name)] = requirement, digests, files
    return locked


LOCKED = read_lock()
LOCK = {name: requirement for name, (requirement, _, _) in LOCKED.items()}
WITHOUT_WHEEL = {"connection-pool"}
"""Packages that have no wheel on PyPI: pip builds them from a source archive of pure Python."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HERE = sorted(name for name, pin in LOCK.items() if pin.marker is None or pin.marker.evaluate())
ENVIRONMENTS = sorted(WORKFLOW.glob("envs/*.yaml"))
ON_PYPI = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
"""conda-forge's names that differ from PyPI's."""
OPTIONAL = {"solver": {"torch"}}
"""Imported where a config asks for it only: torch multiplies features on a GPU for the graph."""
GPL = re.compile(r"(?<!L)GPL|GNU (Affero )?General Public", re.IGNORECASE)


def environment_pins(file):
    """Map canonical distribution names to versions."""
    pins = {}
    for entry in yaml.safe_load(file.read_text())["dependencies"]:
        for pin in entry["pip"] if isinstance(entry, dict) else [entry]:
            name, _, version = pin.partition("=")
            pins[canonicalize_name(ON_PYPI.get(name.strip(), name.strip()))] = version.strip("= ")
    return pins


def test_lock_is_exact():
    assert [str(pin) for pin in LOCK.values() if [s.operator for s in pin.specifier] != ["=="]] == []


@pytest.mark.parametrize("name", LOCKED)
def test_lock_has_a_hash_of_each_file(name):
    requirement, digests, files = LOCKED[name]
    assert digests and len(set(digests)) == len(digests) == len(set(files)) == len(files)
    for file in files:
        parse = parse_sdist_filename if name in WITHOUT_WHEEL else parse_wheel_filename
        assert parse(file)[0] == name and parse(file)[1] in requirement.specifier, file


@pytest.mark.parametrize("name", sorted(LOCKED.keys() - WITHOUT_WHEEL))
def test_lock_has_a_wheel_for_each_python_and_machine(name):
    requirement, _, files = LOCKED[name]
    offered = [parse_wheel_filename(file)[3] for file in files]
    for target, tags in TARGETS.items():
        if requirement.marker is None or is_needed(str(requirement.marker), *target):
            assert any(wheel & tags for wheel in offered), f"No wheel for {target}: run tools/write_lock.py."


def test_hashes_of_two_packages_differ():
    digests = [digest for _, own, _ in LOCKED.values() for digest in own]
    assert len(set(digests)) == len(digests)


def test_pip_always_checks_the_hashes():
    """Wherever the lock is installed: by make, the image, and the commands in the docs."""
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob(".github/**/*.yml"), ROOT / ".ci" / "run"]
    files += [*ROOT.glob("Makefile"), *ROOT.glob("Dockerfile")]
    text = "\n".join(file.read_text().replace("\\\n", " ") for file in files)
    commands = re.findall(r"^.*\bpip install\b.*requirements\.lock.*$", text, re.MULTILINE)
    assert len(commands) >= 2 and all("--require-hashes" in command for command in commands), commands


def test_lock_fits_pyproject():
    project = PROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    groups += [*PROJECT["dependency-groups"].values(), PROJECT["build-system"]["requires"]]
    for needed in map(Requirement, (entry for group in groups for entry in group)):
        if needed.name != project["name"]:
            (pin,) = LOCK[canonicalize_name(needed.name)].specifier
            assert pin.version in needed.specifier, f"{needed}: the lock has {pin.version}."


@pytest.mark.parametrize("name", HERE)
def test_installed_as_locked_with_all_it_needs(name):
    installed = distribution(name)
    assert installed.version in LOCK[name].specifier, "Run `make setup`."
    for needed in map(Requirement, installed.requires or []):
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            pin = LOCK.get(canonicalize_name(needed.name))
            assert pin, f"{name} needs {needed}: add it to requirements.lock."
            assert distribution(needed.name).version in needed.specifier


@pytest.mark.parametrize("name", HERE)
def test_no_gpl(name):
    package = distribution(name)
    declared = [package.metadata.get(key) or "" for key in ("License-Expression", "License")]
    classified = [entry for entry in package.metadata.get_all("Classifier") or [] if entry.startswith("License ::")]
    if name == "docutils":  # In the public domain but for an Emacs mode, which the wheel leaves out.
        classified = [entry for entry in classified if not GPL.search(entry)]
        assert not [file for file in package.files if file.suffix == ".el"]
    if not any(entry not in ("", "UNKNOWN") for entry in declared + classified):
        files = [file for file in package.files if re.match("LICEN[CS]E|COPYING", file.name, re.IGNORECASE)]
        declared = [file.locate().read_text(errors="replace")[:500] for file in files]
    assert not [entry for entry in declared + classified if GPL.search(entry[:500])]


@pytest.mark.parametrize("file", ENVIRONMENTS, ids=lambda file: file.stem)
def test_conda_pins_are_the_locks(file):
    pins = environment_pins(file)
    assert pins.pop("python") == "3.11"
    pins.pop("pip", None)
    assert pins == {name: next(iter(LOCK[name].specifier)).version for name in pins}


@pytest.mark.parametrize("file", ENVIRONMENTS, ids=lambda file: file.stem)
def test_conda_environments_hold_what_their_rules_import(file):
    distributions = packages_distributions()
    users = [rule for rule in script_rules().values() if f"../envs/{file.name}" in rule["conda"]]
    imported = set().union(*(third_party_imports(script_of(rule)) for rule in users))
    needed = {canonicalize_name(distributions[name][0]) for name in imported} - OPTIONAL.get(file.stem, set())
    if "timm" in needed:  # The packages of weights are imported by a name that is put together.
        needed |= {name for name in LOCK if name.endswith("-pytorch-model")}
    assert environment_pins(file).keys() - {"python", "pip"} == needed


def test_every_conda_environment_is_used():
    used = {rule["conda"].strip().strip('"') for rule in script_rules().values()}
    assert used == {f"../envs/{file.name}" for file in ENVIRONMENTS}


def test_python_is_one_the_lock_is_for():
    assert sys.version_info[:2] in ((3, 11), (3, 12))

"""The command on the pages of results: Snakemake reads from it what it was given."""

import shlex
from pathlib import Path

import pytest
from snakemake.cli import parse_args, parse_config

from aisi.planning.command import command_line


def parsed(command, home):
    """Targets, absolute config files, values of --config and absolute directory of a command that runs in ``home``."""
    program, *arguments = shlex.split(command)
    assert program == "snakemake"
    _, arguments = parse_args(arguments)
    directory = Path(home, arguments.directory or "")
    files = [Path(home, file) for file in arguments.configfile or []]
    return arguments.targets, files, parse_config(arguments.config), directory


@pytest.mark.parametrize(
    "entries",
    [
        [],
        ["seed=3", "gpus=1"],
        ["dataset={root: '/data/VOC 2012', test: test, val: null}", "sweeps={beta: [1, 2.5]}"],
        ['dataset={name: "Pi\'s photos"}', "review={assignment: partition}"],
    ],
)
@pytest.mark.parametrize("names", [[], ["config/voc2012.yaml"], ["config/coco.yaml", "../mine/my config.yaml"]])
@pytest.mark.parametrize("run_folder", ["", "runs/voc 2012", "../elsewhere"])
def test_the_command_parses_to_what_was_given(tmp_path, entries, names, run_folder):
    home = tmp_path / "clone"
    files, directory, config = [(home / name).resolve() for name in names], (home / run_folder).resolve(), entries
    command = command_line("ablation", files, parse_config(config), directory, home)
    targets, found_files, found_config, found_directory = parsed(command, home)
    assert targets == {"ablation"} or list(targets) == ["ablation"]
    assert found_files == files
    assert found_config == parse_config(config)
    assert found_directory.resolve() == directory


def test_the_command_of_the_demo_is_short(tmp_path):
    assert command_line("", [], {}, tmp_path, tmp_path) == "snakemake --cores all"


def test_no_name_of_a_home_folder(monkeypatch):
    """The shell expands ~ in paths, and the config expands it in values."""
    monkeypatch.setenv("HOME", "/home/anna")
    files, config = ["/home/anna/my photos.yaml"], {"dataset": {"root": "/home/anna/photos"}}
    command = command_line("", files, config, "/home/anna/runs/a", "/opt/aisi")
    assert command == (
        "snakemake --cores all --configfile ~/'my photos.yaml' --directory ~/runs/a "
        """--config 'dataset={"root": "~/photos"}'"""
    )


def test_a_clone_at_another_path_prints_the_same(tmp_path):
    one, two = (
        command_line("", [home / "config/coco.yaml"], {}, home / "runs/coco", home)
        for home in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two == "snakemake --cores all --configfile config/coco.yaml --directory runs/coco"

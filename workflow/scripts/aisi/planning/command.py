"""The command that makes the results of a run again, for the pages of results."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def command_line(
    target: str, config_paths: Sequence[str | Path], config: Mapping[str, Any], run_folder: str | Path, home: str | Path
) -> str:
    """Command line of Snakemake, to be run in the folder of the Snakefile.

    Parameters
    ----------
    target : str
        Name of a target, or empty for the default target.
    config_paths : sequence of str or Path
        Files of ``--configfile``, in their order.
    config : dict
        Values of ``--config``, as Snakemake has parsed them.
    run_folder : str or Path
        Folder of ``--directory``, where results are written.
    home : str or Path
        Folder of the Snakefile.

    Returns
    -------
    str
        Paths inside ``home`` are relative to it, others absolute, so that a clone at another path prints the same. The
        user's home folder is ``~``, since its name is often that of a person.
    """
    words = ["snakemake", "--cores", "all", *([target] if target else [])]
    if config_paths:
        words += ["--configfile", *(_path_from(home, path) for path in config_paths)]
    if Path(run_folder).resolve() != Path(home).resolve():
        words += ["--directory", _path_from(home, run_folder)]
    if config:
        words += ["--config", *(f"{key}={_value(value)}" for key, value in config.items())]
    return " ".join(_quoted(word) for word in words)


def _path_from(home, path):
    path, home = Path(path).resolve(), Path(home).resolve()
    return str(path.relative_to(home)) if path.is_relative_to(home) else _without_home(str(path))


def _value(value):
    if value is None:
        return ""
    return _without_home(json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value))


def _without_home(text):
    return text.replace(f"{Path.home()}/", "~/")


def _quoted(word):
    """A word for the shell, which expands ``~/`` only outside quotes."""
    return f"~/{shlex.quote(word[2:])}" if word.startswith("~/") and len(word) > 2 else shlex.quote(word)

"""Parts of the workflow that installed packages add by name: solvers, heads and backbones (docs/extending.md).

A package names its parts among its entry points, in the groups ``aisi.solvers``, ``aisi.heads``, ``aisi.backbones``.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

GROUPS = {"aisi.solvers", "aisi.heads", "aisi.backbones"}


@dataclass(frozen=True)
class Registry:
    """The parts of one type by name: our own, and those of installed packages.

    Attributes
    ----------
    group : str
        Group of entry points, one of ``GROUPS``.
    own : tuple of str
        Names of our own parts, which no package can replace. Their modules import them, so that code digests see them.
    """

    group: str
    own: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Names of our own parts, then those of packages."""
        return list(dict.fromkeys([*self.own, *installed(self.group)]))

    def load(self, name: str) -> Any:
        """Import a part of an installed package.

        Raises
        ------
        ValueError
            If no package has a part of this name. The message lists all names.
        """
        if name not in installed(self.group):
            raise ValueError(
                f"found the name {name!r}, expected one of {', '.join(self.names)}, or one of the entry points "
                f"{self.group} of an installed package."
            )
        return installed(self.group)[name].load()


@cache  # it reads the list of every installed package, and planning asks once for each job
def installed(group: str) -> dict[str, EntryPoint]:
    """The parts that installed packages add to a group, by name."""
    return {point.name: point for point in entry_points(group=group)}


def code_of_parts(values: Any) -> str:
    """Digest of the code of all parts of packages that are named somewhere in values, which may be nested.

    Parameters
    ----------
    values : Any
        Dicts, lists and texts, such as the params of a rule.

    Returns
    -------
    str
        12 hexadecimal digits; empty if no part of a package is named.
    """
    points = [point for group in sorted(GROUPS) for point in installed(group).values() if point.name in _texts(values)]
    return hashlib.sha256("".join(_code(point.module) for point in points).encode()).hexdigest()[:12] if points else ""


def _texts(values):
    if isinstance(values, str):
        return {values}
    if isinstance(values, dict):
        values = values.values()
    return set().union(*map(_texts, values)) if isinstance(values, list | tuple | set | type({}.values())) else set()


@cache
def _code(module):
    """Digest of the Python files of a module's top-level package, or of the module itself. Nothing of it is run."""
    spec = find_spec(module.split(".")[0])
    if spec is None or spec.origin is None:
        return ""
    origin = Path(spec.origin)
    files = sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()

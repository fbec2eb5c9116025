"""Digest of the code that a workflow script runs.

No kept library does this: Snakemake's own trigger ``code`` looks at the script alone, not at the modules it imports.
"""

import ast
import hashlib
import os
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def code_digest(script: str | Path) -> str:
    """Digest of a script and of every module of this package that it imports, directly or not.

    Comments, docstrings (of variables, too) and layout do not count, so that a better wording does not train a model
    again.

    Parameters
    ----------
    script : str or Path

    Returns
    -------
    str
        12 hexadecimal digits.

    Raises
    ------
    ValueError
        If a module has a relative import.
    """
    code = code_of(script)
    return hashlib.sha256("\n".join(f"{name}\n{code[name]}" for name in sorted(code)).encode()).hexdigest()[:12]


def code_of(script: str | Path) -> dict[str, str]:
    """Code that a script runs: its own and that of every module of this package that it imports, directly or not.

    Parameters
    ----------
    script : str or Path

    Returns
    -------
    dict
        Path, relative to the folder of the package, to syntax tree without comments and docstrings.
    """
    seen: dict[Path, str] = {}
    todo = [Path(script)]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen[path], names = _read(path, path.read_text())
        todo += [found for name in names for found in _module_paths(name, PACKAGE)]
    return {os.path.relpath(path, PACKAGE.parent): tree for path, tree in seen.items()}


def text_digest(folder: str | Path) -> str:
    """Digest of the names and contents of the files in a folder, 12 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


@cache  # scripts share most modules, and parsing takes most of the time before the first job starts
def _read(path, text):
    tree = ast.parse(text)
    names = list(_imports(tree, path))
    return ast.dump(_without_docstrings(tree)), names


def _imports(tree, path):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}:{node.lineno}: use an absolute import. Relative imports are not followed.")
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _module_paths(name, package):
    """Files that Python runs when it imports a module of the package: of the packages around it, and its own."""
    head, *rest = name.split(".")
    if head != package.name:
        return []
    packages = [package.joinpath(*rest[:depth], "__init__.py") for depth in range(len(rest) + 1)]
    return [path for path in (*packages, package.joinpath(*rest).with_suffix(".py")) if path.is_file()]


def _without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            body[:] = [statement for statement in body if not _is_text(statement)]
    return tree


def _is_text(statement):
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)

"""Digest of the code a workflow script really runs."""

import ast
import hashlib
import os
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(script):
    """Digest of a script and every module of this package it imports, directly or not.

    Comments, docstrings and layout do not count, so rewording one does not retrain a model.
    """
    seen, todo = {}, [Path(script)]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen[path], names = _read(path, path.read_text())
        todo += [found for name in names for found in _module_paths(name)]
    home = PACKAGE.parent
    names = {path: os.path.relpath(path, home) for path in seen}
    code = "\n".join(f"{names[path]}\n{seen[path]}" for path in sorted(seen, key=names.get))
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def text_digest(folder):
    """Digest of what the files of a folder hold, and of their names."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


@cache  # scripts share most modules, and parsing takes most of the time before the first job
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
                raise ValueError(f"{path}:{node.lineno}: use an absolute import, relative ones are not followed.")
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module_paths(name):
    """Files that importing a module of this package runs: those of the packages it lies in, and its own."""
    head, *rest = name.split(".")
    if head != PACKAGE.name:
        return []
    packages = [PACKAGE.joinpath(*rest[:depth], "__init__.py") for depth in range(len(rest) + 1)]
    return [path for path in (*packages, PACKAGE.joinpath(*rest).with_suffix(".py")) if path.is_file()]


def _without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return tree

"""Every public function of the library says the types of its arguments and of what it returns."""

import ast

import pytest

from workflow_text import SCRIPTS

FILES = sorted(SCRIPTS.glob("aisi/**/*.py"))


def public_functions(tree):
    """Functions of a module and methods of its classes without a leading underscore, and ``__init__``."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from ((f"{node.name}.{name}", function) for name, function in public_functions(node))
        elif isinstance(node, ast.FunctionDef) and (node.name == "__init__" or not node.name.startswith("_")):
            yield node.name, node


def missing_annotations(function):
    """Names of a function's arguments without a type, and ``return``."""
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    missing = [one.arg for one in given if one and one.annotation is None and one.arg not in ("self", "cls")]
    return missing + (["return"] if function.returns is None else [])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(SCRIPTS).as_posix())
def test_public_functions_have_complete_annotations(file):
    functions = public_functions(ast.parse(file.read_text()))
    assert {name: missing for name, function in functions if (missing := missing_annotations(function))} == {}


def test_missing_annotations_are_found():
    tree = ast.parse("class A:\n    def f(self, x, *, y: int = 1, **z): ...\ndef _g(x): ...\ndef h() -> None: ...")
    assert [(name, missing_annotations(function)) for name, function in public_functions(tree)] == [
        ("A.f", ["x", "z", "return"]),
        ("h", []),
    ]

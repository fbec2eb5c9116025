"""Benchmarks: every script imports what is there, and says how it is called."""

import runpy
import sys

import pytest

from project import ROOT

SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script_can_be_read(script, monkeypatch):
    """Benchmarks are run by hand, so nothing else notices that a name which they import has gone."""
    monkeypatch.setattr(sys, "path", [str(script.parent), str(ROOT / "workflow/scripts"), *sys.path])
    for name in {path.stem for path in SCRIPTS} & set(sys.modules):  # of another folder, with the same name
        monkeypatch.delitem(sys.modules, name)
    before = set(sys.modules)
    content = runpy.run_path(str(script))
    assert content["__doc__"] and f"benchmarks/{script.name}" in content["__doc__"]
    for name in {path.stem for path in SCRIPTS} & (set(sys.modules) - before):
        del sys.modules[name]

"""The digest sees every change of code that a script can run, and nothing else."""

import pytest

from aisi.planning import code_digest as module
from aisi.planning.code_digest import code_digest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A script that imports aisi.graph, which imports aisi.solvers.exact; aisi.report is nobody's."""
    package = tmp_path / "aisi"
    (package / "solvers").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "solvers" / "__init__.py").touch()
    (package / "graph.py").write_text('"""Graphs."""\nfrom aisi.solvers import exact\ndef edges(k=3):\n    return k\n')
    (package / "solvers" / "exact.py").write_text("def solve(x):\n    return x + 1\n")
    (package / "report.py").write_text("x = 1\n")
    script = tmp_path / "build.py"
    script.write_text('"""Build."""\nfrom aisi.graph import edges\ndef main():\n    """Do."""\n    edges()\n')
    monkeypatch.setattr(module, "PACKAGE", package)
    return tmp_path


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("build.py", '"""Build."""', '"""Build it."""  # soon'),
        ("build.py", '    """Do."""\n', ""),
        ("build.py", "edges()", "edges(\n    )"),
        ("aisi/graph.py", "def edges", "# A comment.\n\n\ndef edges"),
        ("aisi/graph.py", '"""Graphs."""', "'''The graphs.'''"),
        ("aisi/graph.py", "def edges", '"""What the import above brings."""\ndef edges'),
        ("aisi/report.py", "x = 1", "x = 2"),
    ],
)
def test_words_and_layout_do_not_count(project, file, old, new):
    before = code_digest(project / "build.py")
    edit(project / file, old, new)
    assert code_digest(project / "build.py") == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("build.py", "edges()", "edges(5)"),
        ("aisi/graph.py", "k=3", "k=4"),
        ("aisi/graph.py", "return k", 'return "k"'),
        ("aisi/solvers/exact.py", "x + 1", "x + 2"),
        ("aisi/solvers/__init__.py", "", "y = 1"),
    ],
)
def test_code_counts_however_far(project, file, old, new):
    before = code_digest(project / "build.py")
    if old:
        edit(project / file, old, new)
    else:
        (project / file).write_text(new)
    assert code_digest(project / "build.py") != before


def test_digest_does_not_name_the_folder(project):
    before = code_digest(project / "build.py")
    moved = project.with_name("elsewhere")
    project.rename(moved)
    module.PACKAGE = moved / "aisi"
    assert code_digest(moved / "build.py") == before


def test_imports_in_circles_end(project):
    (project / "aisi" / "solvers" / "exact.py").write_text("import aisi.graph\n")
    assert len(code_digest(project / "build.py")) == 12


def test_relative_imports_are_refused(project):
    (project / "aisi" / "graph.py").write_text("\nfrom . import report\n")
    with pytest.raises(ValueError, match=r"graph\.py:2: use an absolute import"):
        code_digest(project / "build.py")

"""Files appear whole or not at all, and ids stay inside their folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisi.files import atomic, inside


def test_the_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "folder" / "a.csv"
    with atomic(path) as temporary:
        temporary.write_text("whole")
        assert temporary.suffix == ".csv"
        assert temporary.parent == path.parent
        assert not path.exists()
    assert path.read_text() == "whole"
    assert os.listdir(path.parent) == ["a.csv"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "a.csv"):
        pass
    assert not os.listdir(tmp_path)


def test_names_as_long_as_a_file_system_allows(tmp_path):
    path = tmp_path / ("é" * 125 + ".png")
    with atomic(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"


def test_files_of_one_folder_do_not_meet(tmp_path):
    with atomic(tmp_path / "a.csv") as one, atomic(tmp_path / "b.csv") as other, atomic(tmp_path / "a.png") as third:
        assert len({one, other, third}) == 3
        for path in (one, other, third):
            path.write_text("")


@pytest.mark.parametrize("name", ["a", "sub/a b", "写真/é", "a..b", "...", "sub/../a", "~", "a\nb"])
def test_inside(name):
    assert inside("folder", name) == Path("folder", name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a", "sub/..", "sub/../../a", "/etc/passwd", "../folder2/a", "a\0b"]
)
def test_outside(name):
    with pytest.raises(ValueError, match="leads out of folder"):
        inside("folder", name)


@given(st.text(st.sampled_from("a./\\é "), max_size=12))
def test_inside_never_leaves(name):
    try:
        path = inside("/top/folder", name)
    except ValueError:
        return
    assert os.path.abspath(path).startswith("/top/folder/")


def test_what_a_killed_process_left_is_removed(tmp_path):
    host, dead = os.uname().nodename, subprocess.Popen(["true"])
    dead.wait()
    kept = [f".a.elsewhere.{dead.pid}.partial.csv", f".a.{host}.{os.getppid()}.partial.csv", f"a.{dead.pid}.csv"]
    for name in [*kept, f".a.{host}.{dead.pid}.partial.csv", f".b.{host}.{dead.pid}.partial"]:
        (tmp_path / name).touch()
    with atomic(tmp_path / "c.csv") as temporary:
        temporary.touch()
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "c.csv"])


def test_two_processes_may_write_at_once(tmp_path):
    """As a job whose Snakemake was killed, and the one that replaces it."""
    path = tmp_path / "a.csv"
    with atomic(path) as temporary:
        temporary.write_text("whole")
        code = f"from aisi.files import atomic\nwith atomic({str(path)!r}) as file: file.write_text('whole')"
        subprocess.run(
            [sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        )
        assert path.read_text() == "whole"
    assert path.read_text() == "whole"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_an_error_tells_the_file(tmp_path):
    with pytest.raises(OSError, match="full") as caught, atomic(tmp_path / "a.csv"):
        raise OSError("full")
    assert caught.value.__notes__ == [f"{tmp_path / 'a.csv'} was not written."]


WRITE_AS_NOBODY = """
import os, sys
from pathlib import Path
from aisi.files import atomic
os.setgroups([]), os.setgid(65534), os.setuid(65534)
try:
    with atomic(Path(sys.argv[1])) as temporary:
        temporary.write_text("new")
except OSError as error:
    print(type(error).__name__, error, error.__notes__)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="machine lacks: the right to become another user")
def test_results_that_a_second_user_may_not_write(tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / "a.csv").write_text("old")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WRITE_AS_NOBODY, tmp_path / "a.csv"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert told.startswith("PermissionError") and f"{tmp_path / 'a.csv'} was not written." in told
    assert (tmp_path / "a.csv").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.csv"]

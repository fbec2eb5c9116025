"""Contents decide: names and bytes make the digest, times only whether a file is read again."""

import os
import time

import pytest

from aisi.planning import file_contents
from aisi.planning.file_contents import content_digest


@pytest.fixture
def photos(tmp_path, monkeypatch):
    later = time.time_ns() + 10**12  # seen from then, all that the test writes is long ago
    monkeypatch.setattr(time, "time_ns", lambda: later)
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name in ("b.jpg", "a.PNG", "sub/c.webp", ".DS_Store", "Thumbs.db"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def digest(tmp_path):
    return lambda path: content_digest(path, tmp_path / "notes")


@pytest.fixture
def opened(monkeypatch):
    """Files that were read, by name."""
    names, read = [], file_contents._digest
    monkeypatch.setattr(file_contents, "_digest", lambda path: names.append(os.path.basename(path)) or read(path))
    return names


def test_names_and_bytes_count(photos, digest):
    digests = [digest(photos)]
    (photos / "new.jpg").write_text("1")
    digests.append(digest(photos))
    (photos / "new.jpg").write_text("2")
    digests.append(digest(photos))
    (photos / "new.jpg").rename(photos / "newer.jpg")
    digests.append(digest(photos))
    assert len(set(digests)) == 4
    (photos / "newer.jpg").unlink()
    assert digest(photos) == digests[0]


def test_times_and_other_files_do_not_count(photos, digest):
    before = digest(photos)
    os.utime(photos / "b.jpg", ns=(0, 0))
    (photos / ".DS_Store").write_text("other")
    (photos / "notes.md").write_text("new")
    assert digest(photos) == before


def test_other_bytes_of_the_same_size_and_time_are_seen(photos, digest):
    before, status = digest(photos), os.stat(photos / "b.jpg")
    (photos / "b.jpg").write_text("B.JPG")
    os.utime(photos / "b.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digest(photos) != before


def test_what_did_not_change_is_not_read_again(photos, digest, opened):
    digest(photos)
    assert sorted(opened) == ["a.PNG", "b.jpg", "c.webp"]
    opened.clear()
    os.utime(photos / "b.jpg")
    (photos / "new.jpg").write_text("new")
    digest(photos)
    assert sorted(opened) == ["b.jpg", "new.jpg"]
    opened.clear()
    digest(photos)
    assert opened == []


def test_what_may_still_change_is_read_again(photos, digest, opened, monkeypatch):
    """Two changes within a tick of the clock would have the same time."""
    monkeypatch.setattr(time, "time_ns", lambda: os.stat(photos / "b.jpg").st_ctime_ns + 1)
    assert digest(photos) == digest(photos)
    assert opened.count("b.jpg") == 2


@pytest.mark.parametrize("damage", [lambda note: note.unlink(), lambda note: note.write_text('{"a": [')])
def test_lost_notes_cost_time_alone(photos, digest, tmp_path, damage):
    before = digest(photos)
    (note,) = (tmp_path / "notes").iterdir()
    damage(note)
    assert digest(photos) == before


def test_notes_that_cannot_be_written(photos):
    assert content_digest(photos, "/dev/null/notes") == content_digest(photos, "/dev/null/notes") != ""


def test_a_single_file(tmp_path, digest):
    assert digest(tmp_path / "table.csv") == ""
    (tmp_path / "table.csv").write_text("a")
    before = digest(tmp_path / "table.csv")
    (tmp_path / "table.csv").write_text("b")
    assert "" != before != digest(tmp_path / "table.csv")


def test_names_that_are_not_utf8(tmp_path, digest):
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_text("")
    assert digest(tmp_path) == digest(tmp_path)

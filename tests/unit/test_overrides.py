import numpy as np
import pytest

from aisi.formats.dataset import Categories
from aisi.formats.instances import SalientInstances
from aisi.formats.scores import Scores
from aisi.partition.overrides import OverrideError, pins, read_overrides

BOXES = np.array([[0, 0, 4, 3], [1, 1, 9, 9], [2, 0, 5, 7]])
INSTANCES = SalientInstances(
    np.array(["a b", "a b", "é/c"], object), np.array([0, 1, 0]), BOXES, np.zeros(3, np.float32), []
)
SCORES = Scores(np.array([0, 2, 4, 5]), np.array([1, 2, 1, 2, 3]), np.zeros(5, np.float32))
CATEGORIES = Categories(("cat", "dog", "dining table"), (1, 2, 3), ("#000000",) * 3)


def write(folder, text, encoding="utf-8"):
    path = folder / "overrides.csv"
    path.write_bytes(text.encode(encoding))
    return path


def pinned(path, stale="stop"):
    return pins(path, read_overrides(path), INSTANCES, SCORES, CATEGORIES, stale)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_pins(tmp_path, end, encoding):
    lines = ["image_id,instance_id,tag", "é/c,0,dining table", '"a b",1,noisy', ""]
    assert pinned(write(tmp_path, end.join(lines), encoding)).tolist() == [-1, 0, 3]


@pytest.mark.parametrize(
    "text", ["image_id,instance_id,tag\n", "image_id,instance_id,tag", "image_id,instance_id,tag\n\n"]
)
def test_no_rows(tmp_path, text):
    assert pinned(write(tmp_path, text)).tolist() == [-1, -1, -1]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_as_spreadsheets_write_it(tmp_path, end, separator):
    lines = ["tag,image_id,instance_id", "dining table,é/c,0", "noisy,a b,1", ",,", ""]
    text = end.join(lines).replace(",", separator)
    assert pinned(write(tmp_path, text, "utf-8-sig")).tolist() == [-1, 0, 3]


def test_quotes_and_separators_in_names(tmp_path):
    instances = SalientInstances(np.array(['a,"b";\n\u2028c'], object), np.zeros(1, int), BOXES[:1], np.zeros(1), [])
    scores = Scores(np.array([0, 1]), np.array([2]), np.zeros(1, np.float32))
    path = write(tmp_path, 'image_id,instance_id,tag\n"a,""b"";\n\u2028c",0,dog\n')
    assert pins(path, read_overrides(path), instances, scores, CATEGORIES).tolist() == [2]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a b,zero,cat"], "line 2: found instance_id 'zero', expected whole numbers"),
        (["a b,0,dining table"], "line 2: 'dining table' is not a keyword of photo 'a b'; expected cat, dog, noisy"),
        (["a b,0,Cat"], "line 2: 'Cat' is not a keyword"),
        (["a b,1,cat", "a b,0,"], "line 3: no tag for instance 0 of photo 'a b'.* or noisy, or delete the row"),
        (["a b,,cat"], "line 2: no value for instance_id"),
        (["a b,0,cat", "", "a b,0,dog"], "line 4: instance 0 of photo 'a b' is given twice"),
        (["a b,0"], "line 2: found 2 values"),
        (["a b,0,cat,3"], "line 2: found 4 values"),
    ],
)
@pytest.mark.parametrize("stale", ["stop", "drop"])
def test_a_wrong_row_is_named(tmp_path, rows, message, stale):
    with pytest.raises(OverrideError, match=message):
        pinned(write(tmp_path, "\n".join(["image_id,instance_id,tag", *rows])), stale)


@pytest.mark.parametrize("text", ["", "image_id,tag\na,cat\n", "image_id,instance_id,tag,x0\n", "a b,0,cat\n"])
def test_wrong_columns(tmp_path, text):
    with pytest.raises(
        OverrideError, match=r"expected image_id, instance_id, tag \(and, if you like, x0, y0, x1, y1\)"
    ):
        read_overrides(write(tmp_path, text))


def test_all_wrong_rows_are_listed(tmp_path):
    with pytest.raises(OverrideError, match="line 2: .*\n.*line 4: no tag"):
        read_overrides(write(tmp_path, "image_id,instance_id,tag\na b,zero,cat\na b,0,cat\na b,1,\n"))


def test_a_spreadsheet_changed_numbers_and_case(tmp_path):
    instances = SalientInstances(np.array(["0045", "A"], object), np.zeros(2, int), BOXES[:2], np.zeros(2), [])
    scores = Scores(np.array([0, 1, 2]), np.array([2, 2]), np.zeros(2, np.float32))
    path = write(tmp_path, "Image_ID|instance_id|TAG\n45|0.0|dog\na.jpg|0|noisy\n")
    assert pins(path, read_overrides(path), instances, scores, CATEGORIES).tolist() == [2, 0]


def test_another_encoding_is_refused(tmp_path):
    with pytest.raises(OverrideError, match="line 2: found the byte 0xe9, which is 'é' in Windows-1252 but not UTF-8"):
        read_overrides(write(tmp_path, "image_id,instance_id,tag\né/c,0,cat\n", "latin-1"))


STALE = ["image_id,instance_id,tag,x0,y0,x1,y1", "a b,0,cat,0,0,4,3", "a b,1,dog,1,1,9,8", "a b,7,cat,1,1,9,8"]


def test_stale_rows_are_counted(tmp_path):
    with pytest.raises(
        OverrideError, match="2 of 3 rows match no instance \\(line 3: instance 1 .*stale_overrides: drop"
    ):
        pinned(write(tmp_path, "\n".join(STALE)))
    with pytest.raises(OverrideError, match="1 of 1 rows match no instance \\(line 2: instance 0 of photo 'x'"):
        pinned(write(tmp_path, "image_id,instance_id,tag\nx,0,cat\n"))


def test_stale_rows_are_dropped_if_asked(tmp_path, capsys):
    assert pinned(write(tmp_path, "\n".join(STALE)), "drop").tolist() == [1, -1, -1]
    assert "2 of 3 rows match no instance" in capsys.readouterr().out

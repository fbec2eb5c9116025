import numpy as np
import pandas as pd
import pytest

from aisi.formats import SalientInstances, Scores
from aisi.overrides import OverrideError, pins, read_overrides

INSTANCES = SalientInstances(
    np.array(["a b", "a b", "é/c"], object), np.array([0, 1, 0]), np.zeros((3, 4), int), np.zeros(3, np.float32), []
)
SCORES = Scores(np.array([0, 2, 4, 5]), np.array([1, 2, 1, 2, 3]), np.zeros(5, np.float32))
CATEGORIES = pd.DataFrame({"label": [1, 2, 3], "name": ["cat", "dog", "dining table"]})


def write(folder, text, encoding="utf-8"):
    path = folder / "overrides.csv"
    path.write_bytes(text.encode(encoding))
    return path


def pinned(path):
    return pins(path, read_overrides(path), INSTANCES, SCORES, CATEGORIES)


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


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a b,0,cat", "a b,7,cat"], "line 3: 'a b' has no instance '7'"),
        (["x,0,cat"], "line 2: 'x' has no instance '0'"),
        (["a b,zero,cat"], "line 2: 'a b' has no instance 'zero'"),
        (["a b,0,dining table"], "line 2: 'dining table' is no keyword of photo 'a b'; it has cat, dog, or noisy"),
        (["a b,0,Cat"], "line 2: 'Cat' is no keyword"),
        (["a b,0,"], "line 2: '' is no keyword"),
        (["a b,0,cat", "", "a b,0,dog"], "line 4: instance 0 of photo 'a b' is given twice"),
        (["a b,0"], "line 2: found 2 values"),
        (["a b,0,cat,3"], "line 2: found 4 values"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, rows, message):
    with pytest.raises(OverrideError, match=message):
        pinned(write(tmp_path, "\n".join(["image_id,instance_id,tag", *rows])))


@pytest.mark.parametrize("text", ["", "image_id,tag\na,cat\n", "image_id;instance_id;tag\n"])
def test_wrong_columns(tmp_path, text):
    with pytest.raises(OverrideError, match="expected \\['image_id', 'instance_id', 'tag'\\]"):
        read_overrides(write(tmp_path, text))

"""The libraries of other tools read the exports, from an environment of their own (make test-tools)."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from aisi.export.writers import WRITERS
from test_export import FLAT, POLYGONS, dataset, expected, export, iou  # noqa: F401 (a fixture)
from workflow_text import ROOT

HERE = Path(__file__).parent
PYTHON = ROOT / ".venv-tools" / "bin" / "python"
TOOLS = {
    "pycocotools": {"coco", "coco_rle"},
    "datumaro": {"coco", "coco_rle", "cvat", "datumaro"},
    "label_studio": {"label_studio"},
    "labelformat": {"coco", "coco_rle", "yolo"},
    "opencv": {"png", "imagej"},
    "supervision": {"coco", "coco_rle", "yolo", "labelme"},
}
ERRORS = {("labelformat", "coco_rle"): "could not convert string to float"}
"""What a library cannot read, and what it says. docs/export.md lists it."""
LINES = {"coco": 0.25, "labelme": 0.25, "yolo": 0.25}
"""Smallest IoU with supervision, which draws the line around a polygon too: a single pixel becomes four."""
FOLDER_CALLED_IMAGES = "deep/images/holiday beach 1.jpg"
"""Ultralytics looks for its labels in deep/labels; the libraries of others in deep/images."""

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="make setup-tools has not installed the readers")


@pytest.fixture(scope="module")
def exports(dataset, tmp_path_factory):  # noqa: F811
    folder = tmp_path_factory.mktemp("exports")
    for name in WRITERS:
        export(dataset, folder / name, name)
    for path in [*(folder / "yolo").rglob("holiday beach 1.*")]:
        shutil.rmtree(path.parents[1], ignore_errors=True)
    return folder


@pytest.fixture(scope="module", params=TOOLS)
def tool_and_answer(request, exports, dataset, tmp_path_factory):  # noqa: F811
    """What a library finds in each format: name to list of (category, mask), or its error."""
    output = tmp_path_factory.mktemp("answer") / "found.json"
    command = [PYTHON, HERE / "read_exports.py", request.param, exports, dataset / "photos", output]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    answer = json.loads(output.read_text(encoding="utf-8"))
    assert answer.keys() == TOOLS[request.param]
    return request.param, {name: found if isinstance(found, str) else unpacked(found) for name, found in answer.items()}


def unpacked(instances):
    found = {}
    for name, category, height, width, pixels in instances:
        mask = np.zeros(height * width, bool)
        mask[pixels] = True
        found.setdefault(name, []).append((category, mask.reshape(height, width)))
    return found


def by_pixels(instances):
    """In an order that does not depend on the reader."""
    return sorted(instances, key=lambda one: (one[0], -one[1].sum()))


def test_a_library_finds_every_instance(tool_and_answer):
    tool, answer = tool_and_answer
    for file_format, found in answer.items():
        if (tool, file_format) in ERRORS:
            assert ERRORS[tool, file_format] in found
            continue
        assert isinstance(found, dict), f"{file_format}: {found}"
        wanted = {name: instances for name, instances in expected(file_format).items() if instances}
        if file_format == "yolo":
            del wanted[FOLDER_CALLED_IMAGES]
        if tool == "datumaro":  # its ids have no suffix
            wanted = {name.rpartition(".")[0]: instances for name, instances in wanted.items()}
        assert found.keys() == wanted.keys(), file_format
        for name, instances in wanted.items():
            read, true = by_pixels(found[name]), by_pixels(instances)
            assert [category for category, _ in read] == [category for category, _ in true], (file_format, name)
            for (_, mask), (_, other) in zip(read, true, strict=True):
                assert mask.shape == other.shape
                if tool == "supervision" and file_format in POLYGONS:
                    assert (mask & other).sum() >= 0.98 * other.sum(), (file_format, name)
                    assert iou(mask, other) >= LINES[file_format], (file_format, name)
                else:
                    assert iou(mask, other) >= (0.98 if file_format in POLYGONS else 1), (file_format, name)


def test_every_format_is_read_by_somebody_else():
    assert set().union(*TOOLS.values()) == set(WRITERS) and set(WRITERS) >= FLAT

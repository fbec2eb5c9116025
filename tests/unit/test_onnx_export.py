"""Networks as ONNX files: the same labels as the network, without PyTorch."""

import json
import re
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

import write_onnx
from aisi import onnx_export, predict
from aisi.masks import decode
from aisi.photos import read_photo
from test_predict import CATEGORIES, model_path, photos  # noqa: F401 (fixtures)
from workflow_text import ROOT

SIZES = (1, 1), (5, 7), (33, 200), (200, 33), (240, 320)
"""Heights and widths; none of them is traced."""
ALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("aisi", "torch", "torchvision", "timm", "scipy", "pandas"):
            raise ImportError(f"{name} must not be needed")

sys.meta_path.insert(0, Refuse())
"""


@pytest.fixture(scope="module")
def onnx_path(model_path):  # noqa: F811
    path = model_path.with_name("model.onnx")
    write_onnx.main(model_path=model_path, threads=1, onnx_path=path)
    return path


def noise(height, width):
    coarse = np.random.default_rng(height).integers(0, 256, (5, 5, 3), np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("size", SIZES)
def test_the_file_sees_what_the_network_sees(model_path, onnx_path, size):  # noqa: F811
    model, photo = predict.load_model(model_path), noise(*size)
    session = onnxruntime.InferenceSession(onnx_path)
    found = session.run(None, onnx_export.inputs_of(model, photo))
    labels, (tags, scores, masks) = model.segment(photo)
    if model.kind == "deeplab":
        assert found[0].dtype == np.uint8 and found[0].shape == size and (found[0] == labels).mean() >= 0.999
    else:
        assert found[0].tolist() == tags and found[1] == pytest.approx(scores, abs=1e-4)
        assert found[2].shape == (len(masks), *size)
        for one, other in zip(found[2], masks, strict=True):
            assert (one == decode(other)).mean() >= 0.999


def test_the_file_is_valid_and_knows_its_categories(model_path, onnx_path):  # noqa: F811
    onnx.checker.check_model(onnx_path, full_check=True)
    about = onnxruntime.InferenceSession(onnx_path).get_modelmeta().custom_metadata_map
    model = predict.load_model(model_path)
    assert json.loads(about["categories"]) == ["background", *CATEGORIES.names]
    assert json.loads(about["category_ids"]) == [0, *CATEGORIES.ids]
    assert about["network"] == model.kind and about["model_sha256"] == model.digest
    sizes = {"scales": [1.0, 0.5]} if model.kind == "deeplab" else {"image_size": 64, "largest_size": 96}
    assert {name: json.loads(about[name]) for name in sizes} == sizes


def test_the_docs_example_needs_onnxruntime_and_pillow_alone(model_path, onnx_path, photos, tmp_path):  # noqa: F811
    text = (ROOT / "docs" / "predict.md").read_text(encoding="utf-8")
    [example] = [code for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "onnxruntime" in code]
    assert len(example.strip().splitlines()) <= 24
    model = predict.load_model(model_path)
    if model.kind != "deeplab":
        return
    (tmp_path / "example.py").write_text(ALONE + example, encoding="utf-8")
    photo = photos / "Möwe 1" / "turned.jpg"
    command = [sys.executable, tmp_path / "example.py", onnx_path, photo, tmp_path / "labels.png"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    labels, _ = model.segment(read_photo(photo))
    assert (np.array(Image.open(tmp_path / "labels.png")) == labels).mean() >= 0.999
    printed = [line.rpartition(" ")[0] for line in process.stdout.splitlines()]
    assert printed == [("background", *CATEGORIES.names)[label] for label in np.unique(labels)]


def test_a_file_that_sees_something_else_is_not_written(model_path, tmp_path, monkeypatch):  # noqa: F811
    model = predict.load_model(model_path, device=torch.device("cpu"))
    photo = noise(40, 40)
    _, instances = model.segment(photo)
    everything = np.full((1,), 9, np.uint8)
    monkeypatch.setattr(predict.Model, "segment", lambda self, *given: (everything, ([], [], [])))
    with pytest.raises(ValueError, match="The ONNX file differs from the network at 100.00% of the pixels"):
        onnx_export.export_onnx(model, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()

"""The package of docs/extending.md: installed as a user would, its solver, head and backbone work by name."""

import importlib
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from snakemake.utils import update_config

from aisi import plugins
from aisi.partition import PartitionError, solve
from aisi.planning.config import read_config
from aisi.segmenters.deeplab import DeepLab, load_deeplab, predict, save_deeplab
from aisi.training.backbones import create_backbone
from test_config import SCHEMA, replaced
from test_solvers import assert_valid, planted
from workflow_text import ROOT

PAGE = (ROOT / "docs" / "extending.md").read_text()
FILES = dict(re.findall(r"^## (\w+\.\w+)\n.*?```\w+\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))
(CONFIG,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Folder in which pip has installed the package of the page."""
    source, target = tmp_path_factory.mktemp("my-parts"), tmp_path_factory.mktemp("installed")
    for name, text in FILES.items():
        (source / name).write_text(text)
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-build-isolation", "--no-deps", "--quiet"]
    process = subprocess.run([*command, "--target", target, source], capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr
    return target


@pytest.fixture
def installed(package, monkeypatch):
    monkeypatch.syspath_prepend(package)
    plugins.installed.cache_clear()
    plugins._code.cache_clear()
    yield package
    plugins.installed.cache_clear()
    for name in ("my_solver", "my_networks"):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()


def test_page_has_a_solver_in_twenty_lines():
    assert set(FILES) == {"pyproject.toml", "my_solver.py", "my_networks.py"}
    assert len(FILES["my_solver.py"].splitlines()) <= 20


def test_solver(installed):
    problem = planted(60, 0)
    found = solve(problem, "greedy")
    assert_valid(problem, found)
    assert found.solver == "greedy" and np.isnan(found.bound)
    exact, attention = solve(problem, "highs", gap=0), solve(problem, "attention")
    assert attention.objective < found.objective <= exact.objective + 1e-6


def test_head_and_backbone(installed, tmp_path):
    architecture = {"n_categories": 2, "backbone": "tiny", "output_stride": 16, "head": "linear"}
    architecture |= {"rates": [1], "width": 8, "skip_width": 0}
    model = DeepLab(**architecture)
    assert model(torch.zeros(1, 3, 64, 48, dtype=torch.uint8)).shape[1] == 3
    save_deeplab(tmp_path / "w.safetensors", model, architecture)
    again = load_deeplab(tmp_path / "w.safetensors", torch.device("cpu"), 2)
    photo = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    assert np.array_equal(predict(again, photo), predict(model.eval(), photo))


def test_config_of_the_page(installed, monkeypatch):
    config = replaced(("external",), {})
    update_config(config, yaml.safe_load(CONFIG))
    read = read_config(config, SCHEMA)
    assert read["semantic"]["networks"]["mine"]["network"]["head"] == "linear"
    assert read["partition"]["solver"] == "greedy"
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder != str(installed)])
    plugins.installed.cache_clear()
    with pytest.raises(ValueError) as error:
        read_config(config, SCHEMA)
    assert 'partition.solver is "greedy"; it must be message_passing, highs, cplex, or one of the' in str(error.value)
    assert 'semantic.networks.mine.network.head is "linear"; it must be decoder' in str(error.value)


def test_code_of_a_part_counts_for_the_rules_that_name_it(installed):
    params = {"solver": "greedy", "network": {"head": "sum", "rates": [1, 2]}}
    before = plugins.code_of_parts(params)
    assert len(before) == 12
    assert plugins.code_of_parts({"solver": "highs"}) == ""
    assert plugins.code_of_parts([("linear",)]) not in ("", before)
    text = (installed / "my_solver.py").read_text()
    try:
        (installed / "my_solver.py").write_text(text.replace("-np.inf", "-1e9"))
        plugins._code.cache_clear()
        assert plugins.code_of_parts(params) != before
    finally:
        (installed / "my_solver.py").write_text(text)


def test_unknown_names_list_the_known_ones(installed):
    with pytest.raises(PartitionError, match="Unknown solver 'gredy'. Use message_passing, .*, random, greedy."):
        solve(planted(5, 0), "gredy")
    with pytest.raises(ValueError, match="found the name 'cubic', expected one of decoder, sum, large_fov, linear"):
        DeepLab(2, "tiny", 16, "cubic", [1], 8, 0)


VIT, SWIN = ("vit_tiny_patch16_224", [192] * 4), ("swin_tiny_patch4_window7_224", [96, 192, 384, 768])


# Swin takes seconds, and stride 8 runs the same code as 16
@pytest.mark.parametrize(
    ("name", "channels", "output_stride"), [(*VIT, 8), (*VIT, 16), (*VIT, 32), (*SWIN, 16), (*SWIN, 32)]
)
def test_transformers_give_maps_of_any_photo(name, channels, output_stride):
    backbone = create_backbone(name, "none", output_stride).eval()
    assert backbone.channels == channels and not backbone.sees_corners
    with torch.inference_mode():
        maps = backbone(torch.rand(2, 3, 72, 104))
    strides = [min(stride, output_stride) for stride in (4, 8, 16, 32)]
    assert [tuple(part.shape) for part in maps] == [
        (2, width, -(-72 // stride), -(-104 // stride)) for width, stride in zip(channels, strides, strict=True)
    ]


def test_maps_of_a_transformer_lie_where_it_sees_the_photo():
    """A bright square changes the cells around it most, rows and columns not exchanged."""
    torch.manual_seed(0)
    backbone = create_backbone("vit_tiny_patch16_224", "none", 16).eval()
    photo = torch.zeros(1, 3, 96, 160)
    with torch.inference_mode():
        before = backbone(photo)[-1]
        photo[..., 64:80, 16:32] = 1
        change = (backbone(photo)[-1] - before).abs().sum(1)[0]
    assert divmod(int(change.argmax()), change.shape[1]) == (4, 1)


def test_a_transformer_reads_the_weights_of_the_whole_network(tmp_path):
    timm = pytest.importorskip("timm")
    torch.manual_seed(1)
    network = timm.create_model("vit_tiny_patch16_224")
    torch.save(network.state_dict(), tmp_path / "w.pth")
    backbone = create_backbone("vit_tiny_patch16_224", tmp_path / "w.pth", 16)
    own, theirs = dict(backbone.named_parameters()), dict(network.named_parameters())
    name = "blocks.3.attn.qkv.weight"
    (found,) = (key for key in own if key.endswith(name))
    assert torch.equal(own[found], theirs[name])
    torch.save({}, tmp_path / "empty.pth")
    with pytest.raises(ValueError, match="do not fit vit_tiny"):
        torch.save({"x": torch.zeros(1)}, tmp_path / "wrong.pth")
        create_backbone("vit_tiny_patch16_224", tmp_path / "wrong.pth", 16)

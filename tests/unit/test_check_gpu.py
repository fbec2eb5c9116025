"""The check for a machine with a GPU, at tiny sizes on the CPU."""

import importlib.util
import json
import math
import subprocess
import sys

import pytest

from aisi.training.processes import on_gpus
from workflow_text import ROOT

SCRIPT = ROOT / "benchmarks/check_gpu.py"
SPEC = importlib.util.spec_from_file_location("check_gpu", SCRIPT)
check_gpu = importlib.util.module_from_spec(SPEC)
sys.modules["check_gpu"] = check_gpu
SPEC.loader.exec_module(check_gpu)


@pytest.mark.parametrize("name", check_gpu.NETWORKS)
def test_every_network_trains_two_steps_and_predicts(name):
    result = check_gpu.check_network(name, small=True, n_steps=1)
    assert result["failures"] == [] and len(result["losses"]) == 2 and all(map(math.isfinite, result["losses"]))
    assert min(result[figure] for figure in ("images_per_second", "bare", "predictions", "memory")) > 0
    assert result["precision"] == "float32" and result["difference"] is None and result["two_processes"] is None


def test_two_processes_have_the_losses_of_one(tmp_path):
    for n in (1, 2):
        (tmp_path / str(n)).mkdir()
        folder = str(tmp_path / str(n))
        arguments = {"name": "Attention, ResNet-50", "small": True, "folder": folder}
        on_gpus(check_gpu.main, n)(**arguments, result_path=f"{folder}/losses.json")
    one, two = (json.loads((tmp_path / n / "losses.json").read_text()) for n in ("1", "2"))
    assert one == pytest.approx(two, rel=1e-3)


def test_one_command_writes_the_json_and_a_table(tmp_path):
    command = [sys.executable, SCRIPT, tmp_path / "gpu.json", "--small", "--steps", "1", "--networks"]
    process = subprocess.run([*command, "Features, ResNet-50"], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    report = json.loads((tmp_path / "gpu.json").read_text())
    assert list(report["networks"]) == ["Features, ResNet-50"] and report["machine"]["torch"]
    assert "| Features, ResNet-50 | 2 | float32 |" in process.stdout


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"losses": [1.0, math.nan], "two_processes": None}, "are not finite"),
        ({"difference": 0.01}, "CPU and GPU differ by 0.01, expected less than 0.001"),
        ({"difference": math.nan}, "CPU and GPU differ by nan"),
        ({"two_processes": [1.0, 2.0]}, "the mean loss of two processes is 1.5, that of one 1"),
    ],
)
def test_failures_are_said(changes, message):
    result = {"losses": [1.0, 1.0], "difference": 1e-4, "two_processes": [1.01, 1.0]}
    assert check_gpu.failures(result) == check_gpu.failures(result | {"two_processes": None}) == []
    [failure] = check_gpu.failures(result | changes)
    assert message in failure


def test_an_error_is_a_failure_of_its_network(monkeypatch, tmp_path):
    monkeypatch.setattr(check_gpu, "__file__", tmp_path / "missing.py")
    result = check_gpu.run("Features, ResNet-50", check_gpu.argparse.Namespace(small=True, steps=1))
    assert "missing.py" in result["failures"][0]

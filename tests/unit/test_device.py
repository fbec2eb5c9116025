"""The device of a job and its arithmetic: repeatable on the CPU, fast native operations on a GPU."""

import pytest
import torch

from aisi.training.weights import pick_device


@pytest.fixture(autouse=True)
def restored():
    """Put torch's switches back after each test."""
    cudnn = torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, torch.backends.fp32_precision
    torch.use_deterministic_algorithms(False)
    yield
    torch.use_deterministic_algorithms(before[0], warn_only=True)
    cudnn.deterministic, torch.backends.fp32_precision = before[1:]


@pytest.fixture
def gpu(monkeypatch):
    """torch answers as on a machine with four GPUs, in the process of the third."""
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setenv("LOCAL_RANK", "2")
    return chosen


def test_the_cpu_is_deterministic(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device() == torch.device("cpu")
    assert torch.are_deterministic_algorithms_enabled()


def test_a_gpu_keeps_its_native_operations(gpu):
    """With deterministic algorithms torchvision takes a slow ``roi_align`` that is written in Python."""
    assert pick_device() == torch.device("cuda", 2) and gpu == [torch.device("cuda", 2)]
    assert not torch.are_deterministic_algorithms_enabled()


def test_convolutions_on_a_gpu_repeat_and_float32_is_float32(gpu):
    pick_device()
    assert torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark
    assert torch.backends.cudnn.conv.fp32_precision == torch.backends.cuda.matmul.fp32_precision == "ieee"

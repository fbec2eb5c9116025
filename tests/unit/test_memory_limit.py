"""A training that gets too little memory fails, says so, and continues from its checkpoint with more: same weights.

All trainings use aisi.training.engine.fit, so one network stands for all.
"""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
PROGRAM = """
import resource, sys
import torch
from torch import nn
from aisi.progress import log_to
from aisi.training.engine import fit

class Samples:
    def __len__(self):
        return 4
    def sample(self, index, rng):
        return torch.ones(1)

def loss(model, batch):
    if loss.steps == 3 and sys.argv[1] == "limited":  # in the second epoch
        resource.setrlimit(resource.RLIMIT_AS, (1 << 33, 1 << 33))
        torch.zeros(1 << 36)
    loss.steps += 1
    return model(batch).square().mean()

loss.steps = 0
torch.manual_seed(0)
torch.set_num_threads(1)
model = nn.Linear(1, 1)
recipe = {"epochs": 3, "batch_size": 2, "optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0, "schedule": "poly"}
with log_to("job.log"):
    fit(model, loss, Samples(), recipe, seed=0, log_path="log.csv", identity="")
print("weights", model.weight.item(), model.bias.item())
"""


@pytest.fixture
def run(tmp_path):
    def start(mode, folder):
        (tmp_path / folder).mkdir(exist_ok=True)
        command, environment = [sys.executable, "-c", PROGRAM, mode], {"PYTHONPATH": str(SCRIPTS)}
        return subprocess.run(command, cwd=tmp_path / folder, env=environment, capture_output=True, text=True)

    return start


def test_too_little_memory(run, tmp_path):
    failed = run("limited", "a")
    assert failed.returncode == 1
    assert "allocate" in (tmp_path / "a" / "job.log").read_text()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        *("job.log", "log.checkpoint.pt", "log.csv", "log.csv.sha256")
    ]
    again, whole = run("free", "a"), run("free", "b")
    assert again.returncode == 0 and "Continuing from log.checkpoint.pt after 2 of 6 steps" in again.stdout
    assert [line for line in again.stdout.splitlines() if line.startswith("weights")] == [
        line for line in whole.stdout.splitlines() if line.startswith("weights")
    ]

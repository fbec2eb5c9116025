"""The engine: resume, identity, schedules, a running average, and a stop on a broken loss."""

import csv

import numpy as np
import pytest
import torch
from torch import nn

from aisi.training import NonFiniteLossError, fit, training_identity

RECIPE = {
    "epochs": 4,
    "batch_size": 4,
    "optimizer": "adamw",
    "learning_rate": 0.05,
    "weight_decay": 0.0,
    "schedule": "one_cycle",
}


class Line:
    """y = 3 x with a little noise from the sample's generator."""

    def __len__(self):
        return 10

    def sample(self, index, rng):
        x = torch.tensor([index / 10], dtype=torch.float)
        return x, 3 * x + 0.01 * float(rng.normal())


def loss(model, batch):
    return (model(batch[0]) - batch[1]).square().mean()


def train(folder, recipe=RECIPE, identity="a", seed=0, loss=loss):
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.1), nn.Linear(8, 1))
    arguments = {"seed": seed, "checkpoint": folder / "c.pt", "log": folder / "log.csv", "identity": identity}
    fit(model, loss, Line(), recipe, **arguments)
    return torch.cat([p.detach().ravel() for p in model.parameters()])


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "poly", "step"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_every_schedule_learns(tmp_path, schedule, optimizer):
    recipe = RECIPE | {"schedule": schedule, "optimizer": optimizer, "milestones": [3], "epochs": 15}
    train(tmp_path, recipe)
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert len(rows) == 15 and float(rows[-1]["loss"]) < 0.5 * float(rows[0]["loss"])


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_stopped_training_goes_on_exactly(tmp_path, ema):
    """The loss fails in the third epoch; the second call ends with the weights of an undisturbed run."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    recipe, calls = RECIPE | {"ema": ema}, []

    def failing(model, batch):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return loss(model, batch)

    with pytest.raises(KeyboardInterrupt):
        train(broken, recipe, loss=failing)
    assert not (broken / "log.csv").exists()
    assert train(broken, recipe).equal(train(whole, recipe))
    assert (broken / "log.csv").read_bytes() == (whole / "log.csv").read_bytes()


def test_a_checkpoint_of_another_training_is_not_used(tmp_path):
    first = train(tmp_path, identity="a")
    assert not train(tmp_path, identity="b", seed=1).equal(first)


def test_equal_seeds_give_equal_weights(tmp_path):
    a, b, c = (train(tmp_path, identity=str(i), seed=seed) for i, seed in enumerate((0, 0, 1)))
    assert a.equal(b) and not a.equal(c)


def test_the_running_average_differs_from_the_last_weights(tmp_path):
    assert not train(tmp_path, RECIPE | {"ema": 0.9}, "a").equal(train(tmp_path, RECIPE, "b"))


def test_a_broken_loss_stops(tmp_path):
    with pytest.raises(NonFiniteLossError, match="learning rate"):
        train(tmp_path, loss=lambda model, batch: loss(model, batch) * np.inf)


def test_an_empty_set_is_refused(tmp_path):
    class Empty(Line):
        def __len__(self):
            return 0

    with pytest.raises(ValueError, match="empty"):
        fit(nn.Linear(1, 1), loss, Empty(), RECIPE, seed=0, checkpoint="c", log="l", identity="")


def test_groups_have_their_own_rates(tmp_path):
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    before = model[0].weight.item()
    groups = [
        {"params": list(model[0].parameters()), "scale": 0.0},
        {"params": list(model[1].parameters()), "scale": 1.0},
    ]
    arguments = {"seed": 0, "checkpoint": tmp_path / "c.pt", "log": tmp_path / "l.csv", "identity": ""}
    fit(model, loss, Line(), RECIPE | {"schedule": "cosine"}, parameter_groups=groups, **arguments)
    assert model[0].weight.item() == before


def test_identity_follows_values_and_files(tmp_path):
    file = tmp_path / "f"
    file.write_text("1")
    first = training_identity(1, files=[file])
    assert training_identity(1, files=[file]) == first != training_identity(2, files=[file])
    file.write_text("2")
    assert training_identity(1, files=[file]) != first

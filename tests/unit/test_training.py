"""The training loop: schedules, parts of a batch, processes, resume, held-out samples, a stop on an infinite loss."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from aisi.formats.seal import sealed
from aisi.training import engine
from aisi.training.engine import NonFiniteLossError, fit, make_optimizer, make_schedule, training_identity
from aisi.training.processes import SynchronisedBatchNorm, on_gpus, synchronise_batch_norms

RECIPE = {
    "epochs": 4,
    "batch_size": 4,
    "optimizer": "adamw",
    "learning_rate": 0.05,
    "weight_decay": 0.0,
    "schedule": "one_cycle",
}


class Line:
    """y = 3 x with a little noise from the sample's generator. Every third y is unknown."""

    def __init__(self, n=10):
        self.n, self.seen = n, set()

    def __len__(self):
        return self.n

    def sample(self, index, rng):
        self.seen.add(index)
        x = torch.tensor([index / 10], dtype=torch.float)
        return x, 3 * x + 0.01 * float(rng.normal()), torch.tensor([index % 3 > 0])


def loss(model, batch):
    return (model(batch[0]) - batch[1]).square().mean()


def loss_of_known(model, batch):
    """Two means: over all samples, and over those with a known y."""
    x, y, known = batch
    error = (model(x) - y).square()
    return torch.stack([error.mean(), (error * known).sum() / known.sum().clamp(min=1)])


loss_of_known.count = lambda batch: (len(batch[0]), batch[2].sum())


def train(folder, recipe=RECIPE, identity="a", seed=0, loss=loss, dataset=None, model=None, **options):
    torch.manual_seed(5)
    model = model or nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.1), nn.Linear(8, 1))
    arguments = {"seed": seed, "checkpoint_path": folder / "c.pt", "log_path": folder / "log.csv"}
    fit(model, loss, dataset or Line(), recipe, identity=identity, **arguments, **options)
    return torch.cat([p.detach().ravel() for p in model.parameters()])


def rows(path):
    return list(csv.DictReader(path.open()))


def column(path, name):
    return [float(row[name]) for row in rows(path)]


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "poly", "step"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_every_schedule_learns(tmp_path, schedule, optimizer):
    recipe = RECIPE | {"schedule": schedule, "optimizer": optimizer, "milestones": [3], "epochs": 15}
    train(tmp_path, recipe)
    losses = column(tmp_path / "log.csv", "loss")
    assert len(losses) == 15 and losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schedule": "poly", "epochs": 2}, [1, 0.75**0.9, 0.5**0.9, 0.25**0.9]),
        ({"schedule": "poly", "iterations": 3}, [1, (2 / 3) ** 0.9, (1 / 3) ** 0.9]),
        ({"schedule": "step", "epochs": 3, "milestones": [1, 2.5]}, [1, 1, 0.1, 0.1, 0.1, 0.01]),
        ({"schedule": "step", "iterations": 4, "milestones": [1, 3]}, [1, 0.1, 0.1, 0.01]),
    ],
    ids=["poly, epochs", "poly, iterations", "step, epochs", "step, iterations"],
)
def test_learning_rates_by_hand(changes, expected):
    """An epoch has two steps; the second group learns ten times as fast."""
    recipe = RECIPE | {"learning_rate": 0.2, "optimizer": "sgd"} | changes
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "scale": scale} for scale in (1, 10)]
    optimizer = make_optimizer(None, recipe, groups)
    schedule = make_schedule(optimizer, recipe, steps=2)
    found = []
    for _ in expected:
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    assert np.array(found) == pytest.approx(np.array(expected)[:, None] * [0.2, 2])


def test_the_warmup_multiplies_the_schedule():
    """A thousandth at first, then linearly up to the whole after four steps; a milestone falls into it."""
    recipe = RECIPE | {"learning_rate": 1.0, "optimizer": "sgd", "schedule": "step", "milestones": [2, 5], "warmup": 4}
    optimizer = make_optimizer(nn.Linear(1, 1), recipe | {"iterations": 6})
    schedule = make_schedule(optimizer, recipe | {"iterations": 6}, steps=2)
    found = []
    for _ in range(6):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    factors = 0.001 + 0.999 * np.minimum(np.arange(6) / 4, 1)
    assert found == pytest.approx(factors * [1, 1, 0.1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize("schedule", ["step", "poly", "cosine"])
def test_a_training_that_stops_in_its_warmup_goes_on_exactly(tmp_path, schedule):
    recipe = RECIPE | {"schedule": schedule, "milestones": [2], "warmup": 5}
    whole, calls = train(tmp_path, recipe, identity="whole"), []

    def failing(model, batch):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return loss(model, batch)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, recipe, identity="broken", loss=failing)
    assert train(tmp_path, recipe, identity="broken").equal(whole)


def test_more_processes_than_samples_of_a_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "n_processes", lambda: 5)
    with pytest.raises(ValueError, match="batch_size 4 with 5 GPUs"):
        train(tmp_path)


def test_iterations_may_end_within_an_epoch(tmp_path):
    train(tmp_path, RECIPE | {"iterations": 5})
    assert [row["epoch"] for row in rows(tmp_path / "log.csv")] == ["0", "1"]
    assert torch.load(tmp_path / "c.pt", weights_only=True)["rng"]["step"] == 5


def test_columns_of_the_logs(tmp_path):
    train(tmp_path, times_path=tmp_path / "times.csv")
    assert list(rows(tmp_path / "log.csv")[0]) == ["epoch", "loss", "learning_rate", "held_out"]
    assert list(rows(tmp_path / "times.csv")[0]) == ["epoch", "seconds", "images_per_second"]
    assert column(tmp_path / "times.csv", "epoch") == [0, 1, 2, 3]
    assert min(column(tmp_path / "times.csv", "images_per_second")) > 0


@pytest.mark.parametrize("seconds", [engine.CHECKPOINT_SECONDS, 0], ids=["epochs", "steps"])
@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, monkeypatch, ema, seconds):
    """The loss fails in the third epoch; the second call ends with the weights of an uninterrupted run."""
    monkeypatch.setattr(engine, "CHECKPOINT_SECONDS", seconds)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    recipe, calls = RECIPE | {"ema": ema}, []

    def failing(model, batch):
        calls.append(1)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return loss(model, batch)

    with pytest.raises(KeyboardInterrupt):
        train(broken, recipe, loss=failing)
    assert torch.load(broken / "c.pt", weights_only=True)["rng"]["step"] == (8 if seconds == 0 else 6)
    assert train(broken, recipe).equal(train(whole, recipe))
    assert (broken / "log.csv").read_bytes() == (whole / "log.csv").read_bytes()


def test_a_checkpoint_holds_the_whole_state(tmp_path):
    train(tmp_path)
    state = torch.load(tmp_path / "c.pt", weights_only=True)
    assert {"model", "optimizer", "schedule", "scaler", "rng", "params"} <= set(state)
    assert state["params"] == RECIPE


def test_a_checkpoint_of_another_training_is_not_used(tmp_path):
    first = train(tmp_path, identity="a")
    assert not train(tmp_path, identity="b", seed=1).equal(first)


class Code:
    """An object of a hostile file: pickle's own reader would run its code, which makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    train(tmp_path)
    file = tmp_path / "c.pt"
    whole = file.read_bytes()
    with pytest.raises(ValueError, match="c.pt: does not fit Sequential .*size mismatch.*Delete it"):
        train(tmp_path, model=nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.1), nn.Linear(4, 1)))
    for content in (whole[: len(whole) // 2], b"", b"not at all"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="c.pt: cannot be read.*Delete it"):
            train(tmp_path)
    torch.save(Code(tmp_path / "made"), file)
    with pytest.raises(ValueError, match="c.pt: cannot be read.*Delete it"):
        train(tmp_path)
    assert not (tmp_path / "made").exists()
    with sealed(file) as temporary:
        torch.save({"weight": torch.zeros(1)}, temporary)
    with pytest.raises(ValueError, match="c.pt: not a checkpoint"):
        train(tmp_path)


def test_equal_seeds_give_equal_weights(tmp_path):
    a, b, c = (train(tmp_path, identity=str(i), seed=seed) for i, seed in enumerate((0, 0, 1)))
    assert a.equal(b) and not a.equal(c)


def test_worker_processes_change_nothing(tmp_path):
    expected = train(tmp_path, identity="here")
    assert train(tmp_path, RECIPE | {"workers": 2}, identity="elsewhere").equal(expected)


def test_ema_keeps_other_weights_than_the_last_step(tmp_path):
    assert not train(tmp_path, RECIPE | {"ema": 0.9}, "a").equal(train(tmp_path, RECIPE, "b"))


@pytest.mark.parametrize("batch_size", [4, 64], ids=["batches", "fewer samples than a batch"])
def test_parts_add_up_to_the_batch(tmp_path, batch_size):
    """Batches of 4, 4 and 2 samples in three parts each, which differ in size and in their number of known y."""
    recipe = RECIPE | {"batch_size": batch_size, "clip": 0.5}
    found = []
    for accumulate in (1, 3):
        arguments = {"loss": loss_of_known, "model": nn.Linear(1, 1), "identity": str(accumulate)}
        for parameter in arguments["model"].parameters():
            nn.init.zeros_(parameter)
        found.append(train(tmp_path, recipe | {"accumulate": accumulate}, **arguments).tolist())
        found[-1] += column(tmp_path / "log.csv", "loss")
    assert found[1] == pytest.approx(found[0], abs=1e-6)


def main(folder, recipe, sizes):
    """Train a network with batch norm on sets of these sizes. Each of several processes runs this too."""
    for n in sizes:
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(1, 12), nn.Unflatten(1, (3, 2, 2)), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten())
        model.append(nn.Linear(12, 1))
        home = Path(folder, str(n))
        home.mkdir(parents=True, exist_ok=True)
        train(home, recipe, loss=loss_of_known, dataset=Line(n), model=model)
        torch.save(model.state_dict(), home / "weights.pt")


def test_two_processes_train_as_one(tmp_path):
    """One of 13 samples is held out; batches of 5, 5 and 2 samples have unequal shares."""
    recipe = RECIPE | {"batch_size": 5, "held_out": 0.08, "clip": 1.0, "ema": 0.5, "optimizer": "sgd"}
    for n in (1, 2):
        on_gpus(main, n)(folder=str(tmp_path / str(n)), recipe=recipe, sizes=[13, 12])
    for name in ("loss", "held_out"):
        one, two = (column(tmp_path / n / "13" / "log.csv", name) for n in ("1", "2"))
        assert one == pytest.approx(two, abs=1e-4)
    one, two = (torch.load(tmp_path / n / "13" / "weights.pt", weights_only=True) for n in ("1", "2"))
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], atol=1e-4, rtol=1e-4)
    # the last batch of 12 samples has one sample, so one process has none and repeats it
    one, two = (column(tmp_path / n / "12" / "log.csv", "loss") for n in ("1", "2"))
    assert one == pytest.approx(two, abs=1e-4)


def test_the_error_of_a_process_is_shown(tmp_path):
    with pytest.raises(ChildFailedError, match="Unknown schedule 'none'"):
        on_gpus(main, 2)(folder=str(tmp_path), recipe=RECIPE | {"schedule": "none"}, sizes=[1])


def test_frozen_batch_norms_are_not_synchronised(tmp_path):
    model = nn.Sequential(nn.BatchNorm2d(1), nn.BatchNorm2d(1))
    model[0].train = lambda mode: nn.Module.train(model[0], False)
    synchronise_batch_norms(model)
    assert [type(module) for module in model] == [nn.BatchNorm2d, SynchronisedBatchNorm]


def test_held_out_samples_do_not_train(tmp_path):
    dataset, evaluated = Line(), []

    def evaluate(model, indices):
        assert not model.training
        evaluated.append(indices)
        return len(evaluated) / 10

    train(tmp_path, RECIPE | {"held_out": 0.2}, dataset=dataset, evaluate=evaluate)
    assert evaluated == [evaluated[0]] * 4 and len(evaluated[0]) == 2
    assert dataset.seen == set(range(10)) - set(evaluated[0])
    assert column(tmp_path / "log.csv", "held_out") == [0.1, 0.2, 0.3, 0.4]


def test_held_out_loss_by_hand(tmp_path):
    """The network always answers 0, so its loss on held-out samples is the mean of their y squared."""
    model = nn.Linear(1, 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    groups = [{"params": list(model.parameters()), "scale": 0.0}]
    held_out, dataset = [], Line()

    def evaluate(model, indices):
        held_out[:] = indices
        return 0.0

    arguments = {"model": model, "dataset": dataset, "parameter_groups": groups}
    train(tmp_path, RECIPE | {"held_out": 0.5, "batch_size": 2}, evaluate=evaluate, identity="indices", **arguments)
    train(tmp_path, RECIPE | {"held_out": 0.5, "batch_size": 2}, identity="loss", **arguments)
    ys = [float(dataset.sample(i, np.random.default_rng((0, 0, i)))[1]) for i in held_out]
    assert column(tmp_path / "log.csv", "held_out") == pytest.approx([np.mean(np.square(ys))] * 4)


def test_an_infinite_loss_stops_the_training(tmp_path):
    with pytest.raises(NonFiniteLossError, match="epoch 0, step 0 of 12.*learning_rate"):
        train(tmp_path, loss=lambda model, batch: loss(model, batch) * np.inf)


def test_an_empty_training_set_is_refused(tmp_path):
    with pytest.raises(ValueError, match="empty"):
        fit(nn.Linear(1, 1), loss, Line(0), RECIPE, seed=0, log_path=tmp_path / "l.csv", identity="")


def test_parameter_groups_have_their_own_learning_rates(tmp_path):
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    before = model[0].weight.item()
    groups = [
        {"params": list(model[0].parameters()), "scale": 0.0},
        {"params": list(model[1].parameters()), "scale": 1.0},
    ]
    train(tmp_path, RECIPE | {"schedule": "cosine"}, model=model, parameter_groups=groups)
    assert model[0].weight.item() == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="machine lacks: a GPU")
@pytest.mark.parametrize("precision", ["bfloat16", "float16", "float32"])
def test_every_precision_learns(tmp_path, precision):
    model = nn.Sequential(nn.Linear(1, 8), nn.Linear(8, 1)).cuda()
    train(tmp_path, RECIPE | {"precision": precision, "epochs": 15, "clip": 1.0}, model=model)
    losses = column(tmp_path / "log.csv", "loss")
    assert losses[-1] < 0.5 * losses[0]


def test_a_cpu_learns_in_bfloat16_if_the_recipe_asks_for_it(tmp_path):
    """Depthwise convolutions stay in float32, and the average has weights of its own."""
    torch.manual_seed(0)
    kinds = []
    model = nn.Sequential(nn.Unflatten(1, (1, 1, 1)), nn.Conv2d(1, 4, 1), nn.Conv2d(4, 4, 1, groups=4), nn.Flatten())
    model.append(nn.Linear(4, 1))
    for layer in (model[1], model[2]):
        layer.register_forward_hook(lambda layer, inputs, output: kinds.append(output.dtype))
    recipe = RECIPE | {"precision": "bfloat16", "epochs": 15, "clip": 1.0, "ema": 0.5}
    train(tmp_path, recipe, model=model)
    losses = column(tmp_path / "log.csv", "loss")
    assert losses[-1] < 0.5 * losses[0]
    assert kinds[:2] == [torch.bfloat16, torch.float32]


def test_identity_depends_on_values_and_files(tmp_path):
    file = tmp_path / "f"
    file.write_text("1")
    first = training_identity(1, file_paths=[file])
    assert training_identity(1, file_paths=[file]) == first != training_identity(2, file_paths=[file])
    file.write_text("2")
    assert training_identity(1, file_paths=[file]) != first

"""The training engine of every network: epochs, schedule, checkpoint, resume, one CSV row an epoch."""

import csv
import hashlib
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import optim
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset, default_collate

from aisi.files import atomic
from aisi.progress import progress

LOG_COLUMNS = ["epoch", "loss", "learning_rate"]


class NonFiniteLossError(RuntimeError):
    """The loss became infinite or not a number."""


def fit(model, loss, dataset, recipe, *, seed, checkpoint, log, identity, parameter_groups=None):
    """Train a model in place, going on from its checkpoint if there is one of the same identity.

    All randomness of an epoch follows from ``seed``, the epoch and the sample, so a training that was stopped after
    any epoch goes on exactly as if it had not been.

    Parameters
    ----------
    model : nn.Module
        On its device. Holds the final weights afterwards (their running average, with ``ema``).
    loss : callable
        ``loss(model, batch)`` gives a scalar tensor.
    dataset : object
        ``len(dataset)`` and ``dataset.sample(index, rng)`` with a numpy Generator; ``dataset.collate`` if the default
        collation does not fit.
    recipe : dict
        epochs, batch_size, optimizer (``sgd`` or ``adamw``), learning_rate, weight_decay, schedule (``one_cycle``,
        ``cosine``, ``poly`` or ``step``); optional momentum, milestones (epochs, for ``step``), clip (gradient norm),
        ema (decay of the running average of weights, 0 for none), workers (loader processes).
    seed : int
    checkpoint : str or Path
        Written after each epoch.
    log : str or Path
        CSV with columns ``LOG_COLUMNS``.
    identity : str
        What the training depends on; a checkpoint of another identity is not used.
    parameter_groups : list of dict, optional
        ``params`` and ``scale`` of the learning rate; all parameters with scale 1 if absent.

    Raises
    ------
    ValueError
        If the dataset is empty.
    NonFiniteLossError
    """
    if len(dataset) == 0:
        raise ValueError("There is nothing to train on: the training set is empty.")
    device = next(model.parameters()).device
    model.to(memory_format=torch.channels_last)
    steps = math.ceil(len(dataset) / recipe["batch_size"])
    optimizer = _optimizer(model, recipe, parameter_groups)
    schedule = _schedule(optimizer, recipe, steps)
    decay = recipe.get("ema", 0)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True) if decay else None
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule} | ({"average": average} if average else {})
    rows = _resume(parts, Path(checkpoint), identity, device)
    for epoch in range(len(rows), recipe["epochs"]):
        torch.manual_seed(int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0]))
        loader = _loader(dataset, recipe, seed, epoch)
        started = time.monotonic()
        mean_loss = _train_one_epoch(model, loss, loader, optimizer, schedule, average, recipe, device, epoch)
        print(f"epoch {epoch}: loss {mean_loss:.4f}, {len(dataset) / (time.monotonic() - started):.1f} images a second")
        rows.append([epoch, mean_loss, optimizer.param_groups[-1]["lr"]])
        with atomic(checkpoint) as temporary:
            state = {name: part.state_dict() for name, part in parts.items()}
            torch.save(state | {"rows": rows, "identity": identity}, temporary)
    with atomic(log) as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([LOG_COLUMNS, *rows])
    if average:
        model.load_state_dict(average.module.state_dict())


def training_identity(*values, files=()):
    """Digest of what a training depends on: plain values and the contents of files."""
    digest = hashlib.sha256(repr(values).encode())
    for path in files:
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()


def _train_one_epoch(model, loss, loader, optimizer, schedule, average, recipe, device, epoch):
    model.train()
    total, count = 0.0, 0
    for batch in progress(loader, desc=f"epoch {epoch + 1}/{recipe['epochs']}", unit="batch"):
        batch = _to_device(batch, device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            value = loss(model, batch)
        if not torch.isfinite(value):
            raise NonFiniteLossError(f"Loss {value.item()} in epoch {epoch}. Lower the learning rate or set clip.")
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        if recipe.get("clip"):
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe["clip"])
        optimizer.step()
        schedule.step()
        if average:
            average.update_parameters(model)
        total, count = total + value.item(), count + 1
    return total / count


def _optimizer(model, recipe, groups):
    groups = groups or [{"params": model.parameters(), "scale": 1.0}]
    groups = [
        {"params": [p for p in group["params"] if p.requires_grad], "lr": recipe["learning_rate"] * group["scale"]}
        for group in groups
    ]
    if recipe["optimizer"] == "adamw":
        return optim.AdamW(groups, weight_decay=recipe["weight_decay"])
    return optim.SGD(groups, momentum=recipe.get("momentum", 0.9), weight_decay=recipe["weight_decay"])


def _schedule(optimizer, recipe, steps):
    total = recipe["epochs"] * steps
    rates = [group["lr"] for group in optimizer.param_groups]
    match recipe["schedule"]:
        case "one_cycle":
            return optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=total + 1, pct_start=0.15)
        case "cosine":
            return optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
        case "poly":
            return optim.lr_scheduler.PolynomialLR(optimizer, total, power=0.9)
        case "step":
            milestones = [round(epoch * steps) for epoch in recipe["milestones"]]
            return optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1)
    raise ValueError(f"Unknown schedule {recipe['schedule']!r}: one_cycle, cosine, poly or step.")


class _Samples(Dataset):
    def __init__(self, dataset, seed, epoch):
        self.dataset, self.seed, self.epoch = dataset, seed, epoch

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.dataset.sample(index, np.random.default_rng((self.seed, self.epoch, index)))


def _loader(dataset, recipe, seed, epoch):
    order = np.random.default_rng((seed, epoch)).permutation(len(dataset))
    return DataLoader(
        _Samples(dataset, seed, epoch),
        batch_size=recipe["batch_size"],
        sampler=order.tolist(),
        collate_fn=getattr(dataset, "collate", default_collate),
        num_workers=recipe.get("workers", 0),
    )


def _to_device(batch, device):
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {key: _to_device(value, device) for key, value in batch.items()}
    return [_to_device(value, device) for value in batch]


def _resume(parts, checkpoint, identity, device):
    """Load a checkpoint of the same identity into the parts, and give its log rows; no rows if there is none."""
    if not checkpoint.is_file():
        return []
    state = torch.load(checkpoint, map_location=device, weights_only=True)
    if state["identity"] != identity:
        print(f"{checkpoint} belongs to another training: starting anew.")
        return []
    for name, part in parts.items():
        part.load_state_dict(state[name])
    print(f"Going on from {checkpoint} after {len(state['rows'])} epochs.")
    return state["rows"]

"""The training engine of every network: schedule, checkpoint, resume, one CSV row an epoch (docs/training.md)."""

import csv
import hashlib
import math
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn, optim
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset, default_collate

from aisi.files import atomic
from aisi.progress import progress
from aisi.training.processes import n_processes, rank, sum_over_processes, synchronise_batch_norms
from aisi.training.weights import fill, read_tensors

LOG_COLUMNS = ["epoch", "loss", "learning_rate", "held_out"]
TIME_COLUMNS = ["epoch", "seconds", "images_per_second"]
CHECKPOINT_SECONDS = 600


class NonFiniteLossError(RuntimeError):
    """The loss became infinite or not a number."""


def fit(
    model,
    loss,
    dataset,
    recipe,
    *,
    seed,
    log,
    identity,
    checkpoint=None,
    parameter_groups=None,
    judge=None,
    times=None,
):
    """Train a model in place, going on from its checkpoint if there is one of the same identity.

    All randomness of a step follows from ``seed``, the step's number and the sample, so a training that was stopped
    anywhere goes on exactly as if it had not been. Under :func:`aisi.training.processes.on_gpus` each process takes a
    share of every batch; batch, loss and learning rate are those of one process.

    Parameters
    ----------
    model : nn.Module
        On its device. Holds the final weights afterwards (their running average, with ``ema``).
    loss : callable
        ``loss(model, batch)`` gives the mean over a batch, or several means, (T,), whose sum is the loss. If a mean is
        over something else than samples, ``loss.count(batch)`` gives how many, for each of the T, so that a batch in
        parts has exactly the loss of the whole.
    dataset : object
        ``len(dataset)`` and ``dataset.sample(index, rng)`` with a numpy Generator; ``dataset.collate`` if the default
        collation does not fit.
    recipe : dict
        epochs or iterations, batch_size, optimizer (``sgd`` or ``adamw``), learning_rate, weight_decay, schedule
        (``one_cycle``, ``cosine``, ``poly`` or ``step``); optional momentum, milestones, accumulate, clip, ema,
        precision, held_out, workers. The config's schema says what each means.
    seed : int
    log : str or Path
        CSV with columns ``LOG_COLUMNS``, written anew after each epoch.
    identity : str
        What the training depends on; a checkpoint of another identity is not used.
    checkpoint : str or Path, optional
        Written after each epoch, and within one every ten minutes. By default beside the log, as ``.checkpoint.pt``.
    parameter_groups : list of dict, optional
        ``params`` and ``scale`` of the learning rate; all parameters with scale 1 if absent.
    judge : callable, optional
        ``judge(model, indices)`` gives a figure of the held-out samples at these indices; by default their loss.
    times : str or Path, optional
        CSV with columns ``TIME_COLUMNS``: not in ``log``, whose bytes repeat.

    Raises
    ------
    ValueError
        If the dataset is empty, or the checkpoint cannot be read or does not fit.
    NonFiniteLossError
    """
    training = _Training(model, loss, dataset, recipe, seed, parameter_groups)
    checkpoint = Path(checkpoint or Path(log).with_suffix(".checkpoint.pt"))
    training.load(checkpoint, identity)
    judge = judge or training.held_out_loss
    batches, saved = training.batches(), time.monotonic()
    _write_log(log, training.rows)
    with progress(initial=training.step, total=training.total, unit="step") as bar:
        for epoch in range(len(training.rows), training.n_epochs):
            started, first = time.monotonic(), training.step
            while training.step < min(training.total, (epoch + 1) * training.steps):
                training.take_step(next(batches))
                bar.update()
                if time.monotonic() - saved > CHECKPOINT_SECONDS:
                    training.save(checkpoint, identity)
                    saved = time.monotonic()
            seconds = time.monotonic() - started
            speed = (training.step - first) / training.steps * len(training.trained) / seconds
            training.end_epoch(judge(training.weights().eval(), training.held_out) if training.held_out else None)
            training.save(checkpoint, identity)
            _write_log(log, training.rows)
            _append_times(times, [epoch, round(seconds, 2), round(speed, 2)])
    model.load_state_dict(training.weights().state_dict())


def training_identity(*values, files=()):
    """Digest of what a training depends on: plain values and the contents of files."""
    digest = hashlib.sha256(repr(values).encode())
    for path in files:
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()


def parameter_groups(model, backbone, backbone_scale):
    """Groups for :func:`fit`: the parameters of ``backbone``, a part of the model, learn at ``backbone_scale`` times
    the rate of the others.
    """
    own = set(map(id, backbone.parameters()))
    others = [parameter for parameter in model.parameters() if id(parameter) not in own]
    return [{"params": list(backbone.parameters()), "scale": backbone_scale}, {"params": others, "scale": 1.0}]


def make_optimizer(model, recipe, groups=None):
    """SGD or AdamW; each group of parameters has its own learning rate."""
    groups = groups or [{"params": model.parameters(), "scale": 1.0}]
    groups = [
        {"params": [p for p in group["params"] if p.requires_grad], "lr": recipe["learning_rate"] * group["scale"]}
        for group in groups
    ]
    if recipe["optimizer"] == "adamw":
        return optim.AdamW(groups, weight_decay=recipe["weight_decay"])
    return optim.SGD(groups, momentum=recipe.get("momentum", 0.9), weight_decay=recipe["weight_decay"])


def make_schedule(optimizer, recipe, steps):
    """Course of the learning rates, which moves at each step; ``steps`` make an epoch.

    ``poly`` falls with (1 - step / total) ** 0.9. ``step`` divides by 10 at each milestone: epochs, or iterations where
    the recipe counts these.
    """
    total = _total(recipe, steps)
    rates = [group["lr"] for group in optimizer.param_groups]
    match recipe["schedule"]:
        case "one_cycle":
            return optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=total + 1, pct_start=0.15)
        case "cosine":
            return optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
        case "poly":
            return optim.lr_scheduler.PolynomialLR(optimizer, total, power=0.9)
        case "step":
            unit = 1 if recipe.get("iterations") else steps
            milestones = [round(milestone * unit) for milestone in recipe["milestones"]]
            return optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1)
    raise ValueError(f"Unknown schedule {recipe['schedule']!r}: one_cycle, cosine, poly or step.")


def _total(recipe, steps):
    return recipe.get("iterations") or recipe["epochs"] * steps


class _Training:
    """A training between two steps: what a checkpoint holds, and what makes the next step."""

    def __init__(self, model, loss, dataset, recipe, seed, groups):
        if len(dataset) == 0:
            raise ValueError("There is nothing to train on: the training set is empty.")
        self.model, self.loss, self.recipe, self.seed = model, loss, recipe, seed
        self.samples = _Samples(dataset, seed)
        self.trained, self.held_out = _split(len(dataset), recipe.get("held_out", 0), seed)
        self.steps = math.ceil(len(self.trained) / recipe["batch_size"])
        self.total = _total(recipe, self.steps)
        self.n_epochs = math.ceil(self.total / self.steps)
        self.step, self.rows, self.losses = 0, [], []

        self.device = next(model.parameters()).device
        dtype = getattr(torch, recipe.get("precision", "bfloat16")) if self.device.type == "cuda" else torch.float32
        self.autocast = partial(torch.autocast, self.device.type, dtype, enabled=dtype != torch.float32)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=dtype == torch.float16)
        model.to(memory_format=torch.channels_last)
        synchronise_batch_norms(model)
        self.optimizer = make_optimizer(model, recipe, groups)
        self.schedule = make_schedule(self.optimizer, recipe, self.steps)
        self.parts = {"model": model, "optimizer": self.optimizer, "schedule": self.schedule, "scaler": self.scaler}
        if decay := recipe.get("ema", 0):
            average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
            self.parts["average"] = average
        self.objective = _Objective(model, loss)
        if n_processes() > 1:
            self.objective = DistributedDataParallel(self.objective, find_unused_parameters=True)

    def weights(self):
        """The network as it would be kept now."""
        return self.parts["average"].module if "average" in self.parts else self.model

    def load(self, path, identity):
        """Go on from a checkpoint of the same identity, if there is one."""
        if not path.is_file():
            return
        advice = "Delete it, and the training begins anew."
        state = read_tensors(path, advice, self.device)
        if "identity" not in state:
            raise ValueError(f"{path}: not a checkpoint of a training. {advice}")
        if state["identity"] != identity:
            print(f"{path} belongs to another training: starting anew.")
            return
        for name, part in self.parts.items():
            fill(part, state[name], path, advice)
        self.step, self.rows, self.losses = state["rng"]["step"], state["rows"], state["losses"]
        print(f"Going on from {path} after {self.step} of {self.total} steps.")

    def save(self, path, identity):
        """Write a checkpoint."""
        if rank() == 0:
            state = {name: part.state_dict() for name, part in self.parts.items()}
            state |= {"rng": {"seed": self.seed, "step": self.step}, "params": self.recipe, "identity": identity}
            with atomic(path) as temporary, open(temporary, "wb") as file:  # given a path, torch.save notes its name
                torch.save(state | {"rows": self.rows, "losses": self.losses}, file)

    def batches(self):
        """Batches from the next step on, of each this process's share, in parts."""
        return iter(_loader(self.samples, self._shares(), self.recipe, self.device))

    def _shares(self):
        for step in range(self.step, self.total):
            epoch, position = divmod(step, self.steps)
            if position == 0 or step == self.step:
                order = np.random.default_rng((self.seed, epoch)).permutation(self.trained)
            start = position * self.recipe["batch_size"]
            yield _share(order[start : start + self.recipe["batch_size"]], epoch, self.recipe)

    def take_step(self, batch):
        """Train on one of :meth:`batches`."""
        # Seeded at each step, so that a checkpoint needs no generator's state.
        torch.manual_seed(int(np.random.SeedSequence((self.seed, self.step, rank())).generate_state(1)[0]))
        self.optimizer.zero_grad(set_to_none=True)
        batch = _to_device(batch, self.device)
        items = [self._items(n, part) for n, part in batch]
        whole, loss = sum_over_processes(sum(items)).clamp(min=1), 0
        for number, (_, part) in enumerate(batch):
            alone = n_processes() > 1 and number + 1 < len(batch)
            with self.objective.no_sync() if alone else nullcontext(), self.autocast():
                value = (self.objective(part) * (items[number] / whole)).sum()
            self.scaler.scale(value * n_processes()).backward()  # DDP divides by their number
            loss = loss + value.detach()
        loss = sum_over_processes(loss).item()
        if not math.isfinite(loss):
            raise NonFiniteLossError(
                f"Loss {loss} in epoch {len(self.rows)}, step {self.step} of {self.total}. "
                "Lower learning_rate, or set clip, in the recipe of this network."
            )
        if self.recipe.get("clip"):
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe["clip"])
        self.rate = self.optimizer.param_groups[-1]["lr"]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        if "average" in self.parts:
            self.parts["average"].update_parameters(self.model)
        self.losses.append(loss)
        self.step += 1

    def _items(self, n, part):
        """What each term of the loss of a part with n samples is a mean over; a part that others count has none."""
        count = getattr(self.loss, "count", None)
        return torch.as_tensor(count(part) if count else n, dtype=torch.float32, device=self.device) * (n > 0)

    def end_epoch(self, held_out):
        """Note an epoch's mean loss, last learning rate and figure of the held-out samples."""
        self.rows.append([len(self.rows), sum(self.losses) / len(self.losses), self.rate, held_out])
        self.losses = []
        self.weights().train()
        print("epoch {}: loss {:.4f}, learning rate {:.3g}, held out {}".format(*self.rows[-1]))

    @torch.no_grad()
    def held_out_loss(self, model, indices):
        """Mean loss of samples, each drawn as it always is."""
        size, total, whole = self.recipe["batch_size"], 0, 0
        shares = (_share(indices[start : start + size], 0, self.recipe) for start in range(0, len(indices), size))
        for batch in _loader(self.samples, shares, self.recipe, self.device):
            for n, part in _to_device(batch, self.device):
                items = self._items(n, part)
                with self.autocast():
                    total = total + self.loss(model, part) * items
                whole = whole + items
        return (sum_over_processes(total) / sum_over_processes(whole).clamp(min=1)).sum().item()


class _Objective(nn.Module):
    """Loss as a network's output, which is what DDP knows."""

    def __init__(self, model, loss):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, batch):
        return self.loss(self.model, batch)


def _split(n, share, seed):
    """Indices of the samples that train, and of those held out."""
    order = np.random.default_rng(seed).permutation(n)
    held_out = round(share * n)
    return np.sort(order[held_out:]), np.sort(order[:held_out]).tolist()


def _share(batch, epoch, recipe):
    """Parts of a batch (its indices) for this process: (epoch, indices, n).

    All processes get as many parts. Where one is left without a sample, it computes one that others count: n = 0.
    """
    parts = min(recipe.get("accumulate", 1), math.ceil(len(batch) / n_processes()))
    chunks = np.array_split(batch, parts * n_processes())[rank() :: n_processes()]
    return [(epoch, chunk.tolist() or [int(batch[0])], len(chunk)) for chunk in chunks]


class _Samples(Dataset):
    """Parts of batches. A sample's randomness follows from the seed, the epoch and its index."""

    def __init__(self, dataset, seed):
        self.dataset, self.seed = dataset, seed
        self.collate = getattr(dataset, "collate", default_collate)

    def __getitem__(self, part):
        epoch, indices, n = part
        return n, self.collate([self.dataset.sample(i, np.random.default_rng((self.seed, epoch, i))) for i in indices])


def _loader(samples, shares, recipe, device):
    return DataLoader(
        samples,
        batch_sampler=shares,
        collate_fn=list,
        num_workers=recipe.get("workers", 0),
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),
    )


def _to_device(batch, device):
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {key: _to_device(value, device) for key, value in batch.items()}
    return [_to_device(value, device) for value in batch] if isinstance(batch, (list, tuple)) else batch


def _write_log(path, rows):
    if rank() == 0:
        with atomic(path) as temporary, open(temporary, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([LOG_COLUMNS, *rows])


def _append_times(path, row):
    if path and rank() == 0:
        begun = row[0] > 0 and Path(path).is_file()
        with open(path, "a" if begun else "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([row] if begun else [TIME_COLUMNS, row])

"""The training loop of all networks: schedule, checkpoint, resume, one CSV row per epoch (docs/training.md)."""

import csv
import hashlib
import math
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn, optim
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset, default_collate

from aisi.formats.seal import SealError, check_seal, sealed
from aisi.formats.training_log import write_training_log
from aisi.planning.recipes import check_recipe
from aisi.progress import progress
from aisi.training.events import Events
from aisi.training.processes import n_processes, rank, sum_over_processes, synchronise_batch_norms
from aisi.training.weights import fill, read_tensors

TIME_COLUMNS = ["epoch", "seconds", "images_per_second"]
CHECKPOINT_SECONDS = 600
"""Seconds after which a checkpoint is written within an epoch."""

Recipe = dict[str, Any]
"""A recipe of the config, see :func:`fit`."""
ParameterGroups = list[dict[str, Any]]
"""Dicts of ``params``, a list of parameters, and ``scale``, the factor of their learning rate."""
Loss = Callable[[nn.Module, Any], torch.Tensor]


class Samples(Protocol):
    """What a network is trained on."""

    def __len__(self) -> int: ...

    def sample(self, index: int, rng: np.random.Generator) -> Any:
        """Draw one sample. All its randomness comes from the generator."""


class NonFiniteLossError(RuntimeError):
    """The loss became infinite or not a number."""


def fit(
    model: nn.Module,
    loss: Loss,
    dataset: Samples,
    recipe: Recipe,
    *,
    seed: int,
    log_path: str | Path,
    identity: str,
    checkpoint_path: str | Path | None = None,
    parameter_groups: ParameterGroups | None = None,
    evaluate: Callable[[nn.Module, list[int]], float] | None = None,
    times_path: str | Path | None = None,
    tensorboard: bool = False,
    panel: Callable[[nn.Module], np.ndarray] | None = None,
) -> None:
    """Train a model in place. If there is a checkpoint of the same identity, continue from it.

    All randomness of a step follows from ``seed``, the step's number and the sample. So a training that was stopped
    ends as if it had not been stopped. Under :func:`aisi.training.processes.on_gpus` each process takes a share of
    every batch; batch size, loss and learning rate mean the same as with one process.

    Parameters
    ----------
    model : nn.Module
        On its device. Afterwards it holds the final weights; with ``ema``, their running average.
    loss : callable
        ``loss(model, batch)`` gives the mean over a batch, or several means, (T,); the loss is their sum. If a mean is
        not over samples, ``loss.count(batch)`` gives the number of its items, for each of the T means. Then a batch
        that is computed in parts has exactly the loss of the whole batch.
    dataset : Samples
        ``len(dataset)`` and ``dataset.sample(index, rng)`` with a numpy Generator. ``dataset.collate`` makes a batch
        of samples if torch's default does not fit.
    recipe : dict
        epochs or iterations, batch_size, optimizer (``sgd`` or ``adamw``), learning_rate, weight_decay, schedule
        (``one_cycle``, ``cosine``, ``poly`` or ``step``); optional warmup, momentum, milestones, accumulate, clip,
        ema, precision, held_out, workers. The config's schema explains each key.
    seed : int
    log_path : str or Path
        As from :func:`aisi.formats.training_log.write_training_log`, one row per epoch.
    identity : str
        As from :func:`training_identity`.
    checkpoint_path : str or Path, optional
        By default beside the log.
    parameter_groups : list of dict, optional
        As from :func:`parameter_groups`. By default all parameters learn at the same rate.
    evaluate : callable, optional
        ``evaluate(model, indices)`` gives a figure of the held-out samples at these indices. By default their loss.
    times_path : str or Path, optional
        CSV with columns ``TIME_COLUMNS``. Times are not in the log, so that equal trainings write equal logs.
    tensorboard : bool
        Whether to write TensorBoard's events into a folder beside ``times_path``, with its name and the suffix
        ``.tensorboard``: loss and learning rate of each step, loss, held-out figure and panel of each epoch.
    panel : callable, optional
        ``panel(model)`` gives a picture (H, W, 3) uint8 of what the network predicts.

    Raises
    ------
    ValueError
        If the dataset is empty, or the checkpoint cannot be read or does not fit.
    NonFiniteLossError
    """
    training = _Training(model, loss, dataset, recipe, seed, parameter_groups)
    checkpoint_path = Path(checkpoint_path or Path(log_path).with_suffix(".checkpoint.pt"))
    training.load(checkpoint_path, identity)
    evaluate = evaluate or training.held_out_loss
    batches, saved = training.batches(), time.monotonic()
    _write_log(log_path, training.rows)
    events_folder = Path(times_path).with_suffix(".tensorboard") if tensorboard and times_path else None
    with (
        Events(events_folder, training.step) as events,
        progress(initial=training.step, total=training.total, unit="step") as bar,
    ):
        for epoch in range(len(training.rows), training.n_epochs):
            started, first = time.monotonic(), training.step
            while training.step < min(training.total, (epoch + 1) * training.steps):
                training.take_step(next(batches))
                events.figures(training.step, loss_of_step=training.losses[-1], learning_rate=training.rate)
                bar.update()
                if time.monotonic() - saved > CHECKPOINT_SECONDS:
                    training.save(checkpoint_path, identity)
                    saved = time.monotonic()
            seconds = time.monotonic() - started
            speed = (training.step - first) / training.steps * len(training.trained) / seconds
            held_out = evaluate(training.weights().eval(), training.held_out) if training.held_out else None
            if panel and events.writer:
                events.picture(training.step, "photo_proxy_mask_prediction", panel(training.weights().eval()))
            training.end_epoch(held_out)
            events.figures(training.step, loss_of_epoch=training.rows[-1][1], held_out=held_out)
            training.save(checkpoint_path, identity)
            _write_log(log_path, training.rows)
            _append_times(times_path, [epoch, round(seconds, 2), round(speed, 2)])
    model.load_state_dict(training.weights().state_dict())


def training_identity(*values: Any, file_paths: Iterable[str | Path] = ()) -> str:
    """Digest of what a training depends on: plain values, and the contents of files."""
    digest = hashlib.sha256(repr(values).encode())
    for path in file_paths:
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()


def parameter_groups(model: nn.Module, backbone: nn.Module, backbone_scale: float) -> ParameterGroups:
    """Groups for :func:`fit`: ``backbone``, a part of the model, learns at ``backbone_scale`` times the other rate."""
    own = set(map(id, backbone.parameters()))
    others = [parameter for parameter in model.parameters() if id(parameter) not in own]
    return [{"params": list(backbone.parameters()), "scale": backbone_scale}, {"params": others, "scale": 1.0}]


def make_optimizer(model: nn.Module, recipe: Recipe, groups: ParameterGroups | None = None) -> optim.Optimizer:
    """SGD or AdamW, with a learning rate for each group of parameters. Frozen parameters are left out."""
    groups = groups or [{"params": model.parameters(), "scale": 1.0}]
    groups = [
        {"params": [p for p in group["params"] if p.requires_grad], "lr": recipe["learning_rate"] * group["scale"]}
        for group in groups
    ]
    if recipe["optimizer"] == "adamw":
        return optim.AdamW(groups, weight_decay=recipe["weight_decay"])
    return optim.SGD(groups, momentum=recipe.get("momentum", 0.9), weight_decay=recipe["weight_decay"])


def make_schedule(optimizer: optim.Optimizer, recipe: Recipe, steps: int) -> optim.lr_scheduler.LRScheduler:
    """Schedule of the learning rates, which change at each step. An epoch has ``steps`` steps.

    ``poly`` falls with (1 - step / total) ** 0.9. ``step`` divides by 10 at each milestone. Milestones count epochs, or
    iterations if the recipe has ``iterations``. During the first ``warmup`` steps the rates are multiplied by a factor
    that rises linearly from 0.001 to 1.
    """
    schedule = _schedule_without_warmup(optimizer, recipe, steps)
    if warmup := recipe.get("warmup", 0):
        rise = optim.lr_scheduler.LinearLR(optimizer, start_factor=0.001, total_iters=warmup)
        return optim.lr_scheduler.ChainedScheduler([schedule, rise])
    return schedule


def _schedule_without_warmup(optimizer, recipe, steps):
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
    raise ValueError(f"Unknown schedule {recipe['schedule']!r}, expected one_cycle, cosine, poly or step.")


def _total(recipe, steps):
    return recipe.get("iterations") or recipe["epochs"] * steps


class _Training:
    """The state of a training between two steps, and how the next step changes it."""

    def __init__(self, model, loss, dataset, recipe, seed, groups):
        if len(dataset) == 0:
            raise ValueError("There is nothing to train on: the training set is empty.")
        check_recipe("This training", recipe, n_processes())
        self.model, self.loss, self.recipe, self.seed = model, loss, recipe, seed
        self.samples = _Samples(dataset, seed)
        self.trained, self.held_out = _split(len(dataset), recipe.get("held_out", 0), seed)
        self.steps = math.ceil(len(self.trained) / recipe["batch_size"])
        self.total = _total(recipe, self.steps)
        self.n_epochs = math.ceil(self.total / self.steps)
        self.step, self.rows, self.losses = 0, [], []

        self.device = next(model.parameters()).device
        dtype = getattr(torch, recipe.get("precision") or ("bfloat16" if self.device.type == "cuda" else "float32"))
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
        if self.device.type == "cpu" and dtype == torch.bfloat16:
            _depthwise_in_float32(model)  # after the average has copied the model
        self.objective: Any = _Objective(model, loss)
        if n_processes() > 1:
            self.objective = DistributedDataParallel(self.objective, find_unused_parameters=True)

    def weights(self):
        """The network as it would be saved now."""
        return self.parts["average"].module if "average" in self.parts else self.model

    def load(self, path, identity):
        """Continue from a checkpoint of the same identity, if there is one."""
        if not path.is_file():
            return
        advice = "Delete it, and the training starts again."
        try:
            check_seal(path)
        except SealError as error:
            raise ValueError(f"{path}: cannot be read ({error}). {advice}") from error
        state = read_tensors(path, advice, self.device)
        if not isinstance(state, dict) or "identity" not in state:
            raise ValueError(f"{path}: not a checkpoint of a training. {advice}")
        if state["identity"] != identity:
            print(f"{path} belongs to another training: starting from the beginning.")
            return
        missing = {*self.parts, "rng", "rows", "losses"} - set(state)
        if missing or not isinstance(state["rng"], dict) or type(state["rng"].get("step")) is not int:
            raise ValueError(f"{path}: not a whole checkpoint ({', '.join(sorted(missing)) or 'rng'}). {advice}")
        for name, part in self.parts.items():
            fill(part, state[name], path, advice)
        self.step, self.rows, self.losses = state["rng"]["step"], state["rows"], state["losses"]
        print(f"Continuing from {path} after {self.step} of {self.total} steps.")

    def save(self, path, identity):
        """Write a checkpoint."""
        if rank() == 0:
            state = {name: part.state_dict() for name, part in self.parts.items()}
            state |= {"rng": {"seed": self.seed, "step": self.step}, "params": self.recipe, "identity": identity}
            with sealed(path) as temporary, open(temporary, "wb") as file:  # given a path, torch.save stores its name
                torch.save(state | {"rows": self.rows, "losses": self.losses}, file)

    def batches(self):
        """This process's shares of the batches, from the next step on, each in parts."""
        return iter(_loader(self.samples, self._shares(), self.recipe, self.device))

    def _shares(self):
        for step in range(self.step, self.total):
            epoch, position = divmod(step, self.steps)
            if position == 0 or step == self.step:
                order = np.random.default_rng((self.seed, epoch)).permutation(self.trained)
            start = position * self.recipe["batch_size"]
            yield _share(order[start : start + self.recipe["batch_size"]], epoch, self.recipe)

    def take_step(self, batch):
        """Train on one batch of :meth:`batches`."""
        # Seeded at each step, so that a checkpoint needs no state of a generator.
        torch.manual_seed(int(np.random.SeedSequence((self.seed, self.step, rank())).generate_state(1)[0]))
        self.optimizer.zero_grad(set_to_none=True)
        batch = _to_device(batch, self.device)
        items = [self._items(n, part) for n, part in batch]
        whole = sum_over_processes(torch.stack(items).sum(0)).clamp(min=1)
        total = torch.zeros((), device=self.device)
        for number, (_, part) in enumerate(batch):
            alone = n_processes() > 1 and number + 1 < len(batch)
            with self.objective.no_sync() if alone else nullcontext(), self.autocast():
                value = (self.objective(part) * (items[number] / whole)).sum()
            self.scaler.scale(value * n_processes()).backward()  # DDP divides by their number
            total += value.detach()
        loss = sum_over_processes(total).item()
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
        """Number of items behind each mean of the loss, for a part with n samples; 0 for a repeated sample (n = 0)."""
        count = getattr(self.loss, "count", None)
        return torch.as_tensor(count(part) if count else n, dtype=torch.float32, device=self.device) * (n > 0)

    def end_epoch(self, held_out):
        """Add a row with the epoch's mean loss, last learning rate and figure of the held-out samples."""
        self.rows.append([len(self.rows), sum(self.losses) / len(self.losses), self.rate, held_out])
        self.losses = []
        self.weights().train()
        print("epoch {}: loss {:.4f}, learning rate {:.3g}".format(*self.rows[-1]), end="")
        print("" if held_out is None else f", held out {held_out}")

    @torch.no_grad()
    def held_out_loss(self, model, indices):
        """Mean loss of samples, each drawn with the same randomness every time."""
        size = self.recipe["batch_size"]
        total = whole = torch.zeros((), device=self.device)
        shares = (_share(indices[start : start + size], 0, self.recipe) for start in range(0, len(indices), size))
        for batch in _loader(self.samples, shares, self.recipe, self.device):
            for n, part in _to_device(batch, self.device):
                items = self._items(n, part)
                with self.autocast():
                    total = total + self.loss(model, part) * items
                whole = whole + items
        return (sum_over_processes(total) / sum_over_processes(whole).clamp(min=1)).sum().item()


def _depthwise_in_float32(model):
    """Let depthwise convolutions compute in float32: on a CPU, their gradients in bfloat16 are slow."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.forward = partial(_forward_in_float32, module)  # type: ignore[method-assign]


def _forward_in_float32(module, x):
    with torch.autocast("cpu", enabled=False):
        return type(module).forward(module, x.float())


class _Objective(nn.Module):
    """The loss as output of a module, since DDP wraps modules."""

    def __init__(self, model, loss):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, batch):
        return self.loss(self.model, batch)


def _split(n, share, seed):
    """Indices of the samples to train on, and of the held-out samples."""
    order = np.random.default_rng(seed).permutation(n)
    held_out = round(share * n)
    return np.sort(order[held_out:]), np.sort(order[:held_out]).tolist()


def _share(batch, epoch, recipe):
    """Parts of a batch of indices for this process: (epoch, indices, n).

    A process without samples repeats the batch's first sample with n = 0, so that all processes compute equally many
    parts.
    """
    parts = min(recipe.get("accumulate", 1), math.ceil(len(batch) / n_processes()))
    chunks = np.array_split(batch, parts * n_processes())[rank() :: n_processes()]
    return [(epoch, chunk.tolist() or [int(batch[0])], len(chunk)) for chunk in chunks]


class _Samples(Dataset):
    """Parts of batches. The randomness of a sample follows from the seed, the epoch and the sample's index."""

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
        write_training_log(path, rows)


def _append_times(path, row):
    if path and rank() == 0:
        started = row[0] > 0 and Path(path).is_file()
        with open(path, "a" if started else "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([row] if started else [TIME_COLUMNS, row])

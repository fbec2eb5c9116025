"""Processes that train one network together, each on its share of every batch: one per GPU, or a few on the CPU."""

import json
import os
import runpy
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
from torch.distributed.elastic.multiprocessing.errors import record
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

_SCRIPTS = Path(__file__).parents[2]
_WORKER = f"import sys; sys.path.insert(0, sys.argv[1]); from {__name__} import run_script; run_script(*sys.argv[2:])"


def on_gpus(main: Callable[..., None], n: int) -> Callable[..., None]:
    """Return the ``main`` of a script, made to run in n processes of this machine, as torchrun starts them.

    Each process has a GPU of its own. On a machine without GPUs the processes share the threads of the CPU.

    Parameters
    ----------
    main : callable
        Takes named arguments that JSON can hold; a path becomes its text.
    n : int
        Number of processes. With 0 or 1, ``main`` itself is returned.

    Returns
    -------
    callable
        Prints here what the first process prints. If a process fails, it raises ``ChildFailedError`` with the
        process's traceback.

    Raises
    ------
    ValueError
        If the machine has GPUs, but fewer than n.
    """
    if n <= 1:
        return main
    if 0 < torch.cuda.device_count() < n:
        raise ValueError(f"Found {torch.cuda.device_count()} GPUs on this machine, expected {n} (config key gpus).")
    return partial(_launch, main.__globals__["__file__"], n)  # Snakemake runs a copy; __file__ is the original


def _launch(script_path: str, n: int, **arguments: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        arguments_path = Path(folder, "arguments.json")
        arguments_path.write_text(json.dumps(arguments, default=os.fspath))
        config = LaunchConfig(  # as torchrun --standalone
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=n,
            max_restarts=0,
            run_id="training",
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            logs_specs=DefaultLogsSpecs(log_dir=folder, tee=Std.ALL, local_ranks_filter={0}),
            log_line_prefix_template=" ",
        )
        elastic_launch(config, sys.executable)("-c", _WORKER, str(_SCRIPTS), script_path, str(arguments_path))


@record
def run_script(script_path: str, arguments_path: str) -> None:
    """Join the other processes of :func:`on_gpus`, then call a script's ``main`` with arguments from a JSON file."""
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        runpy.run_path(script_path)["main"](**json.loads(Path(arguments_path).read_text()))
    finally:
        distributed.destroy_process_group()


def n_processes() -> int:
    """Number of processes that train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0. Only process 0 writes files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def sum_over_processes(tensor: torch.Tensor) -> torch.Tensor:
    """Sum of a tensor over the processes, with gradients."""
    return _Sum.apply(tensor) if n_processes() > 1 else tensor


class _Sum(torch.autograd.Function):
    """Own code: torch 2.14 deprecates ``torch.distributed.nn.functional`` and offers a private module in its place."""

    @staticmethod
    def forward(_, tensor):
        total = tensor.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_, gradient):
        return _Sum.forward(_, gradient)


class SynchronisedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the samples of all processes. (torch's own SyncBatchNorm works on GPUs only.)"""

    momentum: float
    num_batches_tracked: torch.Tensor
    running_mean: torch.Tensor
    running_var: torch.Tensor

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Normalise maps (B, C, H, W); B may differ between processes."""
        if not self.training or n_processes() == 1:
            return super().forward(maps)
        x = maps.float()
        count = sum_over_processes(torch.tensor(x.numel() / x.shape[1], device=x.device))
        mean = sum_over_processes(x.sum((0, 2, 3))) / count
        centred = x - mean.view(-1, 1, 1)
        variance = sum_over_processes(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(-1, 1, 1) + self.bias.view(-1, 1, 1)).to(maps.dtype)


def synchronise_batch_norms(model: nn.Module) -> None:
    """Turn the batch norms that learn into :class:`SynchronisedBatchNorm`, in place; frozen batch norms stay."""
    model.train()
    for module in model.modules():
        if type(module) is nn.BatchNorm2d and module.training:
            module.__class__ = SynchronisedBatchNorm

"""Processes that train one network together, each on its share of every batch: one a GPU, or a few on the CPU."""

import json
import os
import runpy
import sys
import tempfile
from functools import partial
from pathlib import Path

import torch
from torch import distributed, nn
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
from torch.distributed.elastic.multiprocessing.errors import record
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

_WORKER = "import sys; sys.path.insert(0, sys.argv[1]); from aisi.training.processes import work; work(*sys.argv[2:])"


def on_gpus(main, n):
    """The ``main`` of a script, to be called: here, or under torchrun in one process for each of n GPUs of the machine.

    Without GPUs, n processes share the threads of the CPU.

    Parameters
    ----------
    main : callable
        Takes plain values by name, as JSON knows them.
    n : int
        0 or 1: called here.

    Returns
    -------
    callable
        What its first process prints is printed here. Raises ``ChildFailedError`` with the traceback if one fails.

    Raises
    ------
    ValueError
        If the machine has GPUs, but fewer than n.
    """
    if n <= 1:
        return main
    if 0 < torch.cuda.device_count() < n:
        raise ValueError(f"Found {torch.cuda.device_count()} GPUs on this machine, expected {n} (config key gpus).")
    return partial(_launch, main.__globals__["__file__"], n)  # Snakemake runs a copy and keeps the script's path here


def _launch(script, n, **arguments):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "arguments.json")
        file.write_text(json.dumps(arguments, default=os.fspath))
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
        library = Path(__file__).parents[2]
        elastic_launch(config, sys.executable)("-c", _WORKER, str(library), script, str(file))


@record
def work(script, arguments):
    """What each process of :func:`on_gpus` does: join the others and call the script's ``main``."""
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        runpy.run_path(script)["main"](**json.loads(Path(arguments).read_text()))
    finally:
        distributed.destroy_process_group()


def n_processes():
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank():
    """Number of this process, from 0. The first alone writes files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def sum_over_processes(tensor):
    """Sum of a tensor over the processes, with gradients."""
    return _Sum.apply(tensor) if n_processes() > 1 else tensor


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(_, tensor):
        total = tensor.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_, gradient):
        return _Sum.forward(_, gradient)


class SynchronisedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the samples of all processes. (torch's own SyncBatchNorm needs GPUs.)"""

    def forward(self, maps):
        """Maps (B, C, H, W) -> the same shape; processes may differ in B."""
        if not self.training or n_processes() == 1:
            return super().forward(maps)
        x = maps.float()
        count = sum_over_processes(torch.tensor(x.numel() / x.shape[1], device=x.device))
        mean = sum_over_processes(x.sum((0, 2, 3))) / count
        centred = x - mean.view(-1, 1, 1)
        variance = sum_over_processes(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(-1, 1, 1) + self.bias.view(-1, 1, 1)).to(maps.dtype)


def synchronise_batch_norms(model):
    """Turn a model's batch norms that learn into :class:`SynchronisedBatchNorm`, in place; frozen ones stay."""
    model.train()
    for module in model.modules():
        if type(module) is nn.BatchNorm2d and module.training:
            module.__class__ = SynchronisedBatchNorm

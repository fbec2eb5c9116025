"""Trained weights as safetensors, with the network's architecture in the file."""

import json
import os
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from aisi.files import atomic
from aisi.training.processes import n_processes, rank

_FORMAT = "aisi/weights 1"
_RULES = {"deeplab": "train_semantic", "mask_rcnn": "train_instance"}
"""Rules that train a network, where their names differ from its own."""


def _made_anew(network):
    return f"rule {_RULES.get(network, f'train_{network}')} makes it anew."


def save_weights(path, state, architecture, dtype=None):
    """Write a network.

    Parameters
    ----------
    path : str or Path
    state : dict of str to Tensor
    architecture : dict
        JSON values from which the network can be built again; its key ``network`` names the kind.
    dtype : torch.dtype, optional
        Floating tensors are stored in it, for a smaller file.
    """
    if rank() > 0:
        return
    if dtype:
        state = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    # One metadata key: safetensors writes several in random order.
    note = json.dumps({"format": _FORMAT, "architecture": architecture}, sort_keys=True)
    save_tensors(path, state, {"aisi": note})


def save_tensors(path, state, metadata=None):
    """Write tensors by name (dict of str to Tensor), and text by name (dict of str to str), as safetensors."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    with atomic(path) as temporary:
        # Not save_file, which hides the file from all other users of the machine.
        temporary.write_bytes(save(tensors, metadata=metadata))


def load_weights(path, network):
    """Read a network.

    Parameters
    ----------
    path : str or Path
    network : str
        The kind of network the file must hold.

    Returns
    -------
    state : dict of str to Tensor
        Floating tensors as float32.
    architecture : dict

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is missing, unreadable, not ours, or holds another kind of network.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"Weights file {path} does not exist. Correct the config's weights key.")
    try:
        with safe_open(path, framework="pt") as file:
            note = json.loads((file.metadata() or {}).get("aisi", "{}"))
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"{path}: not a safetensors file ({error}). A file of yours: fetch it anew. One that the workflow wrote: "
            f"delete it and run again, {_made_anew(network)}"
        ) from error
    found = note.get("format"), note.get("architecture", {}).get("network")
    if found != (_FORMAT, network):
        raise ValueError(
            f"{path}: found {found[0]} with network {found[1]}, expected {_FORMAT} with network {network}."
        )
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    return state, note["architecture"]


def load_network(path, kind, build, device, n_categories=None):
    """Read a network of ours, ready to be used.

    Parameters
    ----------
    path : str or Path
    kind : str
        For :func:`load_weights`.
    build : callable
        Makes the network from its architecture's arguments.
    device : torch.device
    n_categories : int, optional
        What categories.csv holds; the network must be for as many.

    Returns
    -------
    nn.Module
        In evaluation mode.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file cannot be read, or holds another network.
    """
    advice = f"Delete the file and run the workflow again: {_made_anew(kind)}"
    state, architecture = load_weights(path, kind)
    arguments = {key: value for key, value in architecture.items() if key != "network"}
    if n_categories is not None and arguments.get("n_categories") != n_categories:
        raise ValueError(
            f"{path}: trained for {arguments.get('n_categories')} categories, but categories.csv holds {n_categories}. "
            f"{advice}"
        )
    try:
        model = build(**arguments)
    except TypeError as error:
        raise ValueError(f"{path}: holds an architecture of other settings ({error}). {advice}") from error
    fill(model, state, path, advice)
    return model.to(device, memory_format=torch.channels_last).eval()


def fill(part, state, path, advice):
    """Load the state of a module, an optimizer or the like from a file; ValueError if it does not fit."""
    try:
        part.load_state_dict(state)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        problem = [line.strip(" \t.") for line in str(error).splitlines()][:2][-1]  # a module's first line is a heading
        raise ValueError(f"{path}: does not fit {type(part).__name__} ({problem}). {advice}") from error


def read_tensors(path, advice, device="cpu"):
    """Read what torch.save wrote, tensors and plain values alone; code in the file is never run.

    Raises
    ------
    ValueError
        If the file is truncated, of another kind, or holds anything else. ``advice`` says what to do.
    """
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{path}: cannot be read as tensors ({reason}). {advice}") from error


def pick_device(threads=None):
    """The device to compute on: a GPU if there is one, for each process its own.

    ``threads`` limits the CPU's, so that jobs share it fairly; processes of a job divide them.
    """
    if threads:
        torch.set_num_threads(max(1, threads // n_processes()))
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs time
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    torch.cuda.set_device(device)
    return device

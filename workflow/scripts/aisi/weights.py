"""Trained weights as safetensors, with the network's architecture in the file."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from aisi.files import atomic

_FORMAT = "aisi/weights 1"


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
    tensors = {
        name: (tensor.to(dtype) if dtype and tensor.is_floating_point() else tensor).detach().cpu().contiguous().clone()
        for name, tensor in state.items()
    }
    # One metadata key: safetensors writes several in random order.
    note = json.dumps({"format": _FORMAT, "architecture": architecture}, sort_keys=True)
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata={"aisi": note})


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
            f"{path}: not a safetensors file ({error}). Train the network again or fetch the file anew."
        ) from error
    found = note.get("format"), note.get("architecture", {}).get("network")
    if found != (_FORMAT, network):
        raise ValueError(
            f"{path}: found {found[0]} with network {found[1]}, expected {_FORMAT} with network {network}."
        )
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    return state, note["architecture"]


def load_network(path, kind, build, device, n_categories=None, rule=None):
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
    rule : str
        Rule that trains the network, for the message if it is not.

    Returns
    -------
    nn.Module
        In evaluation mode.

    Raises
    ------
    FileNotFoundError, ValueError
    """
    state, architecture = load_weights(path, kind)
    arguments = {key: value for key, value in architecture.items() if key != "network"}
    if n_categories is not None and arguments.get("n_categories") != n_categories:
        raise ValueError(
            f"{path}: trained for {arguments.get('n_categories')} categories, but categories.csv holds {n_categories}. "
            f"Delete the file and run the workflow again: rule {rule} makes it anew."
        )
    model = build(**arguments)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"{path}: its tensors are not those of its own architecture {arguments} ({error}).") from error
    return model.to(device, memory_format=torch.channels_last).eval()


def pick_device(threads=None):
    """The device to compute on: a GPU if there is one. ``threads`` limits the CPU's, so that jobs share it fairly."""
    if threads:
        torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs time
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")

"""Trained weights as safetensors files, with the network's architecture in the file."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from aisi.formats.files import ContentError
from aisi.formats.seal import BLANK, check_seal, has_seal, sealed
from aisi.training.processes import n_processes, rank

State = dict[str, torch.Tensor]
"""Tensors by name."""
_FORMAT = "aisi/weights 2"
_UNSEALED = "aisi/weights 1"
"""Format of files that release 0.1 wrote, without a seal."""
_RULES = {"deeplab": "train_semantic", "mask_rcnn": "train_instance"}
"""Rules that train a network, where their names differ from the network's."""


def _rule_advice(network: str) -> str:
    return f"rule {_RULES.get(network, f'train_{network}')} makes it again."


def save_weights(
    weights_path: str | Path,
    state: State,
    architecture: dict[str, Any],
    dtype: torch.dtype | None = None,
    model: dict[str, Any] | None = None,
) -> None:
    """Write a network; of several processes the first one writes.

    Parameters
    ----------
    weights_path : str or Path
    state : dict of str to Tensor
    architecture : dict
        JSON values from which the network can be built again. Its key ``network`` is the type of network.
    dtype : torch.dtype, optional
        Type in which floating-point tensors are stored, for a smaller file.
    model : dict, optional
        JSON values that tell a model how to predict: its categories and settings.
    """
    if rank() > 0:
        return
    if dtype:
        state = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    content = {"format": _FORMAT, "architecture": architecture} | ({"model": model} if model else {})
    save_tensors(weights_path, state, content)


def save_tensors(weights_path: str | Path, state: State, content: dict[str, Any] | None = None) -> None:
    """Write tensors by name as a safetensors file, with JSON values that describe them, and a seal."""
    # One metadata key: safetensors writes several in random order. In it, _seal is the first of the sorted keys.
    note = json.dumps({"_seal": BLANK} | (content or {}), sort_keys=True)
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    with sealed(weights_path) as temporary:
        # Not save_file, which writes files that other users of the machine cannot read.
        temporary.write_bytes(save(tensors, metadata={"aisi": note}))


def read_note(weights_path: str | Path) -> dict[str, Any]:
    """What a file of weights says about its network; ValueError if it was not written by this workflow."""
    note, _ = _read(weights_path, "Write it again.", with_tensors=False)
    if note.get("format") not in (_FORMAT, _UNSEALED):
        raise ValueError(
            f"{weights_path}: found {note.get('format')}, expected {_FORMAT}. Name a model of this workflow."
        )
    return note


def _read(weights_path, advice, with_tensors=True):
    """Note and tensors of a safetensors file. A seal is checked first; only files of users and old ones have none."""
    try:
        unsealed = not has_seal(weights_path)
        if not unsealed:
            check_seal(weights_path)
        with safe_open(weights_path, framework="pt") as file:
            note = json.loads((file.metadata() or {}).get("aisi", "{}"))
            # safe_open is no dict
            state = {name: file.get_tensor(name) for name in file.keys()} if with_tensors else {}  # noqa: SIM118
        if not isinstance(note, dict) or unsealed and note.get("format") == _FORMAT:
            raise ContentError("no seal", "one")
    except (SafetensorError, ValueError, OSError) as error:
        raise ValueError(f"{weights_path}: not a whole safetensors file ({error}). {advice}") from error
    return note, state


def load_weights(weights_path: str | Path, network: str) -> tuple[State, dict[str, Any]]:
    """Read a network.

    Parameters
    ----------
    weights_path : str or Path
    network : str
        Type of network that the file must hold.

    Returns
    -------
    state : dict of str to Tensor
        Floating-point tensors are float32.
    architecture : dict

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is missing, cannot be read, was not written by this workflow, or holds another type of network.
    """
    if not Path(weights_path).is_file():
        raise FileNotFoundError(f"Weights file {weights_path} does not exist. Correct the config's weights key.")
    yours = "If the workflow wrote it, delete it and run the workflow again:"
    advice = f"If the file is yours, download it again. {yours} {_rule_advice(network)}"
    note, state = _read(weights_path, advice)
    architecture = note.get("architecture")
    found = note.get("format"), architecture.get("network") if isinstance(architecture, dict) else None
    if found not in ((_FORMAT, network), (_UNSEALED, network)):
        raise ValueError(
            f"{weights_path}: found {found[0]} with network {found[1]}, expected {_FORMAT} with network {network}. "
            f"If the file is yours, name another one in the config's weights key. {yours} {_rule_advice(network)}"
        )
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    return state, note["architecture"]


def load_network(
    weights_path: str | Path,
    network: str,
    build: Callable[..., Any],
    device: torch.device,
    n_categories: int | None = None,
) -> Any:
    """Read a network that this workflow trained, ready for use.

    Parameters
    ----------
    weights_path : str or Path
    network : str
        Type of network, as in :func:`load_weights`.
    build : callable
        Makes the network from the arguments in its architecture.
    device : torch.device
    n_categories : int, optional
        Number of categories in categories.csv. The network must have been trained for as many.

    Returns
    -------
    nn.Module
        What ``build`` makes, in evaluation mode.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file cannot be read, or holds another network.
    """
    advice = f"Delete the file and run the workflow again: {_rule_advice(network)}"
    state, architecture = load_weights(weights_path, network)
    arguments = {key: value for key, value in architecture.items() if key != "network"}
    if n_categories is not None and arguments.get("n_categories") != n_categories:
        raise ValueError(
            f"{weights_path}: trained for {arguments.get('n_categories')} categories, but categories.csv holds "
            f"{n_categories}. {advice}"
        )
    try:
        model = build(**arguments)
    except (TypeError, ValueError, RuntimeError, KeyError) as error:
        raise ValueError(f"{weights_path}: holds an architecture of other settings ({error}). {advice}") from error
    fill(model, state, weights_path, advice)
    return model.to(device, memory_format=torch.channels_last).eval()


def fill(part: Any, state: dict[str, Any], source_path: str | Path, advice: str) -> None:
    """Load a state, read from a file, into a module, an optimizer or the like; ValueError if it does not fit."""
    try:
        part.load_state_dict(state)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        # The first line of a module's error is a heading.
        problem = [line.strip(" \t.") for line in str(error).splitlines() or [""]][:2][-1]
        raise ValueError(f"{source_path}: does not fit {type(part).__name__} ({problem}). {advice}") from error


def read_tensors(source_path: str | Path, advice: str, device: str | torch.device = "cpu") -> Any:
    """Read what torch.save wrote. Only tensors and plain values are read; code in the file never runs.

    Raises
    ------
    ValueError
        If the file is truncated, of another format, or holds anything else. ``advice`` says what to do.
    """
    try:
        return torch.load(source_path, map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        # torch's own message advises to switch the protection off.
        unsafe = "it holds more than tensors and plain values, or is damaged"
        reason = unsafe if isinstance(error, pickle.UnpicklingError) else str(error).partition("\n")[0]
        reason = reason or type(error).__name__
        raise ValueError(f"{source_path}: cannot be read as tensors ({reason}). {advice}") from None


def pick_device(threads: int | None = None) -> torch.device:
    """The device to compute on: if there are GPUs, one for each process, otherwise the CPU.

    On the CPU all operations are deterministic. On a GPU convolutions are, and float32 is not shortened to TF32; other
    operations may add in another order. torch's deterministic algorithms stay off there, since they replace native
    operations, for example ``roi_align``, by slow ones.

    ``threads`` is how many threads of the CPU the job may use; the processes of a job share them equally.
    """
    if threads:
        torch.set_num_threads(max(1, threads // n_processes()))
    if not torch.cuda.is_available():
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # slow debugging aid
        return torch.device("cpu")
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    torch.backends.fp32_precision = "ieee"  # type: ignore[attr-defined]
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    torch.cuda.set_device(device)
    return device

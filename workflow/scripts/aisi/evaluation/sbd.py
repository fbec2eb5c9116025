"""True masks of SBD, the Semantic Boundaries Dataset (Hariharan et al., ICCV 2011), for evaluation alone."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from aisi.files import inside

PARTS = {"cls": "GTcls", "inst": "GTinst"}
"""Folders of SBD, and the struct in each of their files."""


def has_sbd_masks(sbd_folder: str | Path, image_id: str) -> bool:
    """Whether SBD has masks of a photo."""
    return all(inside(Path(sbd_folder, part), f"{image_id}.mat").is_file() for part in PARTS)


def read_sbd_masks(sbd_folder: str | Path, image_id: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the masks of a photo of SBD. They have no void pixels.

    Parameters
    ----------
    sbd_folder : str or Path
        Folder with ``cls`` and ``inst``: ``benchmark_RELEASE/dataset`` of the archive.
    image_id : str

    Returns
    -------
    classes, objects : (H, W) uint8
        0 is background. Other values are VOC's labels in the first, and 1.. for the instances in the second.

    Raises
    ------
    ValueError
        If a file is not one of SBD, or the two do not fit each other.
    """
    classes, objects = (_segmentation(inside(Path(sbd_folder, part), f"{image_id}.mat"), PARTS[part]) for part in PARTS)
    if classes.shape != objects.shape:
        raise ValueError(
            f"{sbd_folder}: the masks of {image_id!r} have shape {classes.shape} in cls and {objects.shape} in inst. "
            "Extract the archive again."
        )
    return classes, objects


def _segmentation(path: Path, name: str) -> np.ndarray:
    try:
        content: dict[str, Any] = loadmat(path, simplify_cells=True)
        found = np.asarray(content[name]["Segmentation"])
    except FileNotFoundError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, NotImplementedError, OSError, MatReadError) as error:
        raise ValueError(
            f"{path}: cannot be read as a file of SBD ({error}), expected {name}.Segmentation. "
            "Extract the archive again."
        ) from error
    if found.ndim != 2 or found.dtype != np.uint8:
        raise ValueError(
            f"{path}: found {name}.Segmentation with shape {found.shape} and type {found.dtype}, expected two "
            "dimensions and uint8. Extract the archive again."
        )
    return found

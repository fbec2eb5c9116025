"""The archive for COCO's evaluation server."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aisi.files import atomic


def check_results(path: str | Path, results: Sequence[dict[str, Any]]) -> None:
    """Check that results have what COCO's server asks for.

    Parameters
    ----------
    path : str or Path
        For messages.
    results : sequence of dict
        Entries of COCO's results.

    Raises
    ------
    ValueError
        If there are none, or an image or a category has an id that is not a whole number.
    """
    if not results:
        raise ValueError(f"{path}: found no instance, expected some. COCO's tools read no empty list.")
    for key in ("image_id", "category_id"):
        wrong = [one.get(key) for one in results if type(one.get(key)) is not int]
        if wrong:
            raise ValueError(
                f"{path}: found {key} {wrong[0]!r}, expected whole numbers, as COCO's server does. Number the images "
                "and categories of the dataset's JSON, delete the predictions and run the workflow again."
            )


def write_archive(archive_path: str | Path, results_path: str | Path) -> None:
    """Write a zip with one JSON of the archive's own name. Equal results give equal bytes.

    Parameters
    ----------
    archive_path : str or Path
        ``detections_{split}_{method}_results.zip``, as the server asks for.
    results_path : str or Path
        COCO's results.
    """
    entry = zipfile.ZipInfo(f"{Path(archive_path).stem}.json", (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    with atomic(archive_path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(entry, Path(results_path).read_bytes())

"""The archive that the evaluation server of PASCAL VOC takes."""

import gzip
import io
import tarfile

from aisi.dataset.keywords import VOC_CATEGORIES
from aisi.files import atomic, inside
from aisi.formats.masks import read_labels

FOLDER = "results/VOC2012/Segmentation/comp6_test_cls"
"""Where the server looks for the predictions of whoever trained on more than VOC's own masks (comp6)."""


def check_categories(names):
    """Raise ValueError unless the categories are VOC's 20 in VOC's order, which is what the server counts."""
    if tuple(names) != VOC_CATEGORIES:
        raise ValueError(
            f"found the categories {', '.join(names)}, expected VOC's 20 in their order, since the server knows these "
            "alone. Set dataset.format: voc and dataset.categories: null."
        )


def read_members(photos, predictions):
    """Members of the archive, one photo at a time, each checked.

    Parameters
    ----------
    photos : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    predictions : str or Path
        Folder with ``{image_id}.png``.

    Yields
    ------
    name : str
    content : bytes
        The PNG as it is: VOC's palette, labels 0..20.

    Raises
    ------
    ValueError
        If a prediction is not of its photo's size, or holds another label.
    """
    for photo in photos.itertuples():
        path = inside(predictions, f"{photo.image_id}.png")
        labels = read_labels(path)
        found = f"{labels.shape[0]} x {labels.shape[1]} pixels, labels up to {labels.max()}"
        if labels.shape != (photo.height, photo.width) or labels.max() > len(VOC_CATEGORIES):
            raise ValueError(
                f"{path}: found {found}, expected {photo.height} x {photo.width} pixels, labels up to "
                f"{len(VOC_CATEGORIES)}. Delete the folder and run the workflow again."
            )
        yield f"{FOLDER}/{photo.image_id}.png", path.read_bytes()


def write_archive(path, members):
    """Write a .tgz whose bytes depend on the members alone: no times, no owners.

    Parameters
    ----------
    path : str or Path
    members : iterable of (str, bytes)
        Name and content, in the order of the archive.
    """
    with (
        atomic(path) as temporary,
        open(temporary, "wb") as file,
        # PNGs are compressed already, so the least effort loses nothing
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=1) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))

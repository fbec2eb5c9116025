"""Tags of the instances of a split: CSV."""

from pathlib import Path

import numpy as np
import pandas as pd

from aisi.formats.dataset import KEYWORD_SEPARATOR, Categories
from aisi.formats.files import Format
from aisi.formats.instances import SalientInstances
from aisi.formats.tables import read_table, write_table

TAGS = Format("tags", "write_tags")

TAG_COLUMNS = [
    *("image_id", "instance_id", "x0", "y0", "x1", "y1", "score"),
    *("keywords", "label", "tag", "attention", "margin", "source"),
]


def tag_columns(
    instances: SalientInstances,
    images: pd.DataFrame,
    categories: Categories,
    labels: np.ndarray,
    attention: np.ndarray | float,
    margins: np.ndarray | float,
    source: np.ndarray | str,
) -> pd.DataFrame:
    """Make a table of tags, with the data of instances and photos.

    Parameters
    ----------
    instances : SalientInstances
    images : DataFrame
        Their photos, as from :func:`aisi.formats.dataset.read_images`.
    categories : Categories
    labels : (N,) int
        Label of each instance, 0 = noisy.
    attention, margins : (N,) float or float
        NaN where unknown.
    source : (N,) str or str
        ``solver`` or ``override``.

    Returns
    -------
    DataFrame
        Columns ``TAG_COLUMNS``.
    """
    keywords = dict(zip(images["image_id"], images["keywords"], strict=True))
    columns = {
        "image_id": instances.image_ids,
        "instance_id": instances.instance_ids,
        **dict(zip(("x0", "y0", "x1", "y1"), instances.boxes.T, strict=True)),
        "score": instances.scores,
        "keywords": [keywords[image_id] for image_id in instances.image_ids],
        "label": labels,
        "tag": np.array(categories.name_of, object)[labels],
        "attention": attention,
        "margin": margins,
        "source": source,
    }
    return pd.DataFrame(columns, columns=TAG_COLUMNS)


def write_tags(path: str | Path, tags: pd.DataFrame) -> None:
    """Write the tag of every instance.

    Parameters
    ----------
    path : str or Path
    tags : DataFrame
        Columns ``TAG_COLUMNS``. keywords is a tuple of names. A rejected instance has label 0 and tag ``noisy``.
        attention is p of the tag (PAPER §3.1 eq. 2; empty for noisy). margin is NaN where the solver gives none.
        source is ``solver`` or ``override``.
    """
    write_table(path, tags.assign(keywords=[KEYWORD_SEPARATOR.join(k) for k in tags["keywords"]]), TAG_COLUMNS)


def read_tags(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_tags` wrote; ``keywords`` holds tuples."""
    numbers = dict.fromkeys(("instance_id", "x0", "y0", "x1", "y1", "label"), "int64")
    numbers |= dict.fromkeys(("score", "attention", "margin"), "float64")
    tags = read_table(path, TAGS, TAG_COLUMNS, numbers)
    tags["keywords"] = [tuple(text.split(KEYWORD_SEPARATOR)) if text else () for text in tags["keywords"]]
    return tags

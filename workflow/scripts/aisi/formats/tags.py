"""Tags of the instances of a split: CSV."""

from pathlib import Path

import numpy as np
import pandas as pd

from aisi.formats.dataset import KEYWORD_SEPARATOR, Categories
from aisi.formats.files import TEXT, Format, reading, require, writing
from aisi.formats.instances import SalientInstances
from aisi.formats.rows import check_rows, row_digests
from aisi.formats.tables import read_table, write_table
from aisi.labels import LARGEST, NOISY, NOISY_TAG

BOX = ("x0", "y0", "x1", "y1")

TAGS = Format(
    "tags",
    "write_tags",
    columns={
        "image_id": TEXT,
        "instance_id": "int64",
        **dict.fromkeys(BOX, "int64"),
        "score": "float64",
        "keywords": TEXT,
        "label": "int64",
        "tag": TEXT,
        "attention": "float64",
        "margin": "float64",
        "source": TEXT,
    },
)
"""The tag of each instance of a split, one a row, in the order of the salient instances: `tags/{assignment}.csv`.

Columns
-------
image_id, instance_id
    The instance.
x0, y0, x1, y1
    Its box in pixels of the upright photo, half-open.
score
    The detector's score, in [0, 1].
keywords
    Keywords of the photo, with `;` between them.
label, tag
    Label 1..C and its name; label 0 and tag `noisy` mark a rejected instance.
attention
    p of the tag in [0, 1] (PAPER §3.1 eq. 2); empty for a rejected instance.
margin
    What the objective loses at least without this label (docs/partition.md); empty where the solver gives none.
source
    `solver`, `override` (a user's correction) or `external` (another method).
"""
TAG_COLUMNS = list(TAGS.columns)


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
        ``solver``, ``override`` or ``external`` (another method).

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
        Columns ``TAG_COLUMNS``; keywords is a tuple of names.
    """
    with writing(path):
        _check(tags)
    write_table(path, tags.assign(keywords=[KEYWORD_SEPARATOR.join(k) for k in tags["keywords"]]), TAGS)


def read_tags(path: str | Path, rows: np.ndarray | None = None, categories: Categories | None = None) -> pd.DataFrame:
    """Read what :func:`write_tags` wrote; ``keywords`` holds tuples.

    Parameters
    ----------
    path : str or Path
    rows : (N,) uint64, optional
        Digests of the salient instances with which the tags are joined row by row. They are compared.
    categories : Categories, optional
        Those with which labels become names. They are compared with the names in the file.
    """
    tags = read_table(path, TAGS)
    tags["keywords"] = [tuple(text.split(KEYWORD_SEPARATOR)) if text else () for text in tags["keywords"]]
    with reading(path, TAGS, "tags"):
        _check(tags)
        if categories is not None:
            for label, tag in set(zip(tags["label"], tags["tag"], strict=True)):
                known = categories.name_of[label] if label <= len(categories) else "no label"
                require(tag == known, f"tag {tag!r} of label {label}", f"{known!r}, as in categories.csv")
    if rows is not None:
        check_rows(path, TAGS, row_digests(tags["image_id"], tags["instance_id"], tags[list(BOX)].to_numpy()), rows)
    return tags


def _check(tags):
    keys = list(zip(tags["image_id"], tags["instance_id"], strict=True))
    require(len(set(keys)) == len(keys), "an instance twice", "each instance once")
    numbers = tags[["instance_id", "x0", "y0", "label"]]
    require(bool((numbers >= 0).all(axis=None)), "a negative number", "instance_id, box and label of at least 0")
    require(bool((tags["label"] <= LARGEST).all()), "a larger label", f"labels up to {LARGEST}")
    boxes = (tags["x0"] < tags["x1"]) & (tags["y0"] < tags["y1"])
    require(bool(boxes.all()), "an empty box", "x0 < x1 and y0 < y1")
    scores = (tags["score"] >= 0) & (tags["score"] <= 1)
    attention = tags["attention"].isna() | ((tags["attention"] >= 0) & (tags["attention"] <= 1))
    require(bool((scores & attention).all()), "a score or attention outside [0, 1]", "numbers in [0, 1]")
    sources = set(tags["source"]) - {"solver", "override", "external"}
    require(not sources, f"source {sorted(sources)}", "solver, override or external")
    pairs = set(zip(tags["label"], tags["tag"], strict=True))
    once = len({label for label, _ in pairs}) == len({tag for _, tag in pairs}) == len(pairs)
    noisy = all((label == NOISY) == (tag == NOISY_TAG) for label, tag in pairs)
    require(once and noisy, "labels and tags that disagree", f"one tag for each label, {NOISY_TAG} for label {NOISY}")
    own = tags[tags["source"] == "solver"]  # the oracle and other methods may give any category
    for tag, keywords in zip(own["tag"], own["keywords"], strict=True):
        require(tag == NOISY_TAG or tag in keywords, f"tag {tag!r} of keywords {keywords}", "a keyword of the photo")

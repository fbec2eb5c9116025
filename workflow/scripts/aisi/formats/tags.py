"""Tags of the instances of a split: CSV."""

from aisi.formats.dataset import KEYWORD_SEPARATOR
from aisi.formats.files import Format
from aisi.formats.tables import read_table, write_table

TAGS = Format("tags", "write_tags")

TAG_COLUMNS = [
    *("image_id", "instance_id", "x0", "y0", "x1", "y1", "score"),
    *("keywords", "label", "tag", "attention", "margin", "source"),
]


def write_tags(path, tags):
    """Write the tag of every instance.

    Parameters
    ----------
    path : str or Path
    tags : DataFrame
        Columns ``TAG_COLUMNS``; keywords is a tuple of names, label 0 and tag ``noisy`` mark a rejected instance,
        attention is p of the tag (eq. 2; empty for noisy), margin is NaN where the solver gives none, source is
        ``solver`` or ``override``.
    """
    write_table(path, tags.assign(keywords=[KEYWORD_SEPARATOR.join(k) for k in tags["keywords"]]), TAG_COLUMNS)


def read_tags(path):
    """Read what :func:`write_tags` wrote; ``keywords`` holds tuples."""
    numbers = dict.fromkeys(("instance_id", "x0", "y0", "x1", "y1", "label"), "int64")
    numbers |= dict.fromkeys(("score", "attention", "margin"), "float64")
    tags = read_table(path, TAGS, TAG_COLUMNS, numbers)
    tags["keywords"] = [tuple(text.split(KEYWORD_SEPARATOR)) if text else () for text in tags["keywords"]]
    return tags

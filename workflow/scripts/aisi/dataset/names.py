"""Keywords and names of categories as people write them: how they are separated, and which ones are refused."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

from aisi.labels import RESERVED_NAMES

SEPARATORS = ";,|；，｜、"
"""Each of these separates keywords, as a line break does. So no name holds one of them."""
_BETWEEN_KEYWORDS = re.compile(rf"[{re.escape(SEPARATORS)}\r\n\v\f\x85\u2028\u2029]")
FORMULA_SIGNS = ("=", "+", "-", "@")
FORMULA = "a spreadsheet takes text that begins with =, +, - or @ for a formula, and could run it."
"""Why no name and no image_id begins with one of ``FORMULA_SIGNS``: results are tables."""
_NO_KEYWORD = {"none", "n/a", "#n/a", "na", "nan", "null", "nil", "-", "--", "–", "—"}
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn")


def normal(text: str) -> str:
    """Give accented letters one encoding (NFC), since file systems and spreadsheets use different ones."""
    return unicodedata.normalize("NFC", text)


def split_keywords(text: str) -> tuple[str, ...]:
    """Split the keywords of a cell: in their order, without blanks at their ends, each once."""
    return clean_keywords(_BETWEEN_KEYWORDS.split(text))


def clean_keywords(names: Iterable[str]) -> tuple[str, ...]:
    """Give names without blanks at their ends, each once; empty ones are left out."""
    return tuple(dict.fromkeys(normal(name.strip()) for name in names if name.strip()))


def wrong_name(name: str) -> str | None:
    """Say why a name cannot be that of a category, and what to do; None if it can."""
    invisible = next((letter for letter in name if unicodedata.category(letter) in _INVISIBLE), None)
    separator = next((letter for letter in name if letter in SEPARATORS), None)
    if not name.strip():
        return "the name is empty. Give it a name."
    if invisible:
        called = unicodedata.name(invisible, "control character").lower()
        return f"the name holds the invisible character U+{ord(invisible):04X} ({called}). Remove it."
    if separator:
        return f"the name holds {separator!r}, which separates keywords. Rename it."
    if name in RESERVED_NAMES:
        return "this word has another meaning here. Rename it."
    if name.casefold() in _NO_KEYWORD:
        return "this word means that there is no keyword. Leave the cell empty, or rename the category."
    if name.lstrip().startswith(FORMULA_SIGNS):
        return f"{FORMULA} Rename it."
    return None


def folded(name: str) -> str:
    """A name without what is easily mistyped: case, width of letters, blanks."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def alike_names(places: Mapping[str, list[str]]) -> list[str]:
    """List the names that differ only in case, in width or in blanks, so that they probably mean one category.

    Parameters
    ----------
    places : dict
        Name to the places where it occurs, for the message; a list may be empty.

    Returns
    -------
    list of str
        One problem for each group of such names.
    """
    groups: dict[str, list[str]] = {}
    for name in places:
        groups.setdefault(folded(name), []).append(name)
    return [
        f"{' and '.join(f'{name!r}{said_where(places[name])}' for name in names)} differ only in case, width or "
        "blanks. Write them the same way."
        for names in groups.values()
        if len(names) > 1
    ]


def said_where(places: list[str]) -> str:
    """The first place of several, and how many more there are, in brackets."""
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f" ({places[0]}{more})" if places else ""

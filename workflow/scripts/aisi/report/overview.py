"""The first page of the report, for readers who know their photos and not the method."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import pandas as pd
from PIL import Image

from aisi.formats.dataset import Categories
from aisi.labels import NOISY

WORDS = {
    "keyword": "A word that says what a photo shows. You gave it. It is the name of a category.",
    "instance": "One object that the detector found in a photo: its outline, without a name.",
    "tag": "The keyword that an instance got. An instance can only get a keyword of its own photo.",
    "rejected, noisy": "An instance that got no keyword, because it looks like none of them or its outline is bad.",
    "mask": "A picture of the size of the photo. The value of a pixel says which keyword it shows; 0 is background.",
    "mask for training": "The same, but 255 stands for pixels of which nothing is known: rejected instances, and the "
    "background of photos where a keyword has no instance. A network does not learn from them. So a mask for training "
    "that is mostly 255 is not broken.",
    "attention": "How strongly a network sees a keyword at a place of the photo, from 0 to 1.",
    "margin": "How sure a tag is. Large: any other tag is clearly worse. Near 0 or below: another tag may be as good.",
    "trained network": "A network that learned from the masks. It finds the keywords in new photos, without keywords.",
    "true mask": "A mask that a person drew. It is used to evaluate, never to train.",
}
"""The words of the report and what they mean."""

PHOTOS_OF_KEYWORD = 4
"""Largest number of photos that the page shows for a keyword."""
MOST_PHOTOS = 120
"""Number of photos on the page from which on each keyword shows fewer."""
MOST_NAMES = 20
"""Photos without a mask that are named; the table of photos has all."""


def keyword_table(images: pd.DataFrame, tags: pd.DataFrame, categories: Categories) -> pd.DataFrame:
    """Count for each keyword what it got.

    Parameters
    ----------
    images : DataFrame
        Photos of the split, as from :func:`aisi.formats.dataset.read_images`.
    tags : DataFrame
        As from :func:`aisi.formats.tags.read_tags`.
    categories : Categories

    Returns
    -------
    DataFrame
        A row for each category, in their order: keyword; photos: number with the keyword; found: those of them with an
        instance of this tag; missing: the others; instances; margin: median of the instances' margins, NaN without
        margins.
    """
    tagged = tags[tags["label"] != NOISY]
    rows = []
    for name in categories.names:
        own = tagged[tagged["tag"] == name]
        n_photos = sum(name in keywords for keywords in images["keywords"])
        n_found = own["image_id"].nunique()
        rows.append((name, n_photos, n_found, n_photos - n_found, len(own), own["margin"].median()))
    return pd.DataFrame(rows, columns=["keyword", "photos", "found", "missing", "instances", "margin"])


def choose_photos(tags: pd.DataFrame, categories: Categories) -> dict[str, list[str]]:
    """Choose photos for each keyword at even steps, from the most to the least certain tag.

    Parameters
    ----------
    tags : DataFrame
        As from :func:`aisi.formats.tags.read_tags`.
    categories : Categories

    Returns
    -------
    dict
        Keyword to at most ``PHOTOS_OF_KEYWORD`` image_ids of photos with an instance of this tag. The certainty of a
        photo is the smallest margin of these instances; unknown margins come last.
    """
    n = max(1, min(PHOTOS_OF_KEYWORD, MOST_PHOTOS // max(1, len(categories))))
    chosen = {}
    for name in categories.names:
        margins = tags[tags["tag"] == name].groupby("image_id")["margin"].min()
        ranked = margins.sort_index().sort_values(ascending=False, kind="stable", na_position="last").index
        steps = np.unique(np.linspace(0, len(ranked) - 1, min(n, len(ranked))).round().astype(int))
        chosen[name] = [str(ranked[step]) for step in steps]
    return chosen


def picture(pixels: np.ndarray) -> str:
    """Address of a picture, (h, w, 3) uint8, that holds the picture itself: a JPEG as data URI."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"


def overview_page(
    name: str,
    table: pd.DataFrame,
    categories: Categories,
    pictures: Mapping[str, Sequence[tuple[str, str, Sequence[str]]]],
    without_mask: Sequence[str],
    n_photos: int,
    places: Mapping[str, str],
) -> str:
    """Page in HTML: the photos of each keyword with their masks, what is missing, and the words.

    Parameters
    ----------
    name : str
        Name of the dataset.
    table : DataFrame
        As from :func:`keyword_table`.
    categories : Categories
    pictures : dict
        Keyword to (image_id, address of a picture with the mask drawn over the photo, tags in the mask), as many as are
        shown.
    without_mask : list of str
        image_id of each photo in which no instance has a tag.
    n_photos : int
        Number of photos with keywords.
    places : dict
        What to find where: words to a path or a command.

    Returns
    -------
    str
    """
    colour_of = dict(zip(categories.names, categories.colours, strict=True))
    rows = [_keyword_row(row, colour_of[row.keyword]) for row in table.itertuples()]
    shown = [_keyword_pictures(word, colour_of, own) for word, own in pictures.items() if own]
    parts = [
        f"<h1>{escape(name)}: {n_photos - len(without_mask)} of {n_photos} photos have a mask</h1>",
        "<p>Each picture is a photo with its mask drawn over it. A colour is a keyword. White lines are the edges of "
        "the mask. The photos of a keyword go from the surest tag (left) to the least sure one (right).</p>",
        *shown,
        "<h2>How many</h2>",
        "<table><thead><tr><th>keyword</th><th>photos</th><th>with an instance</th><th>without</th><th>instances</th>"
        f"<th>usual margin</th></tr></thead><tbody>{''.join(rows)}</tbody></table>",
        "<p><b>without</b>: the keyword names something that no instance shows. The object may be small, hidden, or "
        "taken for another keyword. The review page lists these photos. <b>usual margin</b>: how sure a tag of this "
        "keyword is, see the words below.</p>",
        _missing(table, without_mask),
        "<h2>Where things are, and what comes next</h2>",
        _places(places),
        "<h2>Words</h2>",
        f"<dl>{''.join(f'<dt>{escape(word)}</dt><dd>{escape(text)}</dd>' for word, text in WORDS.items())}</dl>",
    ]
    return _HEAD.format(title=escape(name)) + f'<div class="overview">{"".join(parts)}</div>\n</html>\n'


def _swatch(name, colour):
    return f'<span class="swatch"><i style="background:{colour}"></i>{escape(name)}</span>'


def _keyword_row(row, colour):
    margin = "" if np.isnan(row.margin) else "no other tag possible" if np.isinf(row.margin) else f"{row.margin:.3g}"
    counts = "".join(f"<td>{count}</td>" for count in (row.photos, row.found, row.missing, row.instances))
    return f"<tr><td>{_swatch(row.keyword, colour)}</td>{counts}<td>{margin}</td></tr>"


def _keyword_pictures(word, colour_of, own):
    figures = "".join(
        f'<figure><img src="{address}" alt="{escape(image_id)} with its mask"><figcaption>{escape(image_id)}<br>'
        f"{''.join(_swatch(tag, colour_of[tag]) for tag in tags)}</figcaption></figure>"
        for image_id, address, tags in own
    )
    return f'<section><h3>{_swatch(word, colour_of[word])}</h3><div class="row">{figures}</div></section>'


def _missing(table, without_mask):
    never = table.loc[(table["photos"] > 0) & (table["found"] == 0), "keyword"]
    lines = []
    if len(never):
        lines.append(f"Keywords without an instance in any photo: <b>{escape(', '.join(never))}</b>.")
    if without_mask:
        named = ", ".join(map(escape, without_mask[:MOST_NAMES]))
        more = f" and {len(without_mask) - MOST_NAMES} more" if len(without_mask) > MOST_NAMES else ""
        lines.append(f"Photos without a mask, because no instance in them has a tag: {named}{more}.")
    items = "".join(
        f"<li>{line}</li>" for line in lines or ["Nothing: each photo has a mask, each keyword an instance."]
    )
    return f"<h2>What is missing</h2><ul>{items}</ul>"


def _places(places):
    items = "".join(f"<li>{escape(what)}: <code>{escape(where)}</code></li>" for what, where in places.items())
    return f"<ul>{items}</ul>"


_HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
.overview {{ font: 16px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 0 auto; padding: 8px 16px; }}
.overview h1 {{ font-size: 26px; line-height: 1.25; margin: 8px 0; font-weight: 700; }}
.overview h2 {{ font-size: 20px; margin: 32px 0 8px; font-weight: 700; }}
.overview h3 {{ font-size: 16px; margin: 16px 0 4px; font-weight: 600; }}
.overview ul {{ margin: 8px 0; padding-left: 20px; }}
.overview code {{ overflow-wrap: anywhere; font-size: 14px; }}
.overview code::before, .overview code::after {{ content: none; }}
.overview .row {{
  display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 12px; align-items: start;
}}
.overview figure {{ margin: 0; min-width: 0; }}
.overview img {{ width: 100%; height: auto; display: block; margin: 0; border-radius: 4px; }}
.overview figcaption {{ font-size: 13px; color: #5c5c58; margin: 2px 0 0; overflow-wrap: anywhere; }}
.overview .swatch {{ display: inline-block; margin-right: 10px; white-space: nowrap; }}
.overview .swatch i {{
  display: inline-block; width: 14px; height: 14px; margin-right: 5px; border: 1px solid #666; border-radius: 3px;
  vertical-align: -2px;
}}
.overview table {{ border-collapse: collapse; display: block; overflow-x: auto; font-size: 15px; }}
.overview th, .overview td {{ padding: 3px 14px 3px 0; text-align: right; border-bottom: 1px solid #d5d5d0; }}
.overview th:first-child, .overview td:first-child {{ text-align: left; }}
.overview dl {{ display: grid; grid-template-columns: minmax(90px, 170px) 1fr; gap: 6px 16px; }}
.overview dt {{ font-weight: 600; margin: 0; padding: 0; }}
.overview dd {{ margin: 0; padding: 0; }}
@media (max-width: 500px) {{
  .overview .row {{ grid-template-columns: 1fr 1fr; }}
  .overview dl {{ display: block; }}
  .overview dd {{ margin-bottom: 8px; }}
}}
</style>
"""

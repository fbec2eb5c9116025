import numpy as np
import pandas as pd
import pytest

from aisi.formats.dataset import Categories
from aisi.report import overview
from aisi.report.overview import WORDS, choose_photos, keyword_table, overview_page
from aisi.report.plots import plot_keywords, save_figure

CATEGORIES = Categories(("cat", "dog", "fish <b>"), (1, 2, 3), ("#ff0000", "#00ff00", "#0000ff"))
IMAGES = pd.DataFrame(
    {"image_id": ["a", "b", "c & d", "e"], "keywords": [("cat", "dog"), ("cat",), ("dog", "fish <b>"), ("cat",)]}
)
TAGS = pd.DataFrame(
    [
        ("a", 1, "cat", 2.0),
        ("a", 1, "cat", -1.0),
        ("a", 0, "noisy", 9.0),
        ("b", 1, "cat", np.nan),
        ("c & d", 2, "dog", 4.0),
    ],
    columns=["image_id", "label", "tag", "margin"],
)


def test_keywords_are_counted():
    table = keyword_table(IMAGES, TAGS, CATEGORIES)
    assert table["keyword"].tolist() == list(CATEGORIES.names)
    assert table[["photos", "found", "missing", "instances"]].to_numpy().tolist() == [
        [3, 2, 1, 3],
        [2, 1, 1, 1],
        [1, 0, 1, 0],
    ]
    assert table["margin"].tolist()[:2] == [0.5, 4.0] and np.isnan(table["margin"][2])


def test_photos_go_from_the_surest_tag_to_the_least_sure_one():
    margins = {f"{number:02}": margin for number, margin in enumerate([3, 9, 1, np.nan, 7, np.inf, 5])}
    tags = pd.DataFrame({"image_id": list(margins), "tag": "cat", "margin": list(margins.values()), "label": 1})
    assert choose_photos(tags, CATEGORIES) == {"cat": ["05", "04", "00", "03"], "dog": [], "fish <b>": []}
    doubtful = pd.concat([tags, tags.tail(1).assign(margin=-5)])
    assert choose_photos(doubtful, CATEGORIES)["cat"][-2:] == ["02", "03"]


def test_many_keywords_show_fewer_photos(monkeypatch):
    monkeypatch.setattr(overview, "MOST_PHOTOS", 6)
    tags = pd.DataFrame({"image_id": list("abcd"), "tag": "cat", "margin": 1.0, "label": 1})
    assert len(choose_photos(tags, CATEGORIES)["cat"]) == 2


@pytest.fixture
def page():
    table = keyword_table(IMAGES, TAGS, CATEGORIES)
    pictures = {
        "cat": [("a", "data:image/jpeg;base64,AAAA", ["cat"])],
        "dog": [("c & d", "data:,", [])],
        "fish <b>": [],
    }
    return overview_page("my <photos>", table, CATEGORIES, pictures, ["e"], 4, {"Masks": "results/masks"})


def test_the_page_shows_pictures_first_and_the_words_last(page):
    assert "my &lt;photos&gt;: 3 of 4 photos have a mask" in page
    order = ["base64,AAAA", "How many", "What is missing", "results/masks", "Words"]
    places = [page.index(part) for part in order]
    assert places == sorted(places)
    assert page.count("<figure>") == 2 and "c &amp; d" in page
    assert "Keywords without an instance in any photo: <b>fish &lt;b&gt;</b>" in page
    assert "Photos without a mask, because no instance in them has a tag: e." in page
    assert "<td>3</td><td>2</td><td>1</td><td>3</td><td>0.5</td>" in page
    assert len(WORDS) == 10 and all(f"<dt>{word}</dt>" in page for word in WORDS)


def test_user_text_is_quoted(page):
    assert "<b>" not in page.replace("<b>fish &lt;b&gt;</b>", "").replace("<b>without</b>", "").replace(
        "<b>usual margin</b>", ""
    )


def test_a_long_list_of_photos_is_shortened():
    table = keyword_table(IMAGES, TAGS, CATEGORIES)
    page = overview_page("p", table, CATEGORIES, {}, [f"p{number}" for number in range(27)], 30, {})
    assert "p19 and 7 more." in page and "p20" not in page


def test_the_plot_repeats_byte_by_byte_and_needs_no_margins(tmp_path):
    table = keyword_table(IMAGES, TAGS, CATEGORIES)
    for name in ("one.png", "two.png"):
        save_figure(tmp_path / name, plot_keywords(table, TAGS))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert len(plot_keywords(table, TAGS).axes) == 2
    assert len(plot_keywords(table, TAGS.assign(margin=np.nan)).axes) == 1

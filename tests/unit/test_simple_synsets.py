"""The table of ImageNet's categories for VOC's keywords."""

import csv
from collections import Counter

from timm.data import ImageNetInfo

from aisi.dataset.keywords import VOC_CATEGORIES
from workflow_text import ROOT

with open(ROOT / "resources/simple_synsets.csv", newline="", encoding="utf-8") as file:
    ROWS = list(csv.DictReader(file))


def test_every_synset_is_one_of_the_thousand_and_has_its_name():
    known = ImageNetInfo()
    names = {synset: known.label_name_to_description(synset) for synset in known.label_names()}
    assert {row["synset"] for row in ROWS} <= set(names)
    assert all(names[row["synset"]].startswith(row["name"]) for row in ROWS)


def test_every_synset_stands_once_and_every_keyword_but_person_has_one():
    assert max(Counter(row["synset"] for row in ROWS).values()) == 1
    assert {row["keyword"] for row in ROWS} == set(VOC_CATEGORIES) - {"person"}


def test_the_page_has_the_number_of_synsets():
    page = " ".join((ROOT / "docs/datasets.md").read_text().split())
    assert f"the {len(ROWS)} of the 1,000 categories of ILSVRC 2012" in page

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as rle

from aisi.formats.coco import read_instances, write_coco
from aisi.formats.dataset import Categories
from aisi.formats.instances import SalientInstances, rows_by_photo
from aisi.formats.masks import PHOTO_COLUMNS
from aisi.proxy_masks import (
    CocoInstances,
    PixelShares,
    photo_row,
    proxy_mask,
    summary,
    tagged_photos,
)
from aisi.salient_instances.imported import from_coco

CATEGORIES = Categories(("cat", "dog", "kite"), (7, 9, 90), ("#800000",) * 3)


def encode(*rows):
    """RLE of a mask drawn with characters, ``#`` inside."""
    return rle.encode(np.asfortranarray([[character == "#" for character in row] for row in rows], np.uint8))


TOP = encode("####", "####", "....", "....")
LEFT = encode("##..", "##..", "##..", "....")
DOT = encode("#...", "....", "....", "....")


def draw(proxy):
    return ["".join("." if value == 0 else "x" if value == 255 else str(value) for value in row) for row in proxy]


def test_smaller_instance_is_on_top_in_any_order():
    expected = ["2211", "2211", "22..", "...."]
    assert draw(proxy_mask([TOP, LEFT], [1, 2], {1, 2})) == expected
    assert draw(proxy_mask([LEFT, TOP], [2, 1], {1, 2})) == expected


def test_of_two_equal_sizes_the_first_is_on_top():
    assert draw(proxy_mask([DOT, DOT], [3, 2], {2, 3}))[0] == "3..."


def test_noisy_pixels_are_ignored_or_background():
    assert draw(proxy_mask([TOP, LEFT], [1, 0], {1})) == ["xx11", "xx11", "xx..", "...."]
    assert draw(proxy_mask([TOP, LEFT], [1, 0], {1}, noisy_pixels="background")) == ["..11", "..11", "....", "...."]
    assert draw(proxy_mask([TOP, LEFT], [0, 2], {2})) == ["22xx", "22xx", "22..", "...."]


def test_missing_keyword_can_make_the_background_ignored():
    assert draw(proxy_mask([DOT], [1], {1, 2}, missing_keywords="background"))[0] == "1..."
    assert draw(proxy_mask([DOT], [1], {1, 2}, missing_keywords="ignore"))[0] == "1xxx"
    assert draw(proxy_mask([DOT], [1], {1}, missing_keywords="ignore"))[0] == "1..."


@pytest.mark.parametrize("masks, labels", [([], []), ([TOP], [0])])
def test_photo_without_a_tag_gets_no_proxy(masks, labels):
    assert proxy_mask(masks, labels, {1}) is None


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.data())
def test_every_pixel_belongs_to_the_smallest_instance_above_it(labels, data):
    bits = st.lists(st.booleans(), min_size=12, max_size=12).filter(any)
    masks = [np.reshape(data.draw(bits), (3, 4)) for _ in labels]
    proxy = proxy_mask([rle.encode(np.asfortranarray(mask, np.uint8)) for mask in masks], labels, {1, 2, 3})
    if not any(labels):
        assert proxy is None
        return
    for pixel in np.ndindex(3, 4):
        above = [(mask.sum(), number) for number, mask in enumerate(masks) if mask[pixel]]
        expected = (labels[min(above)[1]] or 255) if above else 0
        assert proxy[pixel] == expected


def instances(ids, numbers, masks):
    boxes = np.tile([0, 0, 4, 3], (len(ids), 1))
    return SalientInstances(np.array(ids, object), np.array(numbers), boxes, np.full(len(ids), 0.5, "f4"), masks)


def photos(*rows):
    return pd.DataFrame(
        [(*row, "") for row in rows], columns=["image_id", "path", "width", "height", "keywords", "sha256"]
    )


def tags(*rows):
    """Rows image_id, instance_id, label, with the boxes of ``instances``."""
    return pd.DataFrame(rows, columns=["image_id", "instance_id", "label"]).assign(x0=0, y0=0, x1=4, y1=3)


def test_photos_get_their_instances_and_tags():
    images = photos(("b/ü 1", "x/b/ü 1.JPG", 4, 4, ("dog",)), ("a", "a.png", 4, 4, ()), ("c", "c.png", 4, 4, ("cat",)))
    found = instances(["b/ü 1", "b/ü 1", "c"], [0, 1, 0], [TOP, LEFT, DOT])
    table = tags(("c", 0, 1), ("b/ü 1", 1, 2), ("b/ü 1", 0, 0))
    first, second, third = tagged_photos([(images, found)], table, CATEGORIES)
    assert (first.file_name, first.keywords, first.labels.tolist()) == ("b/ü 1.JPG", (2,), [0, 2])
    assert (second.keywords, second.labels.tolist(), second.masks) == ((), [], [])
    assert third.labels.tolist() == [1]


def test_tags_of_other_instances_are_refused():
    images = photos(("a", "a.png", 4, 4, ("cat",)))
    with pytest.raises(ValueError, match=r"a: found no row for instances \[1\]"):
        list(tagged_photos([(images, instances(["a", "a"], [0, 1], [TOP, DOT]))], tags(("a", 0, 1)), CATEGORIES))
    moved = tags(("a", 0, 1)).assign(x1=3)
    with pytest.raises(ValueError, match=r"a: found no row for instances \[0\].*write_tags"):
        list(tagged_photos([(images, instances(["a"], [0], [TOP]))], moved, CATEGORIES))


def test_mask_of_another_size_is_refused():
    images = photos(("a", "a.png", 5, 4, ("cat",)))
    with pytest.raises(ValueError, match="upright"):
        list(tagged_photos([(images, instances(["a"], [0], [TOP]))], tags(("a", 0, 1)), CATEGORIES))


def test_rows_of_photos():
    assert rows_by_photo(["b", "b", "a"]) == {"b": slice(0, 2), "a": slice(2, 3)}
    assert rows_by_photo([]) == {}


def test_coco_instances():
    images = photos(("sub/a", "sub/a.jpg", 4, 4, ("cat", "kite")), ("b", "b.jpg", 4, 4, ("dog",)))
    found = instances(["sub/a", "sub/a", "b"], [0, 1, 0], [TOP, LEFT, DOT])
    coco = CocoInstances(CATEGORIES)
    table = tags(("sub/a", 0, 0), ("sub/a", 1, 3), ("b", 0, 2))
    for photo in tagged_photos([(images, found)], table, CATEGORIES):
        coco.add(photo)
    content = json.loads(json.dumps(coco.content))
    assert content["categories"][2] == {"id": 90, "name": "kite"}
    assert [(image["id"], image["image_id"], image["file_name"]) for image in content["images"]] == [
        (1, "sub/a", "sub/a.jpg"),
        (2, "b", "b.jpg"),
    ]
    first, second = content["annotations"]
    assert (first["id"], first["image_id"], first["category_id"], first["area"]) == (1, 1, 90, 6)
    assert (first["bbox"], first["score"]) == ([0, 0, 4, 3], 0.5)
    assert (second["image_id"], second["category_id"]) == (2, 9)
    assert rle.decode(first["segmentation"]).tolist() == rle.decode(LEFT).tolist()


def test_rejected_instances_become_crowds_of_each_keyword_on_request(tmp_path):
    images = photos(("a", "a.jpg", 4, 4, ("cat", "kite")))
    (photo,) = tagged_photos(
        [(images, instances(["a", "a"], [0, 1], [TOP, LEFT]))], tags(("a", 0, 0), ("a", 1, 3)), CATEGORIES
    )
    coco = CocoInstances(CATEGORIES, rejected=True)
    coco.add(photo)
    tagged, *crowds = coco.content["annotations"]
    assert (tagged["iscrowd"], tagged["category_id"], "rejected" in tagged) == (0, 90, False)
    assert [(crowd["id"], crowd["category_id"]) for crowd in crowds] == [(2, 7), (3, 90)]
    assert all((crowd["iscrowd"], crowd["rejected"], crowd["area"]) == (1, True, 8) for crowd in crowds)
    write_coco(tmp_path / "a.json", coco.content)
    labels, _, masks = read_instances(tmp_path / "a.json", CATEGORIES)["a"]
    assert labels == [3] and rle.decode(masks[0]).tolist() == rle.decode(LEFT).tolist()
    ((_, boxes, *_),) = from_coco(tmp_path / "a.json", images)
    assert len(boxes) == 1


def test_shares_of_pixels():
    shares = PixelShares()
    assert np.isnan([value for _, _, value, _ in shares.rows()]).all()
    shares.add(np.array([[0, 0, 255, 3]], np.uint8))
    shares.add(np.array([[1, 2, 255, 255]], np.uint8))
    assert shares.rows() == [
        ("share_background", "all", 0.25, 2),
        ("share_labels", "all", 0.375, 2),
        ("share_ignored", "all", 0.375, 2),
    ]


def test_row_of_a_photo_names_keywords_without_an_instance():
    images = photos(("a", "a.png", 4, 4, ("cat", "dog")), ("b", "b.png", 4, 4, ("cat",)))
    found = tagged_photos(
        [(images, instances(["a", "a"], [0, 1], [TOP, DOT]))], tags(("a", 0, 2), ("a", 1, 0)), CATEGORIES
    )
    rows = [photo_row(photo, CATEGORIES) for photo in found]
    assert rows == [("a", "yes", 2, "dog", "cat"), ("b", "no", 0, "", "cat")]


def test_summary_counts_what_a_run_found_and_missed():
    rows = [
        ("a", "yes", 2, "dog", ""),
        ("b", "no", 0, "", "cat"),
        ("c", "no", 1, "", "cat;dog"),
        ("d", "yes", 1, "dog", "eel"),
    ]
    lines = summary(pd.DataFrame(rows, columns=PHOTO_COLUMNS), n_rejected=4).splitlines()
    assert lines == [
        "2 of 4 photos have a mask.",
        "Photos without a mask: 2 (no instance found: 1, all instances rejected: 1).",
        "Photos with a keyword that no instance got: 3.",
        "Keywords that got no instance in any photo: cat (2 photos), eel (1 photo).",
        "Photos that took no part: 4.",
    ]


def test_summary_of_a_run_that_found_all_is_short():
    table = pd.DataFrame([("a", "yes", 1, "dog", "")], columns=PHOTO_COLUMNS)
    assert summary(table, 0) == "1 of 1 photos have a mask.\nPhotos with a keyword that no instance got: 0.\n"

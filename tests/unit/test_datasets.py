"""Datasets are read as the docs describe, and all mistakes are listed together."""

import csv
import hashlib
import json
import re
import runpy
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import index_images
from aisi.dataset.index import (
    coloured_categories,
    divide,
    index_dataset,
    index_test,
    keyword_table,
    shard_of,
    unlisted_photos,
)
from aisi.dataset.keywords import VOC_CATEGORIES
from aisi.dataset.split_rows import splits_of_lists, splits_of_table
from aisi.formats.dataset import read_categories, read_images, read_rejected_images
from aisi.formats.files import FormatError
from aisi.formats.masks import voc_palette
from aisi.planning.dataset_files import DatasetError

TOP = Path(__file__).parents[2]
HEADER = "image_id,split,keywords\n"


def write_photo(path, size=(6, 4), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "red").save(path, **options)


@pytest.fixture
def photos(tmp_path):
    """Folder with a, b, c and d; returns a function that indexes them with the text of a CSV."""
    for name in "abcd":
        write_photo(tmp_path / "photos" / f"{name}.png")

    def index(table, *, header=HEADER, val="val", encoding="utf-8", **options):
        (tmp_path / "keywords.csv").write_bytes((header + table).encode(encoding))
        return index_dataset("photos", tmp_path / "photos", tmp_path / "keywords.csv", "train", val, **options)

    index.folder = tmp_path / "photos"
    return index


def problems(index, *args, **options):
    with pytest.raises(DatasetError) as caught:
        index(*args, **options)
    return str(caught.value).splitlines()


# ------------------------------------------------------------------ photos and a CSV


def test_photos(photos):
    index = photos("b,train,dog\na,train,cat;dog\nc,val,\nd,test,bird\n")
    train, val = index.images["train"], index.images["val"]
    assert train["image_id"].tolist() == ["a", "b"]
    assert train["keywords"].tolist() == [("cat", "dog"), ("dog",)]
    assert val["image_id"].tolist() == ["c"]
    assert val["keywords"].tolist() == [()]
    assert index.categories.names == ("cat", "dog")
    table, splits = photos.folder.parent / "keywords.csv", {"train": "dataset.train", "val": "dataset.val"}
    unlisted = unlisted_photos(photos.folder, table, splits)
    assert unlisted.values.tolist() == [["dataset.root/d.png", "no row of a used split in dataset.keywords"]]
    assert index.rejected.empty
    photo = train.iloc[0]
    assert (photo["width"], photo["height"]) == (6, 4)
    assert photo["path"] == "dataset.root/a.png"
    assert photo["sha256"] == hashlib.sha256((photos.folder / "a.png").read_bytes()).hexdigest()


def test_size_is_that_of_the_upright_photo(photos):
    exif = Image.Exif()
    exif[0x0112] = 6
    write_photo(photos.folder / "a.png", size=(6, 4), exif=exif)
    photo = photos("a,train,cat\n", val=None).images["train"].iloc[0]
    assert (photo["width"], photo["height"]) == (4, 6)


@pytest.mark.parametrize(
    "name", ["sub/folder/e", "a b  c", "Größe", "写真 1", "é.v2.final", 'it\'s 50%, {x} "q" [1]', "#1"]
)
def test_any_file_name(photos, name):
    write_photo(photos.folder / f"{name}.JPEG")
    quoted = '"' + name.replace('"', '""') + '"'
    images = photos(f"{quoted},train,cat\n", val=None).images["train"]
    assert images["image_id"].tolist() == [name]
    assert images["path"][0] == f"dataset.root/{name}.JPEG"


def test_accents_match_in_either_encoding(photos):
    write_photo(photos.folder / "Cafe\u0301.png")
    images = photos("Caf\u00e9,train,cre\u0302pe\n", val=None, categories=["cr\u00eape"]).images["train"]
    assert images["image_id"].tolist() == ["Caf\u00e9"]
    assert images["keywords"].tolist() == [("cr\u00eape",)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_line_ends_and_byte_order_marks(photos, end, encoding):
    table = "a,train,cat;dog\nb,val,dog\n".replace("\n", end)
    index = photos(table, header=HEADER.replace("\n", end), encoding=encoding)
    assert index.images["train"]["keywords"].tolist() == [("cat", "dog")]
    assert index.categories.names == ("cat", "dog")


def test_spaces_empty_lines_more_columns_and_repeated_keywords(photos):
    table = "a,me, train , dog ;cat; ;dog;\n\n,,,\nb,me,val,\n"
    index = photos(table, header="image_id, author, split, keywords\n")
    assert index.images["train"]["keywords"].tolist() == [("cat", "dog")]


def test_keywords_come_in_the_order_of_the_categories(photos):
    index = photos("a,train,cat;dog\n", val=None, categories=["dog", "bird", "cat"])
    assert index.images["train"]["keywords"].tolist() == [("dog", "cat")]
    assert index.categories.names == ("dog", "bird", "cat")


def test_category_without_a_photo_stays_and_is_printed(photos, capsys):
    index = photos("a,train,cat\nb,val,bird\n", categories=["bird", "cat"])
    assert index.categories.names == ("bird", "cat")
    assert "no training photo has the keyword bird" in capsys.readouterr().out


def test_training_photo_without_keywords_is_rejected(photos):
    index = photos("a,train,cat\nb,train,\nc,val,\n")
    assert index.images["train"]["image_id"].tolist() == ["a"]
    assert index.rejected.to_numpy().tolist()[0] == ["dataset.root/b.png", "no keyword"]


def test_the_order_of_the_rows_does_not_matter(photos):
    rows = ["a,train,cat\n", "b,train,dog\n", "c,val,dog\n"]
    one, other = photos("".join(rows)), photos("".join(rows[::-1]))
    assert all(one.images[split].equals(other.images[split]) for split in ("train", "val"))


def test_threads_do_not_matter(photos):
    table = "a,train,cat\nb,train,dog\nc,val,dog\n"
    assert photos(table, threads=4).images["train"].equals(photos(table).images["train"])


def test_a_table_without_split_where_there_is_one_split(photos):
    index = photos("a,cat\nb,dog\n", header="image_id,keywords\n", val=None)
    assert index.images["train"]["image_id"].tolist() == ["a", "b"]


def test_names_that_mean_one_photo(photos, capsys):
    write_photo(photos.folder / "0045.png")
    index = photos("a.png,train,cat\n./B,train,cat\n45,train,cat\n", header="SourceFile,split,Keywords\n", val=None)
    assert index.images["train"]["image_id"].tolist() == ["0045", "a", "b"]
    assert "line 3: './B' is photo 'b'; 1 more names are matched like this." in capsys.readouterr().out


@pytest.mark.parametrize("cell", ["cat,dog", "cat|dog", "cat；dog", "cat\ndog", "cat，dog"])
def test_keywords_with_any_separator(photos, cell):
    assert photos(f'a,train,"{cell}"\n', val=None).images["train"]["keywords"].tolist() == [("cat", "dog")]


def test_a_split_that_is_nearly_the_one_asked_for(photos, capsys):
    photos("a,train,cat\nb,Train,cat\nc,test,cat\n", val=None)
    assert "are not used: 'Train' (1), did you mean 'train'?, 'test' (1)" in capsys.readouterr().out


# ------------------------------------------------------------------ wrong rows


@pytest.mark.parametrize(
    ("header", "found"),
    [("image_id,keywords\n", "split"), ("photo,split,keywords\n", "photo"), ("", "a,train,cat")],
)
def test_missing_column(photos, header, found):
    [text] = problems(photos, "a,train,cat\n", header=header)
    assert "keywords.csv: found columns" in text
    assert "expected image_id, split, keywords" in text
    assert found.split(",")[0] in text


def test_empty_csv(photos):
    assert "found columns []" in problems(photos, "", header="")[0]


def test_column_named_twice(photos):
    assert "each once" in problems(photos, "a,train,cat,b\n", header="image_id,split,keywords,image_id\n")[0]


def test_another_encoding(photos):
    [line] = problems(photos, "a,train,cat\nGröße,train,cat\n", encoding="cp1252")
    assert "keywords.csv, line 3: found the byte 0xf6, which is 'ö' in Windows-1252 but not UTF-8. Save" in line


def test_open_quote(photos):
    assert "not a CSV" in problems(photos, '"a,train,cat\n')[0]


def test_keywords_separated_by_commas(photos):
    lines = problems(photos, "a,train,cat\nb,train,cat,dog\n", val=None)
    assert len(lines) == 1
    assert "line 3: found 4 values, expected 3" in lines[0]
    assert "Put quotes around a value that holds ','" in lines[0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("../a,train,cat", "'../a' leads out of"),
        ("sub/../../a,train,cat", "leads out of"),
        ("/etc/x,train,cat", "leads out of"),
        ("sub/..,train,cat", "leads out of"),
        ('"b\nc",train,cat', "control character"),
        (",train,cat", "no image_id"),
        ("a,val,cat", "'a' is also in .*keywords.csv, line 2. List each photo once"),
        ("a.png,train,cat", "'a' is also in .*keywords.csv, line 2"),
        ("A,train,cat", "'a' is also in .*keywords.csv, line 2"),
        ("zebra,train,cat", "no photo 'zebra' .*below .*photos"),
        ("bb,train,cat", "no photo 'bb' .*The nearest names are 'b'"),
        ("b,train,noisy", "category 'noisy'"),
    ],
)
def test_wrong_row(photos, row, message):
    lines = problems(photos, f"a,train,cat\n{row}\n", val=None)
    assert len(lines) == 1
    assert re.search(message, lines[0])


def test_unknown_keyword_names_row_and_keyword(photos):
    first, second = problems(photos, "a,train,cat\nb,train,cat;dgo\n", val=None, categories=["cat", "dog"])
    assert "line 3: keyword 'dgo' of 'b' is not among the categories" in first
    assert second == "The categories are: cat, dog"


def test_wrong_keywords_are_listed_together(photos):
    table = "a,train,Dog\nb,train,dog;n/a\nc,train,dog;d\u200bog\nd,train,dog;noisy\n"
    text = "\n".join(problems(photos, table, val=None))
    for expected in (
        r"'Dog' \(.*keywords.csv, line 2\) and 'dog' \(.*keywords.csv, line 3 and 2 more\) differ only in case",
        r"category 'n/a' \(.*keywords.csv, line 3\): this word means that there is no keyword",
        r"line 4\): the name holds the invisible character U\+200B \(zero width space\)",
        r"category 'noisy' \(.*line 5\): this word has another meaning",
    ):
        assert len(re.findall(expected, text)) == 1, text


def test_a_keyword_in_another_case_than_its_category(photos):
    assert "Did you mean 'dog'?" in problems(photos, "a,train,DOG\n", val=None, categories=["dog"])[0]


def test_a_name_that_may_be_two_photos(photos):
    for name in ("x/a.png", "y/a.png"):
        write_photo(photos.folder / name)
    (photos.folder / "a.png").unlink()
    [line] = problems(photos, "a.png,train,cat\nb,train,cat\n", val=None)
    assert "line 2: 'a.png' may be 'x/a' or 'y/a'. Write the path below" in line


def test_files_that_differ_only_in_suffix(photos):
    write_photo(photos.folder / "a.jpg")
    [line] = problems(photos, "a,train,cat\n", val=None)
    assert "'a' is a.jpg and a.png" in line
    assert len(photos("b,train,cat\n", val=None).images["train"]) == 1


def test_empty_split(photos):
    [line] = problems(photos, "a,train,cat\nb,trian,cat\n")
    assert "no photo of split 'val' (dataset.val), found 'train' (1 rows), 'trian' (1 rows)" in line
    assert "set it to null" in line
    assert "(dataset.train), found no rows" in problems(photos, "", val=None)[0]


def test_split_whose_photos_are_all_rejected(photos):
    [line] = problems(photos, "a,train,\nb,val,\n", categories=["cat"])
    assert "dataset.train: no photo of split 'train' is left (1 rejected: no keyword)" in line


def test_too_many_categories(photos):
    keywords = ";".join(f"k{number}" for number in range(255))
    assert "255 categories, expected at most 254" in problems(photos, f"a,train,{keywords}\n", val=None)[0]


# ------------------------------------------------------------------ bad photos


def break_photos(folder):
    (folder / "b.png").write_bytes(b"")
    (folder / "c.png").write_bytes((folder / "c.png").read_bytes()[:40])
    (folder / "d.png").unlink()


def test_bad_photos_stop_with_the_full_list(photos):
    break_photos(photos.folder)
    lines = problems(photos, "a,train,cat\nb,train,cat\nc,train,cat\nd,val,\n")
    assert len(lines) == 3
    assert all(any(f"{name}" in line for line in lines) for name in ("b.png", "c.png", "'d'"))


def test_bad_rows_and_bad_photos_are_listed_together(photos):
    break_photos(photos.folder)
    lines = problems(photos, "a,train,cat\nb,train,cat\n../x,train,cat\n", val=None)
    assert len(lines) == 2


def test_bad_photos_are_skipped_if_the_config_says_so(photos):
    break_photos(photos.folder)
    index = photos("a,train,cat\nb,train,cat\nc,train,cat\nd,train,cat\n", val=None, on_bad_image="skip")
    assert index.images["train"]["image_id"].tolist() == ["a"]
    assert [Path(path).name for path in index.rejected["path"]] == ["b.png", "c.png", "d"]
    assert all(index.rejected["reason"].str.len() > 10)


def test_wrong_rows_stop_even_if_bad_photos_are_skipped(photos):
    assert "leads out" in problems(photos, "a,train,cat\n../x,train,cat\n", val=None, on_bad_image="skip")[0]


def test_skipping_every_photo_is_an_error(photos):
    break_photos(photos.folder)
    [line] = problems(photos, "b,train,cat\nd,train,cat\n", val=None, on_bad_image="skip")
    assert "no photo of split 'train' is left" in line


def test_photos_that_are_nearly_right_are_counted(photos, capsys):
    path = photos.folder / "e.jpg"
    write_photo(path)
    path.write_bytes(path.read_bytes()[:-2])
    photos("a,train,cat\ne,train,cat\n", val=None)
    assert f"1 photos: JPEG without its end marker, such as {path}." in capsys.readouterr().out


def test_photos_above_the_limit_of_pixels(photos):
    write_photo(photos.folder / "a.png", size=(2000, 1000))
    lines = problems(photos, "a,train,cat\nb,train,cat\n", val=None, max_megapixels=1.5)
    assert len(lines) == 1 and "a.png: found 2 million pixels, expected at most 1.5" in lines[0]


def test_hidden_files_are_no_photos(photos):
    for name in ("._a.png", ".git/b.png", "__MACOSX/._a.png"):
        write_photo(photos.folder / name)
    assert photos("a,train,cat\nb,train,cat\n", val=None).images["train"]["image_id"].tolist() == ["a", "b"]


# ------------------------------------------------------------------ VOC


@pytest.fixture
def voc(tmp_path):
    for name in "abc":
        write_photo(tmp_path / "voc/JPEGImages" / f"{name}.jpg")
    lists = tmp_path / "voc/ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\r\n\r\n")
    (lists / "val.txt").write_text("c")
    return tmp_path / "voc"


def annotate(voc, image_id, *names):
    objects = "".join(f"<object><name>{name}</name><part><name>head</name></part></object>" for name in names)
    (voc / "Annotations").mkdir(exist_ok=True)
    (voc / "Annotations" / f"{image_id}.xml").write_text(f"<annotation>{objects}</annotation>")


def test_voc_with_annotations(voc):
    annotate(voc, "a", "person", "dog", "person")
    annotate(voc, "b", "tvmonitor")
    index = index_dataset("voc", voc, None, "train", "val")
    assert index.images["train"]["keywords"].tolist() == [("dog", "person"), ("tvmonitor",)]
    assert index.images["val"]["keywords"].tolist() == [()]
    assert index.categories.names == VOC_CATEGORIES
    assert index.categories.colours[:3] == ("#800000", "#008000", "#808000")


def test_voc_with_a_csv_needs_no_split(voc, tmp_path):
    (tmp_path / "k.csv").write_text("image_id,keywords\na,dog\nb,cat;dog\nelsewhere,cat\n")
    index = index_dataset("voc", voc, tmp_path / "k.csv", "train", None)
    assert index.images["train"]["keywords"].tolist() == [("dog",), ("cat", "dog")]


def test_demo_is_voc_with_the_categories_that_occur(voc, tmp_path):
    (tmp_path / "k.csv").write_text(HEADER + "a,train,teapot\nb,train,kite\nc,val,kite\n")
    index = index_dataset("demo", voc, tmp_path / "k.csv", "train", "val")
    assert index.categories.names == ("kite", "teapot")
    assert index.images["val"]["keywords"].tolist() == [("kite",)]


@pytest.mark.parametrize(
    "text",
    [
        "a\nb\n",
        "a.jpg\nb.jpg\n",
        "a  1\nb -1\n",
        "/JPEGImages/a.jpg /SegmentationClassAug/a.png\n/JPEGImages/b.jpg /SegmentationClassAug/b.png\n",
        "JPEGImages/a.jpg\tSegmentationClass/a.png\nJPEGImages/b.jpg\tSegmentationClass/b.png\n",
    ],
)
@pytest.mark.parametrize("folder", ["Segmentation", "Main"])
def test_lists_of_other_tools(voc, folder, text, capsys):
    for name in "ab":
        annotate(voc, name, "dog")
    (voc / "ImageSets/Segmentation/train.txt").unlink()
    (voc / "ImageSets" / folder).mkdir(exist_ok=True)
    (voc / "ImageSets" / folder / "train.txt").write_text(text)
    assert index_dataset("voc", voc, None, "train", None).images["train"]["image_id"].tolist() == ["a", "b"]
    assert ("the second column of 2 lines is not used" in capsys.readouterr().out) == (len(text.split()) == 4)


def test_a_blank_in_a_name_is_no_second_column(voc):
    write_photo(voc / "JPEGImages/a 1.jpg")
    annotate(voc, "a 1", "dog")
    (voc / "ImageSets/Segmentation/train.txt").write_text("a 1\n")
    assert index_dataset("voc", voc, None, "train", None).images["train"]["image_id"].tolist() == ["a 1"]


XML = "<annotation><object><name>{}</name></object></annotation>"


@pytest.mark.parametrize(
    ("content", "keyword"),
    [
        ("\n\n" + '<?xml version="1.0"?>' + XML.format("dog"), "dog"),
        ("\ufeff" + XML.format("dog"), "dog"),
        (XML.format("cats & dogs"), "cats & dogs"),
        (XML.format("a &amp; b"), "a & b"),
        (XML.format("&#100;og"), "dog"),
    ],
)
def test_xml_that_is_nearly_right(voc, content, keyword):
    (voc / "Annotations").mkdir()
    for name in "ab":
        (voc / "Annotations" / f"{name}.xml").write_text(content, encoding="utf-8")
    index = index_dataset("voc", voc, None, "train", None, categories=[keyword])
    assert index.images["train"]["keywords"].tolist() == [(keyword,)] * 2


@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252", "gb2312", "utf-16", "shift_jis", "utf-8"])
def test_xml_with_another_encoding_that_it_declares(voc, encoding):
    name = {"gb2312": "狗", "shift_jis": "犬"}.get(encoding, "Hündin")
    (voc / "Annotations").mkdir()
    for image_id in "ab":
        text = f'<?xml version="1.0" encoding="{encoding}"?>\n' + XML.format(name)
        (voc / "Annotations" / f"{image_id}.xml").write_bytes(text.encode(encoding))
    assert index_dataset("voc", voc, None, "train", None, categories=[name]).categories.names == (name,)


@pytest.mark.parametrize(
    "content", [b"", b"<annotation>", b"\xff", b'<?xml encoding="nonsense"?><a/>', b"<a>&nbsp;</a>"]
)
def test_files_that_are_not_xml(voc, content):
    annotate(voc, "b", "dog")
    (voc / "Annotations/a.xml").write_bytes(content)
    assert any("a.xml: cannot be read as XML" in line for line in problems(index_dataset, "voc", voc, None, "train"))


def test_voc_problems(voc):
    annotate(voc, "a", "zebra")
    (voc / "Annotations/c.xml").write_text("<annotation>")
    (voc / "ImageSets/Segmentation/val.txt").write_text("c\na\n../d\n")
    lines = problems(lambda: index_dataset("voc", voc, None, "train", "val"))
    for expected in (
        "val.txt, line 2: 'a' is also in",
        "val.txt, line 3: image_id '../d' leads out",
        "c.xml: cannot be read as XML",
        "train.txt, line 2: no keywords for 'b'",
        "a.xml: keyword 'zebra' of 'a' is not among the categories",
    ):
        assert sum(expected in line for line in lines) == 1, (expected, lines)


def test_empty_voc_list(voc):
    annotate(voc, "a", "dog")
    annotate(voc, "b", "dog")
    (voc / "ImageSets/Segmentation/val.txt").write_text("\n")
    assert "list of dataset.val is empty" in problems(lambda: index_dataset("voc", voc, None, "train", "val"))[0]


def test_masks_change_nothing(voc):
    for name in "ab":
        annotate(voc, name, "dog")
    before = index_dataset("voc", voc, None, "train", "val")
    write_photo(voc / "SegmentationClass/a.png")
    after = index_dataset("voc", voc, None, "train", "val")
    assert before.images["train"].equals(after.images["train"])


# ------------------------------------------------------------------ keywords from elsewhere


@pytest.fixture
def album(tmp_path):
    """Photos cat/1, cat/2 and dog/3; returns a function that indexes them by another source of keywords."""
    for name in ("cat/1", "cat/2", "dog/3"):
        write_photo(tmp_path / "album" / f"{name}.jpg", size=(16, 16))

    def index(source, keywords=None, **options):
        options = {"keyword_source": source} | options
        images = index_dataset("photos", tmp_path / "album", keywords, "train", **options).images["train"]
        return dict(zip(images["image_id"], images["keywords"], strict=True))

    index.folder = tmp_path / "album"
    return index


def test_a_folder_for_each_keyword(album):
    assert album("folders") == {"cat/1": ("cat",), "cat/2": ("cat",), "dog/3": ("dog",)}


@pytest.mark.parametrize("text", ["cat, dog", "cat;dog", "cat\ndog\n", "cat\r\ndog"])
@pytest.mark.parametrize("name", ["cat/1.txt", "1.txt", "1.TXT"])
def test_a_text_file_for_each_photo(album, tmp_path, name, text, capsys):
    (tmp_path / "texts" / name).parent.mkdir(parents=True)
    (tmp_path / "texts" / name).write_text(text)
    assert album("texts", tmp_path / "texts") == {"cat/1": ("cat", "dog")}
    assert "2 photos have no entry in" in capsys.readouterr().out


NAMES = [("classes.txt", "dog\ncat\n"), ("data.yaml", "names: [dog, cat]"), ("../data.yaml", "names: {0: dog, 1: cat}")]


@pytest.mark.parametrize("names", NAMES)
def test_yolo_labels(album, tmp_path, names):
    labels = tmp_path / "labels"
    (labels / "cat").mkdir(parents=True)
    (labels / names[0]).write_text(names[1])
    (labels / "cat/1.txt").write_text("1 0.5 0.5 0.1 0.1\n1 0.1 0.1 0.2 0.2 0.3 0.1\n")
    (labels / "3.txt").write_text("0 0.5 0.5 0.1 0.1\n1 nonsense\n")
    assert album("yolo", labels) == {"cat/1": ("cat",), "dog/3": ("cat", "dog")}
    (labels / "3.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    assert "3.txt, line 1: found class '7', expected a number of 0 (dog), 1 (cat)" in problems(album, "yolo", labels)[0]
    (labels / names[0]).unlink()
    assert "found no names of the classes" in problems(album, "yolo", labels)[0]


def test_classes_of_a_coco_file(album, tmp_path):
    content = {
        "categories": [{"id": 5, "name": "dog"}, {"id": 2, "name": "cat"}],
        "images": [{"id": 1, "file_name": "album/cat/1.jpg"}, {"id": 2, "file_name": "3.png"}],
        "annotations": [
            {"image_id": "1", "category_id": 2},
            {"image_id": 1, "category_id": 5},
            {"image_id": 2, "category_id": 5},
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert album("coco", tmp_path / "a.json") == {"cat/1": ("cat", "dog"), "dog/3": ("dog",)}


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>cat</rdf:li>'
    "<rdf:li>crêpe</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
).encode()


def iptc(*keywords):
    """The marker segment APP13 of a JPEG with IPTC keywords, built by hand."""
    records = b"".join(b"\x1c\x02\x19" + len(text).to_bytes(2) + text for text in keywords)
    data = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + len(records).to_bytes(4) + records + b"\0" * (len(records) % 2)
    return b"\xff\xed" + (len(data) + 2).to_bytes(2) + data


def test_keywords_in_the_photos(album):
    one, two, three = (album.folder / name for name in ("cat/1.jpg", "cat/2.jpg", "dog/3.jpg"))
    content = one.read_bytes()
    one.write_bytes(content[:2] + iptc(b"dog", "crêpe".encode(), "Größe".encode("latin-1")) + content[2:])
    write_photo(two, xmp=XMP)
    exif = Image.Exif()
    exif[0x9C9E] = "dog;hot dog\0".encode("utf-16-le")
    write_photo(three, exif=exif)
    found = {"cat/1": ("Größe", "crêpe", "dog"), "cat/2": ("cat", "crêpe"), "dog/3": ("dog", "hot dog")}
    assert album("metadata") == found


def test_photos_without_keywords_in_them_are_rejected(album, capsys):
    write_photo(album.folder / "cat/2.jpg", xmp=XMP)
    (album.folder / "dog/3.jpg").write_bytes(b"")
    assert album("metadata") == {"cat/2": ("cat", "crêpe")}
    out = capsys.readouterr().out
    assert "1 photos have no keywords, since they cannot be read:\n" in out and "dog/3.jpg: found an empty file" in out


# ------------------------------------------------------------------ simple images


@pytest.fixture
def simple(photos, tmp_path):
    """Photos a and b to train, c to evaluate, and simple photos; returns a function that indexes them."""
    for name in ("cat/1", "cat/deep er/é", "dog/1"):
        write_photo(tmp_path / "simple" / f"{name}.JPEG")

    def index(train_on, table="a,train,cat;dog\nb,train,dog\nc,val,\n", **options):
        return photos(table, simple_images=tmp_path / "simple", train_on=train_on, **options)

    index.folder = tmp_path / "simple"
    return index


MAIN, SIMPLE = ["a", "b"], ["simple_images/cat/1", "simple_images/cat/deep er/é", "simple_images/dog/1"]


@pytest.mark.parametrize(("train_on", "expected"), [("main", MAIN), ("simple", SIMPLE), ("both", MAIN + SIMPLE)])
def test_training_sets(simple, train_on, expected):
    index = simple(train_on)
    train = index.images["train"].set_index("image_id")
    assert train.index.tolist() == expected
    assert index.images["val"]["image_id"].tolist() == ["c"]
    assert index.categories.names == ("cat", "dog")
    if train_on != "main":
        assert train["keywords"][SIMPLE].tolist() == [("cat",), ("cat",), ("dog",)]
        assert train["path"][SIMPLE[0]] == "dataset.simple_images/cat/1.JPEG"


def test_what_counts_for_a_split_are_its_own_rows_and_photos(photos, tmp_path):
    """The Snakefile compares these, so that a photo for evaluation does not train again."""
    table = tmp_path / "keywords.csv"

    def read(rows, splits=("train", "val")):
        table.write_text(HEADER + rows)
        return splits_of_table(photos.folder, table, splits)

    before = read("a,train,cat\nb,val,cat\n")
    assert before.photos["train"] == [("a", ("cat",), ("a.png",))] and before.names == ("cat",)
    more = read("d,val,cat\nb.png,val,cat\nA,train,cat\n")  # other lines, names that mean the same photos
    assert more.photos["train"] == before.photos["train"] and more.photos["val"] != before.photos["val"]
    assert more.names == before.names and more.problems == before.problems == ()
    assert read("a,train,cat\nb,val,dog\n").names == ("cat", "dog")
    assert "also in" in read("a,train,cat\na,val,cat\n").problems[0]
    assert read("a,train,cat\nc,other,dog\n", ["train", "val"]).names == ("cat",)
    lists = {}
    for split, lines in {"train": "a\nb.png 1\n", "val": "c\nnowhere\na\n"}.items():
        lists[split] = tmp_path / f"{split}.txt"
        lists[split].write_text(lines)
    voc = splits_of_lists(photos.folder, lists)
    assert voc.photos["train"] == [("a", (), ("a.png",)), ("b", (), ("b.png",))]
    assert voc.photos["val"][2] == ("nowhere", (), ()) and voc.problems == ("a",)


def test_tables_hold_no_folder_of_the_machine(tmp_path):
    """Two machines, the same dataset below other folders: the tables of photos and of rejected ones are the same."""
    written = []
    for home in (tmp_path / "home/anna", tmp_path / "data"):
        for name in ("photos/a", "photos/sub/b", "photos/cut", "photos/stray", "simple/cat/1", "simple/cat/cut"):
            write_photo(home / f"{name}.png")
        for name in ("photos/cut", "simple/cat/cut"):
            (home / f"{name}.png").write_bytes(b"")
        rows = "a,train,cat\nsub/b,val,cat\ncut,train,cat\nnowhere,train,cat\nno keyword,train,\n"
        (home / "keywords.csv").write_text(HEADER + rows)
        write_photo(home / "photos/no keyword.png")
        index_images.main(
            **{"layout": "photos", "root": home / "photos", "keywords": home / "keywords.csv"},
            **{"train": ["train"], "val": "val", "names": None, "on_bad_image": "skip", "threads": 1},
            **{"simple_images": home / "simple", "train_on": "both", "max_megapixels": None},
            **{"keyword_source": "table", "lists": None, "ids_path": None},
            **{"train_paths": [home / "out/train.csv"], "val_paths": [home / "out/val.csv"]},
            **{"rejected_path": home / "out/rejected.csv", "categories_path": home / "out/categories.csv"},
        )
        written.append({path.name: path.read_bytes() for path in (home / "out").iterdir()})
        roots = {"dataset.root": home / "photos", "dataset.simple_images": home / "simple"}
        images = read_images(home / "out/train.csv", roots=roots)
        assert images["path"].tolist() == [str(home / "photos/a.png"), str(home / "simple/cat/1.png")]
    assert written[0] == written[1]
    assert len(read_rejected_images(tmp_path / "data/out/rejected.csv")) == 4
    assert not [name for name, content in written[0].items() if str(tmp_path).encode() in content]
    with pytest.raises(FormatError, match="path 'dataset.simple_images/cat/1.png', expected a path that begins with"):
        read_images(tmp_path / "data/out/train.csv", roots={"dataset.root": tmp_path})


def test_main_photos_are_not_opened_for_simple_alone(simple, photos):
    (photos.folder / "a.png").write_bytes(b"")
    assert simple("simple").images["train"]["image_id"].tolist() == SIMPLE
    assert "a.png: found an empty file" in problems(simple, "both")[0]


def test_simple_images_of_an_empty_category(simple):
    (simple.folder / "bird").mkdir()
    (simple.folder / "bird" / "notes.txt").touch()
    [line] = problems(simple, "both", categories=["bird", "cat", "dog"])
    assert f"{simple.folder / 'bird'}: no photo. Add photos of 'bird', or delete the folder." in line


def test_simple_photos_of_an_unknown_keyword_are_listed_once(simple):
    write_photo(simple.folder / "dgo/1.png")
    write_photo(simple.folder / "dgo/2.png")
    first, second = problems(simple, "both")
    assert f"{simple.folder / 'dgo'}: keyword 'dgo' of 'simple_images/dgo/1' is not among the categories" in first
    assert second == "The categories are: cat, dog"


def test_simple_images_without_a_keyword(simple):
    write_photo(simple.folder / "lost.png")
    assert "lost.png is in no keyword's folder" in problems(simple, "simple")[0]


def test_hidden_folders_are_no_keywords(simple):
    for name in (".git/x.png", "._cat/y.png", "__MACOSX/cat/._1.png", "cat/._1.png"):
        write_photo(simple.folder / name)
    assert simple("simple").categories.names == ("cat", "dog")


@pytest.mark.parametrize("name", ["cat,dog", "none", "c\u200bat"])
def test_folders_with_a_name_that_is_no_keyword(simple, name):
    write_photo(simple.folder / name / "1.png")
    assert any(line.startswith(f"category {name!r} ({simple.folder}") for line in problems(simple, "simple"))


def test_simple_images_of_one_name(simple, photos):
    write_photo(simple.folder / "cat/1.png")
    assert "'simple_images/cat/1' is 1.JPEG and 1.png" in problems(simple, "both")[0]
    (simple.folder / "cat/1.png").unlink()
    write_photo(photos.folder / "simple_images/dog/1.png")
    [line] = problems(simple, "both", "simple_images/dog/1,train,cat;dog\nc,val,\n")
    assert f"{simple.folder / 'dog'}: 'simple_images/dog/1' is also in" in line


def test_a_bad_simple_image_is_skipped_if_asked(simple):
    (simple.folder / "dog/1.JPEG").write_bytes(b"")
    assert "1.JPEG: found an empty file" in problems(simple, "both")[0]
    index = simple("both", on_bad_image="skip")
    assert index.images["train"]["image_id"].tolist() == MAIN + SIMPLE[:2]
    assert "dataset.simple_images/dog/1.JPEG" in index.rejected["path"].tolist()


# ------------------------------------------------------------------ the split that is only predicted


def test_photos_of_the_test_split_need_no_keywords(voc):
    (voc / "ImageSets/Segmentation/test.txt").write_text("c\na\n")
    images = index_test("voc", voc, None, "test")
    assert images["image_id"].tolist() == ["a", "c"]
    assert images["keywords"].tolist() == [(), ()]
    (voc / "ImageSets/Segmentation/test.txt").write_text("c\nnone\n../a\n")
    lines = problems(lambda: index_test("voc", voc, None, "test"))
    assert len(lines) == 2
    assert "leads out" in lines[0] and "no photo 'none'" in lines[1]


# ------------------------------------------------------------------ shards, categories, the script


def test_shards_are_stable():
    assert [shard_of(name, 7) for name in ("a", "写真", "sub/b c")] == [
        int(hashlib.sha256(name.encode()).hexdigest()[:16], 16) % 7 for name in ("a", "写真", "sub/b c")
    ]
    assert shard_of("anything", 1) == 0


@given(st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=20), st.integers(1, 9))
def test_shards_hold_every_photo_once(names, shards):
    assert sum(Counter(shard_of(name, shards) for name in names).values()) == len(names)
    assert all(0 <= shard_of(name, shards) < shards for name in names)


def test_divide_fills_every_shard_or_leaves_it_empty(photos):
    images = photos("a,train,cat\nb,train,cat\nc,train,cat\n", val=None).images["train"]
    parts = divide(images, 20)
    assert len(parts) == 20
    assert sorted(name for part in parts for name in part["image_id"]) == ["a", "b", "c"]
    assert any(part.empty for part in parts)


def test_coloured_categories():
    categories = coloured_categories(["x", "y"])
    assert categories.names == ("x", "y") and categories.ids == (1, 2)
    assert categories.colours[1] == "#{:02x}{:02x}{:02x}".format(*voc_palette()[2])
    assert coloured_categories(["x", "y"], [7, 90]).ids == (7, 90)
    assert len(coloured_categories([])) == 0


@pytest.mark.parametrize("val", ["val", None])
def test_script(photos, tmp_path, val):
    (tmp_path / "keywords.csv").write_text(HEADER + "a,train,cat\nb,train,\nc,val,\n")
    shards = {split: [str(tmp_path / f"{split}_{n}.csv") for n in range(3)] for split in ("train", "val")}
    params = {
        "layout": "photos",
        "root": str(photos.folder),
        "keywords": str(tmp_path / "keywords.csv"),
        "train": ["train"],
        "val": val,
        "categories": None,
        "on_bad_image": "stop",
        "simple_images": None,
        "train_on": "main",
        "max_megapixels": 200,
        "keyword_source": "table",
        "lists": {},
    }
    output = {
        "train": shards["train"],
        "val": shards["val"] if val else [],
        "ids": [],
        "rejected": str(tmp_path / "rejected.csv"),
        "categories": str(tmp_path / "categories.csv"),
    }
    job = SimpleNamespace(
        params=SimpleNamespace(**params),
        output=SimpleNamespace(**output, get=output.get),
        threads=2,
        log=[str(tmp_path / "log")],
    )
    runpy.run_path(str(TOP / "workflow/scripts/index_images.py"), {"snakemake": job})
    assert read_images(*shards["train"])["image_id"].tolist() == ["a"]
    assert Path(shards["val"][0]).is_file() == bool(val)
    assert read_rejected_images(output["rejected"])["reason"].tolist()[0] == "no keyword"
    assert read_categories(output["categories"]).names == ("cat",)
    assert "train: 1 photos" in (tmp_path / "log").read_text()


# ------------------------------------------------------------------ the config's block and real data


SCHEMA = yaml.safe_load((TOP / "workflow/schemas/config.schema.yaml").read_text())
SCHEMA = SCHEMA["properties"]["dataset"] | {"$defs": SCHEMA["$defs"]}
DATASET = yaml.safe_load((TOP / "config/config.yaml").read_text())["dataset"]


def test_default_config_fits_the_schema():
    jsonschema.validate(DATASET, SCHEMA)


def test_example_config_fits_the_schema():
    example = yaml.safe_load((TOP / "config/photos.yaml").read_text())["dataset"]
    jsonschema.validate(DATASET | example, SCHEMA)


@pytest.mark.parametrize(
    "change",
    [
        *({"format": "coco17"}, {"root": 3}, {"root": ""}, {"colour": "red"}, {"val": "a/b"}, {"train": None}),
        *({"categories": []}, {"categories": ["a", "a"]}, {"categories": ["a;b"]}, {"categories": ["noisy"]}),
        *({"categories": [" a"]}, {"ground_truth": {"mask": None}}, {"on_bad_image": "ignore"}),
    ],
)
def test_schema_refuses(change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(DATASET | change, SCHEMA)


def test_every_key_is_described():
    keys = [*SCHEMA["properties"].values(), *SCHEMA["properties"]["ground_truth"]["properties"].values()]
    assert all(key.get("description") for key in keys)


def test_csv_written_by_the_standard_library_is_read(photos, tmp_path):
    names = ['q"uote', "com,ma", " space ", "semi;colon"]
    for name in names:
        write_photo(photos.folder / f"{name}.png")
    with open(tmp_path / "rows.csv", "w", newline="") as file:
        csv.writer(file).writerows([[name, "train", "cat"] for name in names])
    index = photos((tmp_path / "rows.csv").read_text(), val=None)
    assert sorted(index.images["train"]["image_id"]) == sorted(names)


def test_table_of_keywords_marks_the_rarer_of_two_like_names():
    lines = keyword_table({"person": 40, "persn": 1, "dog": 3, "dogs": 3}).splitlines()
    assert [line.partition("  did you mean ")[2] for line in lines] == ["", "", "'person'?", "'dogs'?", ""]


def test_small_datasets_and_rare_keywords_are_named(photos, capsys):
    photos("a,train,cat;dog\nb,train,dog\nc,val,\n")
    printed = capsys.readouterr().out
    assert "Warning: fewer than 5 training photos have the keyword cat, dog." in printed
    assert "Warning: 2 training photos for 2 keywords are few" in printed

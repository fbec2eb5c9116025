"""Tables, lists and names as people and programs write them: one meaning is taken, two meanings are refused."""

import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisi.dataset.names import SEPARATORS, alike_names, split_keywords, wrong_name
from aisi.dataset.photo_names import PhotoNames
from aisi.dataset.tables import read_list, read_table, read_text
from aisi.planning.dataset_files import DatasetError

COLUMNS = ("image_id", "split", "keywords")


def write(folder, text, encoding="utf-8"):
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def values(path, columns=COLUMNS, optional=()):
    rows, problems = read_table(path, columns, optional)
    assert problems == []
    return [tuple(row.values[name] for name in columns) for row in rows]


# ------------------------------------------------------------------ tables


@pytest.mark.parametrize("first", ["", "sep={}\n", "\n\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_separator_of_columns(tmp_path, separator, first):
    lines = ["image_id,split,keywords", "a b,train,cat", '"c,d",val,"cat;dog"', ""]
    text = first.format(separator) + "\n".join(lines).replace(",", separator)
    assert values(write(tmp_path, text)) == [("a b", "train", "cat"), (f"c{separator}d", "val", "cat;dog")]


@pytest.mark.parametrize("suffix", ["xlsx", "ods", "xls"])
def test_a_spreadsheet_is_named_as_one(tmp_path, suffix):
    path = tmp_path / f"keywords.{suffix}"
    if suffix == "xls":
        path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500))
    else:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("content.xml", "<table/>")
    with pytest.raises(DatasetError, match=rf"keywords\.{suffix}: found a spreadsheet, expected a CSV"):
        read_table(path, COLUMNS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_with_a_mark_and_all_line_ends(tmp_path, encoding, end):
    text = end.join(["image_id,split,keywords", "Größe,train,犬", ""])
    assert values(write(tmp_path, text, encoding)) == [("Größe", "train", "犬")]


@pytest.mark.parametrize(
    "header",
    [
        "SourceFile,Split,Keywords",
        "file_name,split,labels",
        "FileName , SPLIT , Tags",
        "image,split,keywords",
        "Image ID,split,keywords",
        "image-id,split,keywords",
        "image_id,split,keywords,filename,tags",
    ],
)
def test_names_of_columns_in_other_tools(tmp_path, header):
    more = ",x,y" if header.endswith("tags") else ""
    assert values(write(tmp_path, f"{header}\na,train,cat{more}\n")) == [("a", "train", "cat")]


def test_two_columns_that_may_be_one_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="2 columns are keywords: labels, tags. Keep one."):
        read_table(write(tmp_path, "image_id,split,labels,tags\na,train,cat,dog\n"), COLUMNS)


def test_empty_cells_behind_the_last_column(tmp_path):
    text = "image_id,split,keywords,,\na,train,cat,,\nb,train,cat,,,,\n,,,,\n"
    assert values(write(tmp_path, text)) == [("a", "train", "cat"), ("b", "train", "cat")]


def test_rows_of_another_length_are_all_listed_with_their_lines(tmp_path):
    path = write(tmp_path, 'sep=;\nimage_id;split;keywords\na;train;"cat\ndog"\nb;train\nc;train;cat;dog\n')
    rows, problems = read_table(path, COLUMNS)
    assert [row.line for row in rows] == [4]
    assert [problem.split(": ")[0].rsplit(" ", 1)[1] for problem in problems] == ["5", "6"]
    assert "line 6: found 4 values, expected 3: image_id;split;keywords. Put quotes around" in problems[1]


@pytest.mark.parametrize("byte", ["ö", "€", "\xa0"])
def test_windows_1252_names_byte_and_line(tmp_path, byte):
    path = write(tmp_path, f"image_id,split,keywords\na,train,cat\nb,train,{byte}\n", "cp1252")
    with pytest.raises(DatasetError, match=rf"line 3: found the byte 0x{byte.encode('cp1252').hex()}, .*CSV UTF-8"):
        read_text(path)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_two_bytes_a_letter_without_a_mark(tmp_path, encoding):
    with pytest.raises(DatasetError, match="line 1: found .*Save the file with the encoding UTF-8"):
        read_table(write(tmp_path, "image_id,split,keywords\na,train,cat\n", encoding), COLUMNS)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"image_id,split,keywords\n" + data)
    try:
        rows, problems = read_table(path, COLUMNS)
    except DatasetError as error:
        assert "any.csv" in str(error)
    else:
        assert all(set(row.values) == set(COLUMNS) for row in rows)


def test_list(tmp_path):
    path = write(tmp_path, "a\r\n\r\n b c \rd", "utf-8-sig")
    assert read_list(path) == [(1, "a"), (3, "b c"), (4, "d")]


# ------------------------------------------------------------------ keywords and categories


@pytest.mark.parametrize("separator", [*SEPARATORS, "\n", "\r\n", "\r", " ; ", ";;", "\u2028"])
def test_any_separator_of_keywords(separator):
    assert split_keywords(f"cat{separator}hot dog{separator}cat ") == ("cat", "hot dog")


@pytest.mark.parametrize("letter", ["\t", "\x00", "\x7f", "\u200b", "\u00ad", "\ufeff", "\u202e", "\ud800"])
def test_invisible_characters_in_names(letter):
    assert "invisible character U+" in wrong_name(f"ca{letter}t")


@pytest.mark.parametrize(
    "name", ["none", "None", "n/a", "N/A", "-", "null", "NULL", "nan", "all", "background", "noisy", ""]
)
def test_words_that_are_no_keyword(name):
    assert wrong_name(name)


@pytest.mark.parametrize("separator", SEPARATORS)
def test_no_category_holds_a_separator(separator):
    assert repr(separator) in wrong_name(f"monitor{separator}computer")


@pytest.mark.parametrize("name", ["cat", "hot dog", "crêpe", "犬", "T-shirt", "bow_(ribbon)", "50%", "nonessential"])
def test_names_that_are_fine(name):
    assert wrong_name(name) is None


@pytest.mark.parametrize("other", ["Dog", "DOG", "ｄｏｇ", "d og", "dog\u00a0"])
def test_names_that_are_alike(other):
    [problem] = alike_names({"dog": ["line 2", "line 3"], "cat": [], other: []})
    assert f"'dog' (line 2 and 1 more) and {other!r} differ only in" in problem


# ------------------------------------------------------------------ photos by name

PHOTOS = PhotoNames.of_ids(["0045", "b/a", "holiday/x 1", "é", "Two", "two", "c/k", "d/k"], "/data/photos")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        *(("0045", ["0045"]), ("45", ["0045"]), ("45.0", ["0045"]), ("000045", ["0045"])),
        *(("b/a.jpg", ["b/a"]), ("./b/a.PNG", ["b/a"]), ("b\\a.jpg", ["b/a"]), ("B/A", ["b/a"]), ("a", ["b/a"])),
        *(("/data/photos/b/a.jpg", ["b/a"]), ("/elsewhere/b/a.jpg", ["b/a"]), ("C:\\x\\b\\a.jpg", ["b/a"])),
        *(("https://host/s/holiday/x%201.jpg?v=1", ["holiday/x 1"]), ("e\u0301", ["é"]), ("É.webp", ["é"])),
        *(("two", ["two"]), ("TWO", ["Two", "two"]), ("k.jpg", ["c/k", "d/k"]), ("e/k", [])),
        *(("zebra", []), ("../b/a", []), ("", []), ("46", []), ("b", [])),
    ],
)
def test_photos_are_found_where_one_fits(name, found):
    assert PHOTOS.find(name) == found


def test_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/data")
    assert PHOTOS.find("~/photos/b/a.jpg") == ["b/a"]


def test_nearest_names():
    assert PHOTOS.nearest("holiday/y 1.jpg") == ["holiday/x 1"]


def test_files_of_a_folder(tmp_path):
    for name in (
        "a.jpg",
        "a.png",
        "sub/é.WEBP",
        "._a.jpg",
        ".git/b.png",
        "__MACOSX/c.jpg",
        "@eaDir/d.jpg",
        "Thumbs.db",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    photos = PhotoNames.of_folder(tmp_path)
    assert photos.image_ids == ["a", "sub/é"]
    assert photos.files("a") == ("a.jpg", "a.png")
    assert photos.files("b") == ()

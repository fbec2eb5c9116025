"""The files of PASCAL VOC's layout: lists of a split's photos, and the objects that an XML file names."""

import re
from pathlib import Path
from xml.etree import ElementTree

from aisi.dataset.photo_names import PhotoNames
from aisi.dataset.tables import read_list

_DECLARATION = re.compile(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["'][^>]*\?>""")
_TWO_COLUMNS = re.compile(r"(.*\S)\s+(\S+)")
_RAW_AMPERSAND = re.compile(r"&(?!(?:[A-Za-z_][\w.-]*|#\d+|#[xX][0-9a-fA-F]+);)")


def read_split_list(list_path: str | Path, photos: PhotoNames) -> list[tuple[str, str]]:
    """Read the photos of a list in ``ImageSets``.

    A line is an image_id or a photo's path; after a blank it may have a second column, which is not used: the path of
    a mask, or 1, 0 or -1 (``ImageSets/Main``: whether the photo shows the category of the list).

    Parameters
    ----------
    list_path : str or Path
    photos : PhotoNames
        To see whether a blank is part of a name.

    Returns
    -------
    list of (str, str)
        Name of the photo as the list has it, and the place for messages.
    """
    entries, second_columns = [], 0
    for number, line in read_list(list_path):
        pair = _TWO_COLUMNS.fullmatch(line)
        if pair and line not in photos and (pair[2] in ("1", "0", "-1") or photos.find(pair[1])):
            second_columns += 1
            line = pair[1]
        entries.append((line, f"{list_path}, line {number}"))
    if second_columns:
        print(f"{list_path}: the second column of {second_columns} lines is not used.")
    return entries


def read_object_names(xml_path: str | Path) -> list[str]:
    """Read the names of the objects in one of VOC's XML files; their boxes are not used.

    Raises
    ------
    FileNotFoundError
    ValueError
        If the file is not XML.
    """
    data = Path(xml_path).read_bytes()
    declared = _DECLARATION.match(data.removeprefix(b"\xef\xbb\xbf"))
    encoding = declared.group(1).decode("ascii") if declared else "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        text = data.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
        text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
        root = ElementTree.fromstring(_RAW_AMPERSAND.sub("&amp;", text).strip())
    except (ElementTree.ParseError, LookupError) as error:  # UnicodeDecodeError is a ValueError
        raise ValueError(str(error)) from error
    return [name.text or "" for name in root.findall("object/name")]

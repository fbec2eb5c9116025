"""Paths of a dataset's files, and checks that the files exist.

The Snakefile runs this before any job. So it opens no photo, needs the standard library alone, and takes milliseconds
for 10,000 photos.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".avif", ".heic", ".heif")
"""Suffixes of photos, in lower case."""
TRAIN_AUG = "train_aug"
"""VOC's augmented training set, a split that SBD's archive adds."""
_IGNORED = ("__macosx", "@eadir", "$recycle.bin")
"""Folders in which operating systems and network disks keep files of their own, in lower case."""


class DatasetError(ValueError):
    """The dataset, or its block of the config, is not as docs/photos.md describes it."""


def photo_folder(layout: str, root: str | Path, split: str = "") -> Path:
    """Folder of a dataset's photos.

    In the layout ``coco`` each split has its own. COCO's ``test-dev2017`` is a part of the photos in ``test2017``.
    """
    match layout:
        case "photos":
            return Path(root)
        case "coco":
            shared = Path(root, split.replace("test-dev", "test", 1))
            return shared if shared.is_dir() and not Path(root, split).is_dir() else Path(root, split)
    return Path(root, "JPEGImages")


def split_list(root: str | Path, split: str) -> Path:
    """List of the image_ids of a split in VOC's layout; in ImageSets/Main if ImageSets/Segmentation has none."""
    lists = [Path(root, "ImageSets", part, f"{split}.txt") for part in ("Segmentation", "Main")]
    return next((path for path in lists if path.is_file()), lists[0])


def annotation_file(root: str | Path, split: str) -> Path:
    """JSON of a split in COCO's layout: its instances, or its images alone (``image_info``) if only these are there."""
    instances, images = (Path(root, "annotations", f"{name}_{split}.json") for name in ("instances", "image_info"))
    return images if images.is_file() and not instances.is_file() else instances


def voc_masks(dataset: dict[str, Any]) -> list[str]:
    """Folders of the true class masks and instance masks in VOC's layout. They need not exist."""
    given = dataset["ground_truth"]
    names = given["semantic"] or "SegmentationClass", given["instance"] or "SegmentationObject"
    return [str(Path(dataset["root"] or "", name)) for name in names]


def train_aug_lists(dataset: dict[str, Any]) -> dict[str, list[Path]]:
    """Lists that make the split ``train_aug``: ``train`` and ``val`` of VOC, and both lists of ``sbd``.

    Empty if no training split is ``train_aug``, if the root has a list of it, or if the config names no SBD.
    """
    root, sbd = dataset["root"], dataset["sbd"]["root"]
    wanted = any(split == TRAIN_AUG for _, split in _named_splits(dataset))
    if sbd is None or root is None or not wanted or split_list(root, TRAIN_AUG).is_file():
        return {}
    return {
        "train": [split_list(root, "train")],
        "val": [split_list(root, "val")],
        "sbd": [Path(sbd, f"{name}.txt") for name in ("train", "val")],
    }


def check_dataset(dataset: dict[str, Any]) -> None:
    """Check that the files in the config's block ``dataset`` exist.

    Parameters
    ----------
    dataset : dict
        As in config/config.yaml. The schema has already checked the types.

    Raises
    ------
    DatasetError
        With all problems, one in each line: which key, what was found, what to do.
    """
    problems = [*_check_names(dataset), *_CHECKS[dataset["format"]](dataset), *_check_simple(dataset)]
    if problems:
        raise DatasetError("\n".join(problems))


def check_import(sources: dict[str, Any], true_masks: Iterable[str] = ()) -> None:
    """Check the config's block ``salient_instances.import``.

    Parameters
    ----------
    sources : dict
        coco: a file or None; masks: a folder or None. Other keys are not checked.
    true_masks : iterable of str
        Files and folders of the dataset's true masks, which only evaluation may read.

    Raises
    ------
    DatasetError
        As in :func:`check_dataset`.
    """
    given = [key for key in ("coco", "masks") if sources[key] is not None]
    if len(given) != 1:
        found = " and ".join(given) or "neither"
        raise DatasetError(f"salient_instances.import: found {found}, expected coco or masks. Set one of them.")
    check, expected = (_check_file, "COCO JSON") if given == ["coco"] else (_check_folder, "a folder of instance PNGs")
    problems = list(check(f"salient_instances.import.{given[0]}", sources[given[0]], expected))
    if Path(sources[given[0]]).resolve() in {Path(path).resolve() for path in true_masks}:
        problems.append(
            f"salient_instances.import.{given[0]}: {sources[given[0]]} holds the dataset's true masks, which only "
            "evaluation may read. Name the instances that a detector found."
        )
    if problems:
        raise DatasetError("\n".join(problems))


def check_features_import(sources: dict[str, str | None]) -> None:
    """Check the config's block ``features.import``: an array needs the table of its rows, and the other way round."""
    if bool(sources["array"]) != bool(sources["rows"]):
        missing = "rows" if sources["array"] else "array"
        raise DatasetError(f"features.import.{missing} is null, expected a file. Set both array and rows, or none.")


def _named_splits(dataset):
    """Pairs (key, split) of all splits; ``train`` is one or a list."""
    train = [dataset["train"]] if isinstance(dataset["train"], str) else dataset["train"]
    named = [("train", split) for split in train] + [(key, dataset[key]) for key in ("val", "test")]
    return [(key, split) for key, split in named if split is not None]


def _check_names(dataset):
    splits = [split for _, split in _named_splits(dataset)]
    if len(set(splits)) < len(splits):
        yield (
            f"dataset.train, dataset.val and dataset.test are {', '.join(map(repr, splits))}. Name different splits; "
            "set dataset.val: null to evaluate nothing, dataset.test: null to submit nothing."
        )
    if dataset["format"] not in ("photos", "voc") and any(dataset["ground_truth"].values()):
        yield f"dataset.ground_truth is for formats photos and voc; {dataset['format']} has its own masks. Set null."

    if dataset["format"] != "voc" and dataset["sbd"]["root"] is not None:
        yield f"dataset.sbd.root is for format voc, found format {dataset['format']}. Set null."


def _check_demo(dataset):
    for key in ("root", "keywords"):
        if dataset[key] is not None:
            yield f"dataset.{key} is {dataset[key]!r}, but the demo makes its own photos. Set null."
    if dataset["test"] is not None:
        yield f"dataset.test is {dataset['test']!r}, but the demo has no photos without masks. Set null."


def _check_photos(dataset):
    yield from _check_folder("dataset.root", dataset["root"], "the folder of photos")
    yield from _check_results(dataset)
    yield from _check_source(dataset)
    for key, folder in dataset["ground_truth"].items():
        if folder is not None:
            yield from _check_folder(f"dataset.ground_truth.{key}", folder, "a folder of masks named like the photos")


def _check_source(dataset):
    source, keywords = dataset["keyword_source"], dataset["keywords"]
    if source in ("folders", "metadata"):
        if keywords is not None:
            yield f"dataset.keywords: found {keywords}, but keyword_source {source} needs no file. Set null."
    elif source in ("texts", "yolo"):
        yield from _check_folder("dataset.keywords", keywords, "the folder of a text file for each photo")
    else:
        expected = "COCO JSON" if source == "coco" else "a table with image_id,split,keywords"
        yield from _check_file("dataset.keywords", keywords, expected)
    if source != "table":
        for key, split in _named_splits(dataset)[1:]:
            advice = "Name one" if key == "train" else "Set null"
            yield f"dataset.{key}: found {split!r}, but keyword_source {source} has no splits. {advice}."


def _check_voc(dataset):
    yield from _check_folder("dataset.root", dataset["root"], "the folder with JPEGImages and ImageSets")
    if not _is_folder(dataset["root"]):
        return
    root = Path(dataset["root"])
    yield from _check_folder("dataset.root", photo_folder("voc", root), "the folder of photos")
    for (key, name), folder in zip(dataset["ground_truth"].items(), voc_masks(dataset), strict=True):
        if name is not None:
            yield from _check_folder(f"dataset.ground_truth.{key}", folder, "a folder of masks below dataset.root")
    made = train_aug_lists(dataset)
    for key, split in _named_splits(dataset):
        if not (made and split == TRAIN_AUG):
            yield from _check_file(f"dataset.{key}", split_list(root, split), "the list of the split's photos")
    if dataset["sbd"]["root"] is not None:
        for part in ("cls", "inst"):
            yield from _check_folder("dataset.sbd.root", Path(dataset["sbd"]["root"], part), "a folder of SBD's masks")
    for path in (path for paths in made.values() for path in paths):
        yield from _check_file(f"dataset.train is {TRAIN_AUG}", path, "one of the lists that make it")
    if dataset["keywords"] is None:
        yield from _check_folder("dataset.keywords is null", root / "Annotations", "XML files with the photos' objects")
    else:
        yield from _check_file("dataset.keywords", dataset["keywords"], "a CSV with image_id,keywords")


def _check_coco(dataset):
    yield from _check_folder("dataset.root", dataset["root"], "the folder with annotations and a folder for each split")
    if not _is_folder(dataset["root"]):
        return
    for key, split in _named_splits(dataset):
        folder, path = photo_folder("coco", dataset["root"], split), annotation_file(dataset["root"], split)
        yield from _check_folder(f"dataset.{key}", folder, "the folder of the split's photos")
        yield from _check_file(f"dataset.{key}", path, "COCO instances of the split")
        if path.name.startswith("image_info_") and key != "test":
            expected = f"instances_{split}.json"
            yield f"dataset.{key}: {path} has no annotations, expected {expected} beside it. Add it."
    if dataset["keywords"] is not None:
        yield from _check_file("dataset.keywords", dataset["keywords"], "a CSV with image_id,keywords, or null")
    if dataset["categories"] is not None:
        yield "dataset.categories is a list, but COCO's JSON names its own. Set null."


_CHECKS = {"demo": _check_demo, "photos": _check_photos, "voc": _check_voc, "coco": _check_coco}


def _check_simple(dataset):
    if dataset["train_on"] != "main":
        folder = dataset["simple_images"]
        yield from _check_folder("dataset.simple_images", folder, "a folder with a sub-folder for each keyword")
    if dataset["train_on"] == "simple" and len([key for key, _ in _named_splits(dataset) if key == "train"]) > 1:
        yield "dataset.train is a list, but with train_on simple none of its photos train. Name one split."


def _check_results(dataset):
    folder = dataset["root"]
    if _is_folder(folder) and Path.cwd().is_relative_to(Path(folder).resolve()):
        yield (
            f"dataset.root: {folder} holds the directory {Path.cwd()} where results/ are written, which would count "
            "as photos. Run in another directory (snakemake --directory DIR)."
        )


def _check_folder(key, path, expected):
    if not _is_folder(path):
        yield _missing(key, path, expected)


def _check_file(key, path, expected):
    if path is None or not Path(path).is_file():
        yield _missing(key, path, expected)


def _is_folder(path):
    return path is not None and Path(path).is_dir()


def _missing(key, path, expected):
    if path is None:
        return f"{key} is null, expected {expected}. Set it in the config."
    place = "" if Path(path).is_absolute() else f" from {Path.cwd()}, where results/ are written"
    return f"{key}: {path} not found{place}, expected {expected}. Correct the path in the config."


def list_files(folder: str | Path, suffixes: tuple[str, ...] = SUFFIXES) -> list[tuple[str, os.stat_result]]:
    """Find files by suffix, also in sub-folders and through links.

    Parameters
    ----------
    folder : str or Path
    suffixes : tuple of str
        In lower case. The suffixes of the files may be in any case.

    Returns
    -------
    list of (str, os.stat_result)
        Paths relative to the folder, ascending.
    """
    return sorted(_scan(os.fspath(folder), "", suffixes, frozenset()))


def is_ignored(name: str) -> bool:
    """Whether a file or folder is hidden or of the operating system: ``._photo.jpg``, ``.git``, ``__MACOSX``."""
    return name.startswith(".") or name.lower() in _IGNORED


def _scan(
    folder: str, below: str, suffixes: tuple[str, ...], parents: frozenset[tuple[int, int]]
) -> Iterator[tuple[str, os.stat_result]]:
    status = os.stat(folder)
    this = status.st_dev, status.st_ino
    if this in parents:  # a link to a folder above
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_ignored(entry.name):
                continue
            if entry.is_dir():
                yield from _scan(entry.path, f"{below}{entry.name}/", suffixes, parents | {this})
            elif entry.name.lower().endswith(suffixes) and entry.is_file():
                yield below + entry.name, entry.stat()


def yolo_names_file(labels_folder: str | Path) -> Path | None:
    """File with the names of YOLO's classes: in the folder of labels or up to two folders above it."""
    folder = Path(labels_folder)
    homes = (folder, *folder.resolve().parents[:2])
    files = [home / name for home in homes for name in ("classes.txt", "data.yaml")]
    return next((file for file in files if file.is_file()), None)


def dataset_sources(
    layout: str,
    root: str | Path,
    keywords: str | None,
    splits: Sequence[str],
    source: str = "table",
    lists: Mapping[str, str] | None = None,
) -> list[str]:
    """Files and folders with the photos and keywords of a dataset.

    Parameters
    ----------
    layout : str
        Config key ``dataset.format``.
    root : str or Path
    keywords : str or None
        Table of keywords, or what ``source`` says.
    splits : sequence of str
    source : str
        Config key ``dataset.keyword_source``.
    lists : dict, optional
        Split to its list, where it is not in the root (``voc``).

    Returns
    -------
    list of str
        Lists or JSON of the splits, then the CSV or the folder of XML files, then the folders of photos.
    """
    named = {"voc": split_list, "coco": annotation_file}.get(layout)
    named_lists = [(lists or {}).get(split) or named(root, split) for split in splits] if named else []
    tables: list[str | Path] = [keywords] if keywords else [Path(root, "Annotations")] if layout == "voc" else []
    folders = dict.fromkeys(photo_folder(layout, root, split) for split in splits)
    if source == "yolo" and keywords and (names := yolo_names_file(keywords)):
        tables.append(names)
    return [str(path) for path in (*named_lists, *tables, *folders)]

"""Attention maps, scores and features of other methods: matched by name, checked for completeness, origin kept."""

import re

import h5py
import numpy as np
import pandas as pd
import pytest

import import_attention
import import_features
import import_scores
from aisi.dataset.imported import imported_attention, imported_features, imported_scores
from aisi.formats.attention import open_attention
from aisi.formats.dataset import Categories, write_categories, write_images
from aisi.formats.features import read_features
from aisi.formats.hdf5 import origin_of
from aisi.formats.instances import SalientInstances, new_salient_instances
from aisi.formats.scores import read_scores
from aisi.masks import encode
from aisi.report.tables import imported_note, results_page, with_imported
from test_formats import METRICS

CATEGORIES = Categories(("cat", "dog", "fox"), (10, 20, 30), ("#000000",) * 3)
IMAGES = pd.DataFrame(
    [
        ("a", "a.jpg", 8, 6, ("dog", "cat"), "0"),
        ("sub/b", "sub/b.jpg", 8, 6, ("fox",), "0"),
        ("c", "c.jpg", 8, 6, (), "0"),
    ],
    columns=["image_id", "path", "width", "height", "keywords", "sha256"],
)
MAPS = np.arange(12.0).reshape(3, 2, 2) / 12
"""A map for each of cat, dog and fox."""
KEYS = [("a", 0), ("a", 1), ("sub/b", 0)]
MASK = encode(np.ones((6, 8), bool))
INSTANCES = SalientInstances(
    np.array([name for name, _ in KEYS], object),
    np.array([number for _, number in KEYS]),
    np.array([[0, 0, 8, 6]] * 3),
    np.ones(3, np.float32),
    [MASK] * 3,
)
SCORES = [
    ("a", 0, "cat", 0.1),
    ("a", 0, "dog", 0.2),
    ("a", 1, "cat", 0.3),
    ("a", 1, "dog", 0.4),
    ("sub/b", 0, "fox", 1),
]


def write_maps(folder, kind):
    """MAPS of the two photos with keywords, in a folder or in an HDF5 file; gives what the config names."""
    (folder / "sub").mkdir()
    if kind == "hdf5":
        with h5py.File(folder / "maps.h5", "w") as file:
            file["a"], file["sub/b"] = MAPS[:2], MAPS
        return folder / "maps.h5"
    if kind == "npy of keywords":
        np.save(folder / "a.npy", MAPS[:2])
        np.save(folder / "sub/b.npy", MAPS[2:])
    elif kind == "npy of categories":
        np.save(folder / "a.npy", MAPS)
        np.save(folder / "sub/b.npy", MAPS)
    else:
        np.savez(folder / "a.npz", maps=MAPS[[2, 1, 0]], keywords=["fox", "dog", "cat"])
        np.savez(folder / "sub/b.npz", maps=MAPS[[2]], keywords=["fox"])
    return folder


@pytest.mark.parametrize("kind", ["npy of keywords", "npy of categories", "npz", "hdf5"])
def test_maps_come_in_the_order_of_the_labels(tmp_path, kind):
    (a, a_labels, a_maps), (b, b_labels, b_maps), (_, c_labels, c_maps) = imported_attention(
        write_maps(tmp_path, kind), IMAGES, CATEGORIES
    )
    assert (a, b, a_labels, b_labels, c_labels, len(c_maps)) == ("a", "sub/b", [1, 2], [3], [], 0)
    assert a_maps == pytest.approx(MAPS[:2])
    assert b_maps == pytest.approx(MAPS[2:])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "found no maps, expected IMAGE_ID.npy"),
        (lambda path: np.save(path / "a.npy", MAPS[:1]), "found 1 maps, expected 2, .* or 3"),
        (lambda path: np.save(path / "a.npy", MAPS[:2] * 9), "found values from 0 to .*, expected 0 to 1"),
        (lambda path: np.save(path / "a.npy", MAPS[:2] * np.nan), "found values from nan"),
        (lambda path: np.save(path / "a.npy", MAPS[0]), r"shape \(2, 2\)"),
        (lambda path: np.save(path / "a.npy", np.array({"cam": 1})), "docs/own_parts.md converts files with pickled"),
        (lambda path: (path / "a.npy").write_bytes(b"nonsense"), "not an array that can be read"),
        (lambda path: np.savez(path / "a.npz", maps=MAPS[:2], keywords=["cat", "fox"]), "no map of the keyword 'dog'"),
        (lambda path: np.savez(path / "a.npz", maps=MAPS[:2], keywords=["cat"]), "2 maps of 1 keywords"),
        (lambda path: np.savez(path / "a.npz", cam=MAPS[:2], keys=[0, 1]), "arrays cam, keys, expected maps"),
    ],
)
def test_wrong_maps_are_named(tmp_path, write, message):
    write(tmp_path)
    with pytest.raises(ValueError, match=f"photo 'a': .*{message}"):
        list(imported_attention(tmp_path, IMAGES[:1], CATEGORIES))


def test_faults_of_many_photos_take_one_line(tmp_path):
    many = pd.concat([IMAGES[:1].assign(image_id=f"photo {number}") for number in range(50)])
    with pytest.raises(ValueError) as caught:
        list(imported_attention(tmp_path, many, CATEGORIES))
    assert "'photo 0' and 49 more: found no maps" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_maps_are_neither_folder_nor_hdf5(tmp_path):
    (tmp_path / "maps.h5").write_text("nonsense")
    with pytest.raises(ValueError, match="neither a folder nor HDF5"):
        list(imported_attention(tmp_path / "maps.h5", IMAGES, CATEGORIES))


def write_scores(path, rows):
    pd.DataFrame(rows, columns=["image_id", "instance_id", "keyword", "p"]).to_csv(path, index=False)
    return path


def test_scores_are_matched_by_name(tmp_path):
    rows = [*SCORES[::-1], ("elsewhere", 0, "cat", 0.5)]
    scores = imported_scores(write_scores(tmp_path / "p.csv", rows), IMAGES, INSTANCES, CATEGORIES)
    assert scores.offsets.tolist() == [0, 2, 4, 5]
    assert scores.labels.tolist() == [1, 2, 1, 2, 3]
    assert scores.scores == pytest.approx([0.1, 0.2, 0.3, 0.4, 1])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (SCORES[1:], r"instance 0 of photo 'a', cat: .*has no row"),
        (SCORES[4:], r"instance 0 of photo 'a', cat and 3 more: .*has no row"),
        ([*SCORES, SCORES[0]], "line 7: this instance and keyword stand twice"),
        ([*SCORES, ("a", 2, "cat", 0)], "instance 2.* of photo 'a', cat: no such instance"),
        ([*SCORES, ("a", 0, "fox", 0)], "instance 0.* of photo 'a', fox: no such instance, or not a keyword"),
        ([*SCORES, ("a", 0, "wolf", 0)], "of an unknown keyword: no such instance"),
        ([*SCORES[1:], ("a", 0, "cat", 1.5)], "line 6: p is not a number from 0 to 1"),
        ([*SCORES[1:], ("a", 0, "cat", "nan")], "line 6: p is not a number"),
        ([*SCORES[1:], ("a", 0, "cat", "")], "line 6: p is not a number"),
    ],
)
def test_wrong_scores_are_named(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        imported_scores(write_scores(tmp_path / "p.csv", rows), IMAGES, INSTANCES, CATEGORIES)


def write_features(folder, features, rows):
    np.save(folder / "f.npy", np.array(features))
    pd.DataFrame(rows, columns=["image_id", "instance_id"]).to_csv(folder / "f.csv", index=False)
    return folder / "f.npy", folder / "f.csv"


@pytest.mark.parametrize("dimension", [1, 7, 2048])
def test_features_are_matched_by_name(tmp_path, dimension):
    rows = [("elsewhere", 0), *KEYS[::-1]]
    paths = write_features(tmp_path, [[number] * dimension for number in range(4)], rows)
    assert imported_features(*paths, INSTANCES).tolist() == [[3] * dimension, [2] * dimension, [1] * dimension]


@pytest.mark.parametrize(
    ("features", "rows", "message"),
    [
        (np.zeros((2, 3)), KEYS, "found 3 rows, expected 2"),
        (np.zeros((2, 3)), KEYS[1:], "instance 0 of photo 'a': .*has no row"),
        (np.zeros((4, 3)), [*KEYS, ("a", 1)], "line 5: this instance stands twice"),
        (np.zeros((4, 3)), [*KEYS, ("a", 7)], "instance 7.* of photo 'a': .* there is no such instance"),
        (np.zeros(3), KEYS, r"found \(3,\), expected numbers \(rows, D\)"),
        (np.zeros((3, 0)), KEYS, r"found \(3, 0\)"),
        (np.array(["x"] * 3)[:, None], KEYS, "expected numbers"),
        ([[0.0], [np.inf], [0.0]], KEYS, "not finite, of instance 1 of photo 'a'"),
    ],
)
def test_wrong_features_are_named(tmp_path, features, rows, message):
    with pytest.raises(ValueError, match=message):
        imported_features(*write_features(tmp_path, features, rows), INSTANCES)


def test_artefacts_keep_the_origin_and_equal_bytes(tmp_path):
    write_images(tmp_path / "images.csv", IMAGES)
    write_categories(tmp_path / "categories.csv", CATEGORIES)
    with new_salient_instances(tmp_path / "instances.h5") as writer:
        for name, count in (("a", 2), ("sub/b", 1)):
            writer.append(name, [[0, 0, 8, 6]] * count, [1] * count, [MASK] * count)
    source = write_maps(tmp_path, "npz")
    table = write_scores(tmp_path / "p.csv", SCORES)
    array, rows = write_features(tmp_path, np.zeros((3, 5)), KEYS)
    photos = {"images_path": tmp_path / "images.csv", "categories_path": tmp_path / "categories.csv"}
    found = {"salient_instances_path": tmp_path / "instances.h5"}
    out = {name: tmp_path / f"{name}.h5" for name in ("attention", "scores", "features")}

    import_attention.main(**photos, source_path=source, origin="cams (1a)", attention_path=out["attention"])
    import_scores.main(**photos, **found, table_path=table, origin="p.csv (2b)", scores_path=out["scores"])
    import_features.main(**found, array_path=array, rows_path=rows, origin="f (3c)", features_path=out["features"])
    assert [origin_of(path) for path in out.values()] == ["cams (1a)", "p.csv (2b)", "f (3c)"]
    assert origin_of(tmp_path / "instances.h5") == ""
    with open_attention(out["attention"]) as maps:
        assert maps["a"][1] == pytest.approx(MAPS[:2], abs=1e-3)
    assert read_scores(out["scores"], rows=None).labels.tolist() == [1, 2, 1, 2, 3]
    assert read_features(out["features"], rows=None).shape == (3, 5)


def test_tables_show_the_origin():
    imported = {"attention maps": "cams (1a2b)", "features": "f.npy (3c4d)"}
    table = with_imported(pd.DataFrame({"assignment": ["random", "partition"]}), imported)
    assert set(table["imported"]) == {"attention maps: cams (1a2b); features: f.npy (3c4d)"}
    assert "imported" not in with_imported(pd.DataFrame({"assignment": ["random"]}), {})
    counts = {"partition": {"instances": 1, "tagged": 1, "photos": 1}}
    page = results_page("demo", "snakemake", imported_note(imported), METRICS, counts)
    assert "attention maps from `cams (1a2b)`, features from `f.npy (3c4d)`" in page
    assert not re.search("Imported", results_page("demo", "snakemake", [], METRICS, counts))

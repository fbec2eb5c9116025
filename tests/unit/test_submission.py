"""The archive for PASCAL VOC's server, read back as the server reads it."""

import io
import os
import tarfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import pack_voc_submission
from aisi.dataset.index import coloured_categories
from aisi.dataset.keywords import VOC_CATEGORIES
from aisi.formats.dataset import IMAGE_COLUMNS, write_categories, write_images
from aisi.formats.masks import voc_palette, write_labels

SIZES = {"2008_000002": (5, 3), "2007_000001": (4, 6)}


@pytest.fixture
def predicted(tmp_path):
    """Predictions of two photos in two shards; returns their label maps and a function that packs them."""
    rng = np.random.default_rng(0)
    maps = {name: rng.integers(0, 21, size[::-1]).astype(np.uint8) for name, size in SIZES.items()}
    for shard, (name, size) in enumerate(SIZES.items()):
        write_labels(tmp_path / "predictions" / f"{name}.png", maps[name])
        write_images(tmp_path / f"{shard}.csv", pd.DataFrame([(name, "p", *size, (), "0")], columns=IMAGE_COLUMNS))
    write_categories(tmp_path / "categories.csv", coloured_categories(VOC_CATEGORIES))

    def pack(name="a.tgz"):
        images = [tmp_path / "0.csv", tmp_path / "1.csv"]
        pack_voc_submission.main(tmp_path / "predictions", images, tmp_path / "categories.csv", tmp_path / name)
        return tmp_path / name

    return maps, pack


def test_the_archive_holds_palette_pngs_of_the_photos_sizes(predicted):
    maps, pack = predicted
    with tarfile.open(pack(), "r:gz") as archive:
        folder = "results/VOC2012/Segmentation/comp6_test_cls"
        assert archive.getnames() == [f"{folder}/{name}.png" for name in sorted(maps)]
        for name, labels in maps.items():
            content = archive.extractfile(f"{folder}/{name}.png").read()
            with Image.open(io.BytesIO(content)) as image:
                assert (image.format, image.mode, image.size) == ("PNG", "P", SIZES[name])
                assert (np.array(image) == labels).all()
                assert image.getpalette() == voc_palette().ravel().tolist()


def test_equal_predictions_give_equal_bytes(predicted, tmp_path):
    _, pack = predicted
    first = pack().read_bytes()
    for path in (tmp_path / "predictions").iterdir():
        os.utime(path, (0, 0))
    assert pack("b.tgz").read_bytes() == first


@pytest.mark.parametrize("labels", [np.zeros((6, 4), np.uint8), np.full((3, 5), 21, np.uint8)])
def test_a_wrong_prediction_leaves_no_archive(predicted, tmp_path, labels):
    _, pack = predicted
    write_labels(tmp_path / "predictions/2008_000002.png", labels)
    with pytest.raises(ValueError, match="2008_000002.png: found .*, expected 3 x 5 pixels, labels up to 20"):
        pack()
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".tgz"]


@pytest.mark.parametrize("names", [VOC_CATEGORIES[::-1], VOC_CATEGORIES[:-1]])
def test_other_categories_are_refused(predicted, tmp_path, names):
    _, pack = predicted
    write_categories(tmp_path / "categories.csv", coloured_categories(names))
    with pytest.raises(ValueError, match="expected VOC's 20 in their order"):
        pack()

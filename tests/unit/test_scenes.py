"""The demo's photos: the same bytes each time, disjoint sets of categories, masks that agree with keywords."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import render_salient_instances
import render_scenes
import render_single_objects
from aisi.demo import grounds, objects, scenes, shapes, textures
from aisi.demo.annotation import MIN_PIXELS, label_salient, label_scene
from aisi.demo.categories import AUXILIARY, DISTRACTORS, TARGET
from aisi.demo.composition import IN_SIGHT, Scene
from aisi.formats.dataset import KEYWORD_SEPARATOR
from aisi.formats.masks import read_labels
from aisi.labels import IGNORE
from aisi.photos import read_photo

SETTINGS = {"seed": 3, "image_size": 128, "max_objects": 4, "multiple_keywords": 0.5, "distractors": 0.4}
LABELS = {name: label for label, name in enumerate(sorted(TARGET), 1)}


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def write_scenes(folder, n_train=12, n_val=3, **changes):
    names = {"photos": "JPEGImages", "class_masks": "SegmentationClass", "object_masks": "SegmentationObject"}
    outputs = {f"{key}_folder": folder / name for key, name in (names | {"image_sets": "ImageSets"}).items()}
    settings = SETTINGS | {"n_train": n_train, "n_val": n_val} | changes
    render_scenes.main(**outputs, keywords_path=folder / "keywords.csv", **settings)
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def rendered():
    return [scenes.render_scene(split="train", index=index, **SETTINGS) for index in range(40)]


def scene(owners, names, areas=None):
    owners = np.asarray(owners, np.uint8)
    areas = areas or tuple(int((owners == k).sum()) for k in range(1, len(names) + 1))
    return Scene(np.zeros((*owners.shape, 3), np.uint8), owners, names, areas, 80)


# ------------------------------------------------------------------ pools


def test_the_three_sets_share_no_category_and_no_shape():
    pools = [TARGET, AUXILIARY, DISTRACTORS]
    names = [name for pool in pools for name in pool]
    drawn = [category.shape for pool in pools for category in pool.values()]
    assert len(set(names)) == len(names) and len(set(drawn)) == len(drawn)
    assert len(TARGET) >= 8 and len(AUXILIARY) >= 12
    assert not any(KEYWORD_SEPARATOR in name for name in names)


def test_habits_name_colours_textures_and_surfaces_that_exist():
    for category in (TARGET | AUXILIARY | DISTRACTORS).values():
        assert set(f"{category.colours} {category.accents}".split()) <= set(textures.COLOURS)
        assert set(category.textures.split()) <= set(textures.TEXTURES)
        assert set(category.grounds.split()) <= set(grounds.SURFACES)


@pytest.mark.parametrize("name", TARGET | AUXILIARY | DISTRACTORS)
def test_every_shape_varies_and_covers_something(name):
    category = (TARGET | AUXILIARY | DISTRACTORS)[name]
    covers = []
    for seed in range(6):
        patch = objects.render_object(category, 60, objects.Light(0, -1, 0.5), np.random.default_rng(seed))
        assert patch.colour.shape == (*patch.cover.shape, 3)
        assert patch.colour.dtype == patch.cover.dtype == np.float32
        assert 60 <= max(patch.cover.shape) <= 64
        assert patch.cover.min() >= 0 and patch.cover.max() <= 1.001
        assert patch.colour.min() >= 0 and patch.colour.max() <= 1
        covers.append(int((patch.cover > 0.5).sum()))
    assert min(covers) > 100 and len(set(covers)) > 1


@pytest.mark.parametrize("name", grounds.SURFACES)
def test_every_surface_draws_any_size(name):
    draw, _ = grounds.SURFACES[name]
    colours = np.array([0.2, 0.4, 0.6], np.float32), np.array([0.7, 0.5, 0.3], np.float32)
    for height, width in ((40, 97), (97, 40)):
        assert draw(height, width, np.random.default_rng(0), colours).shape == (height, width, 3)


def test_outlines():
    assert np.allclose(shapes.curve([(0, 0), (1, 0), (2, 0)], closed=False)[[0, 6, 12]], [(0, 0), (1, 0), (2, 0)])
    assert shapes.curve([(0, 0), (1, 0), (1, 1)]).shape == (18, 2)
    bar = shapes.limb([(0, 0), (10, 0)], 1.0)
    assert np.allclose((bar.min(0), bar.max(0)), ((0, -1), (11, 1)), atol=0.01)
    half = shapes.mirrored([(1, 0), (2, 1)], smooth=False)
    assert half.tolist() == [[1, 0], [2, 1], [-2, 1], [-1, 0]]


# ------------------------------------------------------------------ seeds


def test_same_bytes_each_time(written, tmp_path):
    assert digests(write_scenes(tmp_path)) == digests(written)


def test_a_photo_does_not_depend_on_the_number_of_photos(written, tmp_path):
    fewer, more = digests(write_scenes(tmp_path, n_train=4, n_val=2)), digests(written)
    photos = [name for name in fewer if name.endswith((".jpg", ".png"))]
    assert len(photos) == 18
    assert all(fewer[name] == more[name] for name in photos)


def test_seed_split_and_index_each_change_the_photo():
    def photo(**changes):
        return scenes.render_scene(**SETTINGS | {"split": "train", "index": 0} | changes).photo

    photos = [photo(), photo(seed=4), photo(split="val"), photo(index=1)]
    assert len({(photo.shape, photo.tobytes()) for photo in photos}) == 4


def test_salient_and_single_object_photos_are_reproducible():
    first, again = (scenes.render_salient_scene(1, "train", 5, 128, 3) for _ in range(2))
    assert first.photo.tobytes() == again.photo.tobytes() and first.owners.tobytes() == again.owners.tobytes()
    first, again = (scenes.render_single_object(1, "boat", 5, 64) for _ in range(2))
    assert first.photo.tobytes() == again.photo.tobytes()


# ------------------------------------------------------------------ the target set


def test_the_files_of_the_target_set_agree(written):
    table = pd.read_csv(written / "keywords.csv", dtype=str)
    assert list(table.columns) == ["image_id", "split", "keywords"]
    for split, n in (("train", 12), ("val", 3)):
        image_ids = (written / f"ImageSets/Segmentation/{split}.txt").read_text().split()
        assert image_ids == table.loc[table["split"] == split, "image_id"].tolist() and len(image_ids) == n
    for row in table.itertuples():
        photo = read_photo(written / f"JPEGImages/{row.image_id}.jpg")
        classes = read_labels(written / f"SegmentationClass/{row.image_id}.png")
        instances = read_labels(written / f"SegmentationObject/{row.image_id}.png")
        assert max(photo.shape) == 128 and photo.shape[:2] == classes.shape == instances.shape
        labels = set(np.unique(classes)) - {0, IGNORE}
        assert row.keywords.split(KEYWORD_SEPARATOR) == sorted(name for name in TARGET if LABELS[name] in labels)
        assert np.array_equal(classes == IGNORE, instances == IGNORE)
        assert np.array_equal(classes == 0, instances == 0)
        numbers = sorted(set(np.unique(instances)) - {0, IGNORE})
        assert numbers == list(range(1, len(numbers) + 1))
        for number in numbers:
            assert len(np.unique(classes[instances == number])) == 1
            assert (instances == number).sum() >= MIN_PIXELS


def test_ten_photos_show_every_category(written):
    keywords = pd.read_csv(written / "keywords.csv")["keywords"]
    assert set(KEYWORD_SEPARATOR.join(keywords[:10]).split(KEYWORD_SEPARATOR)) == set(TARGET)


def test_only_target_categories_and_distractors_occur(rendered):
    names = {name for each in rendered for name in each.names}
    assert names <= set(TARGET | DISTRACTORS)
    assert names & set(DISTRACTORS)


def test_the_set_is_as_the_parameters_say(rendered):
    keywords = [label_scene(each)[2] for each in rendered]
    assert all(1 <= len(names) <= 3 for names in keywords)
    assert 0.25 < np.mean([len(names) > 1 for names in keywords]) < 0.7
    assert 0.15 < np.mean([any(name in DISTRACTORS for name in each.names) for each in rendered]) < 0.6
    assert all(sum(name in TARGET for name in each.names) <= 4 for each in rendered)


def test_one_object_in_each_photo():
    quiet = SETTINGS | {"max_objects": 1, "multiple_keywords": 1.0, "distractors": 0.0}
    for index in range(5):
        assert len(scenes.render_scene(split="val", index=index, **quiet).names) == 1


def test_enough_of_every_object_is_visible(rendered):
    for each in rendered:
        for k, area in enumerate(each.areas, 1):
            assert (each.owners == k).sum() >= IN_SIGHT * area - 1


# ------------------------------------------------------------------ annotation


def test_labels_of_a_scene_known_by_hand():
    owners = np.zeros((12, 30), int)
    owners[1:11, 1:11] = 1
    owners[1:11, 12:22] = 2
    owners[5:8, 25:29] = 3
    each = scene(owners, ("teapot", "rock", "duck"))
    classes, instances, keywords = label_scene(each)
    expected = np.zeros((12, 30), int)
    expected[1:11, 1:11] = IGNORE
    expected[2:10, 2:10] = LABELS["teapot"]
    expected[5:8, 25:29] = IGNORE  # too small to recognise
    assert np.array_equal(classes, expected)
    assert np.array_equal(instances, np.where(expected == LABELS["teapot"], 1, expected))
    assert keywords == ("teapot",)


def test_an_object_that_is_completely_hidden_is_not_listed():
    owners = np.zeros((20, 20), int)
    owners[2:18, 2:18] = 2
    classes, instances, keywords = label_scene(scene(owners, ("fish", "kite"), (100, 256)))
    assert keywords == ("kite",)
    assert set(np.unique(classes)) == {0, LABELS["kite"], IGNORE} and set(np.unique(instances)) == {0, 1, IGNORE}


def test_a_scene_of_ground_alone_has_no_keyword():
    classes, instances, keywords = label_scene(scene(np.zeros((8, 8)), ()))
    assert not classes.any() and not instances.any() and keywords == ()


def test_two_touching_objects_of_a_category_stay_apart():
    owners = np.zeros((14, 26), int)
    owners[2:12, 2:12], owners[2:12, 12:22] = 1, 2
    classes, instances, keywords = label_scene(scene(owners, ("snail", "snail")))
    assert keywords == ("snail",)
    assert (instances == 1).sum() == (instances == 2).sum() == 64
    assert (classes[5, 11:13] == IGNORE).all()


def test_salient_means_large_and_visible():
    owners = np.zeros((40, 40), int)
    owners[0:10, 0:10] = 1
    owners[20:30, 0:10] = 2
    owners[30:33, 30:33] = 3
    owners[20:30, 15:25] = 4
    instances = label_salient(scene(owners, ("hat", "cup", "leaf", "boat"), (100, 201, 9, 200)))
    assert (instances[0:10, 0:10] == 1).all()
    assert not instances[20:30, 0:10].any()  # more than half hidden
    assert not instances[30:33, 30:33].any()  # too small
    assert (instances[20:30, 15:25] == 2).all()
    assert not label_salient(scene(np.zeros((8, 8)), ())).any()


# ------------------------------------------------------------------ the other two sets


def test_the_files_of_the_salient_set(tmp_path):
    outputs = {f"{name}_folder": tmp_path / name for name in ("photos", "masks", "image_sets")}
    render_salient_instances.main(**outputs, n_train=4, n_val=2, seed=3, image_size=128, max_objects=3)
    for split, n in (("train", 4), ("val", 2)):
        image_ids = (tmp_path / f"image_sets/{split}.txt").read_text().split()
        assert len(image_ids) == n
        for image_id in image_ids:
            masks = read_labels(tmp_path / f"masks/{image_id}.png")
            assert read_photo(tmp_path / f"photos/{image_id}.jpg").shape[:2] == masks.shape
            numbers = np.unique(masks)
            assert numbers.tolist() == list(range(len(numbers))) and 2 <= len(numbers) <= 4


def test_the_salient_set_shows_only_auxiliary_categories():
    names = {name for index in range(15) for name in scenes.render_salient_scene(0, "train", index, 128, 4).names}
    assert names <= set(AUXILIARY)


def test_the_files_of_the_single_objects(tmp_path):
    render_single_objects.main(photos_folder=tmp_path, n_per_category=2, seed=3, image_size=48)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == sorted(AUXILIARY)
    for folder in tmp_path.iterdir():
        assert sorted(path.name for path in folder.iterdir()) == ["0000.jpg", "0001.jpg"]
        for path in folder.iterdir():
            with Image.open(path) as image:
                assert max(image.size) == 48


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    "change",
    [{"seed": -1}, {"image_size": 20}, {"image_size": 5000}, {"max_objects": 0}, {"max_objects": 99}]
    + [{"multiple_keywords": 1.2}, {"multiple_keywords": float("nan")}, {"distractors": -0.1}],
)
def test_parameters_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} is .*, expected"):
        scenes.render_scene(split="train", index=0, **SETTINGS | change)


def test_other_sets_refuse_parameters_too():
    with pytest.raises(ValueError, match="max_objects is 0"):
        scenes.render_salient_scene(0, "train", 0, 128, 0)
    with pytest.raises(ValueError, match="image_size is 8"):
        scenes.render_single_object(0, "boat", 0, 8)
    with pytest.raises(ValueError, match="Found category 'fish', expected one of apple"):
        scenes.render_single_object(0, "fish", 0, 64)

"""How surely an instance shows an object: features by hand, the regression, its figures, and r: auto."""

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as rle

import compute_objectness
import fit_objectness
import plot_calibration as plot_calibration_of
from aisi.formats.files import FormatError
from aisi.formats.instances import SalientInstances, new_salient_instances, read_salient_instances
from aisi.formats.metrics import read_metrics
from aisi.formats.objectness import (
    ObjectnessModel,
    read_calibration,
    read_objectness,
    read_objectness_model,
    write_objectness,
    write_objectness_model,
)
from aisi.formats.scores import Scores
from aisi.partition.tags import choose_retention
from aisi.report.plots import plot_calibration
from aisi.salient_instances.objectness import (
    FEATURES,
    area_under_curve,
    calibration,
    cross_validate,
    describe,
    fit,
    objectness,
    predict,
    shows_object,
)


def mask(rows, columns, height=10, width=20):
    pixels = np.zeros((height, width), np.uint8)
    pixels[rows, columns] = 1
    return rle.encode(np.asfortranarray(pixels))


def instances(*photos):
    """Instances of photos a, b, ..; each photo is a list of (box, score, mask)."""
    parts = [
        (name, number, *own) for name, photo in zip("abc", photos, strict=False) for number, own in enumerate(photo)
    ]
    ids, numbers, boxes, scores, masks = zip(*parts, strict=True)
    return SalientInstances(
        np.array(ids, object), np.array(numbers), np.array(boxes), np.array(scores, np.float32), list(masks)
    )


WHOLE = ([0, 0, 20, 10], 0.5, mask(slice(None), slice(None)))
PART = ([2, 2, 6, 4], 0.25, mask(slice(2, 4), slice(2, 6)))
TRIANGLE = ([2, 0, 4, 2], 0.75, mask([0, 1, 1], [2, 2, 3]))


def test_features_by_hand():
    features = describe(*map(list, zip(WHOLE, PART, strict=True)))
    assert features.shape == (2, len(FEATURES))
    assert np.allclose(features[0], [0, 0, 1, 4, 8 / 200, 1, np.log(2)])
    assert np.allclose(features[1], [np.log(1 / 3), np.log(8 / 200), 1, 0, 1, 8 / 200, np.log(2)])
    [alone] = describe(*map(list, zip(TRIANGLE, strict=True)))
    assert np.allclose(alone, [np.log(3), np.log(3 / 200), 3 / 4, 1, 0, 0, 0])
    assert describe(np.zeros((0, 4)), np.zeros(0), []).shape == (0, len(FEATURES))


def test_certain_scores_have_finite_features():
    assert np.isfinite(describe([WHOLE[0]] * 2, [1, 0], [WHOLE[2]] * 2)).all()


def examples(n=400, seed=0):
    """Features of which the first raises the log-odds by 2 and the second lowers it by 1; the others say nothing."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, len(FEATURES)))
    odds = 2 * features[:, 0] - features[:, 1] + 0.5
    return features, rng.random(n) < 1 / (1 + np.exp(-odds))


def test_regression_finds_what_made_the_data():
    features, is_object = examples(20_000)
    model = fit(features, is_object)
    slopes = model.weights / model.scales
    assert np.allclose(slopes, [2, -1, 0, 0, 0, 0, 0], atol=0.1)
    assert predict(model, features).mean() == pytest.approx(is_object.mean(), abs=1e-9)


def test_constant_feature_and_separable_data_stay_finite():
    features, _ = examples()
    features[:, 3] = 4.0
    model = fit(features, features[:, 0] > 0)
    assert np.isfinite(model.weights).all() and model.weights[3] == 0


@pytest.mark.parametrize("value", [False, True])
def test_one_kind_alone_cannot_be_fitted(value):
    with pytest.raises(ValueError, match="the regression needs both kinds"):
        fit(examples()[0], np.full(400, value))


def test_cross_validation_never_sees_the_own_photo():
    """The first feature tells the photo, and photos are objects at random: a model that saw them would know."""
    rng = np.random.default_rng(0)
    features, photos = rng.normal(size=(600, len(FEATURES))), np.repeat(np.arange(20), 30)
    is_object = np.isin(photos, rng.permutation(20)[:10])
    for photo in range(20):
        features[photos == photo, photo % 7] += 3 * (1 if is_object[photos == photo][0] else -1) * (photo < 7)
    assert area_under_curve(predict(fit(features, is_object), features), is_object) > 0.6
    predicted = cross_validate(features, is_object, photos)
    for fold in range(10):
        own = photos % 10 == fold
        assert np.allclose(predicted[own], predict(fit(features[~own], is_object[~own]), features[own]))


def test_area_under_curve_by_hand():
    scores, is_object = np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False])
    assert area_under_curve(scores, is_object) == 3.5 / 4


def test_calibration_has_bins_of_equal_size():
    scores = np.linspace(0, 0.9, 10)
    table = calibration("score", scores, scores > 0.5)
    assert table["n"].tolist() == [2] * 5
    assert np.allclose(table["predicted"], [0.05, 0.25, 0.45, 0.65, 0.85])
    assert table["objects"].tolist() == [0, 0, 0, 1, 1]
    assert plot_calibration(table).axes[0].get_lines()[1].get_xydata()[-1].tolist() == pytest.approx([0.85, 1])


def test_half_of_the_pixels_without_void_must_show_objects():
    labels = np.zeros((10, 20), np.uint8)
    labels[2:4, 2:4], labels[2:4, 4] = 3, 255
    assert shows_object(PART[2], labels)  # 4 of 6
    labels[2, 2:4] = 0
    assert not shows_object(PART[2], labels)  # 2 of 6
    assert not shows_object(PART[2], np.full((10, 20), 255, np.uint8))


def test_objectness_of_a_photo_does_not_depend_on_other_photos(tmp_path):
    model = fit(*examples())
    both, alone = instances([WHOLE, PART], [TRIANGLE]), instances([TRIANGLE])
    assert objectness(model, both)[2] == objectness(model, alone)[0]
    write_objectness(tmp_path / "a.csv", both, objectness(model, both))
    assert np.allclose(read_objectness([tmp_path / "a.csv"], both), objectness(model, both), rtol=1e-6)
    assert read_objectness([], both) is both.scores
    with pytest.raises(ValueError, match=r"a\.csv: found the objectness of 3 instances, but not of the 1"):
        read_objectness([tmp_path / "a.csv"], alone)


def test_no_instances():
    none = SalientInstances(np.zeros(0, object), np.zeros(0, int), np.zeros((0, 4), int), np.zeros(0), [])
    assert len(objectness(fit(*examples()), none)) == 0


def test_model_with_other_features():
    model = ObjectnessModel(("size",), np.zeros(1), np.ones(1), np.ones(1), 0.0)
    with pytest.raises(ValueError, match=r"features \['size'\]"):
        objectness(model, instances([WHOLE]))


def test_model_is_read_as_written(tmp_path):
    model = fit(*examples())
    write_objectness_model(tmp_path / "model.json", model)
    read = read_objectness_model(tmp_path / "model.json")
    assert read.features == model.features and read.constant == pytest.approx(model.constant)
    for name in ("means", "scales", "weights"):
        assert np.allclose(getattr(read, name), getattr(model, name), rtol=1e-6)
    text = (tmp_path / "model.json").read_text()
    (tmp_path / "model.json").write_text(text.replace('"fill"', '"full"'))
    with pytest.raises(FormatError, match="other bytes than were written"):
        read_objectness_model(tmp_path / "model.json")


def test_auto_keeps_as_many_instances_as_objects_are_expected(capsys):
    """Instance 1 has no keyword, so it does not count."""
    scores = Scores(np.array([0, 1, 1, 3]), np.array([1, 1, 2]), np.zeros(3, np.float32))
    assert choose_retention("auto", np.array([0.9, 0.1, 0.6]), scores) == 0.75
    assert "r: auto gives 0.75" in capsys.readouterr().out
    assert choose_retention("auto", np.array([0.1, 1, 0.2]), scores) == 0.5
    assert choose_retention(0.3, np.array([0.9, 0.1, 0.6]), scores) == 0.3
    nothing = Scores(np.zeros(1, int), np.zeros(0, int), np.zeros(0, np.float32))
    assert choose_retention("auto", np.zeros(0), nothing) == 1.0


def test_the_rules_fit_and_compute_what_they_say(tmp_path, monkeypatch):
    """Photos show one object on the left. The detector finds it, and something on the right with a lower score."""
    for folder in ("JPEGImages", "SegmentationObject", "ImageSets"):
        (tmp_path / folder).mkdir()
    names = [f"p{number:02d}" for number in range(20)]
    labels = np.zeros((10, 20), np.uint8)
    labels[:, :10] = 1
    for name in names:
        Image.fromarray(np.zeros((10, 20, 3), np.uint8)).save(tmp_path / "JPEGImages" / f"{name}.jpg")
        Image.fromarray(labels).save(tmp_path / "SegmentationObject" / f"{name}.png")
    (tmp_path / "ImageSets" / "val.txt").write_text("\n".join(names))
    left, right = mask(slice(None), slice(0, 10)), mask(slice(2, 9), slice(12, 18))
    found = np.array([[0, 0, 10, 10], [12, 2, 18, 9]]), np.array([0.9, 0.5], np.float32), [left, right]
    monkeypatch.setattr(fit_objectness, "load_s4net", lambda *_: None)
    monkeypatch.setattr(fit_objectness, "detect", lambda *_, **settings: found)
    paths = [tmp_path / name for name in ("model.json", "metrics.csv", "calibration.csv")]
    fit_objectness.main("weights", tmp_path, "val", {"tiles": False}, 1, *paths)
    metrics = read_metrics(paths[1]).set_index("metric")
    assert metrics["value"][["auc_score", "auc_objectness", "objects"]].tolist() == [1, 1, 0.5]
    assert set(metrics["n"]) == {40}
    assert read_calibration(paths[2])["n"].tolist() == [8] * 10
    with new_salient_instances(tmp_path / "shard.h5") as writer:
        writer.append("a", *found)
    compute_objectness.main(tmp_path / "shard.h5", paths[0], tmp_path / "objectness.csv")
    values = read_objectness([tmp_path / "objectness.csv"], read_salient_instances(tmp_path / "shard.h5"))
    assert values[0] > 0.8 and values[1] < 0.2
    plot_calibration_of.main(paths[2], tmp_path / "figure.png")
    assert Image.open(tmp_path / "figure.png").size[0] > 300

"""A trained network as one file, and the photos of any folder segmented by it."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import export_masks
import predict_photos
import write_model
from aisi import predict
from aisi.dataset.index import coloured_categories
from aisi.formats.coco import read_instances, write_coco_results
from aisi.formats.dataset import read_images, read_rejected_images, write_categories
from aisi.formats.masks import read_labels
from aisi.masks import decode
from aisi.photos import read_photo
from aisi.segmenters.deeplab import DeepLab, save_deeplab
from aisi.segmenters.mask_rcnn import InstanceSegmenter, save_segmenter
from workflow_text import SCRIPTS

CATEGORIES = coloured_categories(["cat", "dog"], [7, 9])
BACKBONE = "tf_efficientnet_lite0"
DEEPLAB = {"backbone": BACKBONE, "output_stride": 16, "head": "sum", "rates": [1], "width": 8, "skip_width": 0}
MASK_RCNN = {
    **{"backbone": BACKBONE, "image_size": 64, "largest_size": 96, "pyramid_channels": 8, "proposals": 20},
    **{"anchor_sizes": [8, 16, 32, 64, 128], "samples": 8, "box_channels": 8, "mask_channels": 8},
}
PREDICTION = {
    "deeplab": {"scales": [1.0, 0.5], "flip": True},
    "mask_rcnn": {"score_threshold": 0.0, "nms_iou": 0.5, "max_instances": 5},
}


@pytest.fixture(scope="module", params=["deeplab", "mask_rcnn"])
def model_path(request, tmp_path_factory):
    """A model.safetensors with random weights, from the script of the rule."""
    kind, folder = request.param, tmp_path_factory.mktemp(request.param)
    torch.manual_seed(1)
    settings = DEEPLAB if kind == "deeplab" else MASK_RCNN
    architecture = {"n_categories": len(CATEGORIES)} | settings
    if kind == "deeplab":
        save_deeplab(folder / "weights.safetensors", DeepLab(**architecture), architecture)
    else:
        save_segmenter(folder / "weights.safetensors", InstanceSegmenter(**architecture), architecture)
    write_categories(folder / "categories.csv", CATEGORIES)
    instance = {"image_id": "a", "category_id": 9, "score": 1.0, "segmentation": {"size": [1, 1], "counts": "01"}}
    write_coco_results(folder / "proxies.json", [instance])
    write_model.main(
        weights_path=folder / "weights.safetensors",
        categories_path=folder / "categories.csv",
        instances_path=folder / "proxies.json",
        kind=kind,
        dataset="pets",
        network={"network": settings | {"weights": "imagenet"}, "prediction": PREDICTION[kind]},
        seed=3,
        model_path=folder / "model.safetensors",
        card_path=folder / "model_card.md",
    )
    return folder / "model.safetensors"


@pytest.fixture
def photos(tmp_path):
    """Photos in sub-folders, one of them turned by EXIF, and a file that is none."""
    folder = tmp_path / "new photos"
    (folder / "Möwe 1").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 255, (40, 56, 3), np.uint8)
    Image.fromarray(noise).save(folder / "b.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise).save(folder / "Möwe 1" / "turned.jpg", exif=exif)
    (folder / "broken.jpg").write_bytes(b"no photo")
    return folder


def run(model_path, photos, output):
    output.mkdir(exist_ok=True)
    predict_photos.main(model_path=model_path, root=photos, threads=1, instances_path=output / "instances.json")
    return output


def test_a_model_knows_its_categories_and_settings(model_path):
    model = predict.load_model(model_path)
    assert model.categories == CATEGORIES
    assert model.prediction == PREDICTION[model.kind]
    card = (model_path.parent / "model_card.md").read_text()
    assert "# Model of pets" in card and "| 1 | cat | 0 |" in card and "| 2 | dog | 1 |" in card
    assert BACKBONE in card and "imagenet" in card and "Seed: 3" in card


def test_photos_of_a_folder_are_segmented_and_a_bad_one_is_listed(model_path, photos, tmp_path, capsys):
    output = run(model_path, photos, tmp_path / "out")
    images = read_images(output / "images.csv")
    assert images["image_id"].tolist() == ["Möwe 1/turned", "b"]
    assert images[["height", "width"]].values.tolist() == [[56, 40], [40, 56]]
    rejected = read_rejected_images(output / "rejected_images.csv")
    assert rejected["path"].tolist() == [str(photos / "broken.jpg")]
    assert "found an unknown format" in rejected["reason"][0]
    assert "2 photos segmented (0 of them before), 1 rejected." in capsys.readouterr().out
    model, instances = predict.load_model(model_path), read_instances(output / "instances.json", CATEGORIES)
    assert instances
    for row in images.itertuples():
        labels, (found, scores, masks) = model.segment(read_photo(row.path))
        assert (read_labels(output / "masks" / f"{row.image_id}.png") == labels).all()
        assert labels.shape == (row.height, row.width)
        with Image.open(output / "overlays" / f"{row.image_id}.jpg") as drawn:
            assert drawn.size == (row.width, row.height)
        read = instances.get(row.image_id, ([], [], []))
        assert read[0] == found and read[1] == pytest.approx(scores, abs=1e-6)
        assert all((decode(one) == decode(other)).all() for one, other in zip(read[2], masks, strict=True))
        union = np.any([decode(mask) for mask in masks], axis=0) if masks else np.zeros(labels.shape, bool)
        assert ((labels > 0) == union).all()


def test_only_what_changed_is_segmented_again(model_path, photos, tmp_path, monkeypatch):
    output = run(model_path, photos, tmp_path / "out")
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    seen, segment = [], predict.Model.segment
    monkeypatch.setattr(predict.Model, "segment", lambda self, photo: seen.append(1) or segment(self, photo))
    run(model_path, photos, output)
    assert seen == [] and {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before
    Image.new("RGB", (9, 8)).save(photos / "c.png")  # a new photo
    Image.new("RGB", (9, 8)).save(photos / "b.png")  # another photo of the same name
    (output / "masks" / "Möwe 1" / "turned.png").unlink()  # an interrupted run
    run(model_path, photos, output)
    assert len(seen) == 3
    assert read_labels(output / "masks" / "b.png").shape == (8, 9)
    run(model_path, photos, output)
    assert len(seen) == 3


def test_what_a_model_sees_does_not_depend_on_the_photos_before(model_path):
    rng = np.random.default_rng(0)
    wide, other = (
        np.array(Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8)).resize(size))
        for size in ((200, 33), (90, 70))
    )
    model = predict.load_model(model_path)
    first, _ = model.segment(wide), model.segment(other)
    assert str(predict.load_model(model_path).segment(other)) == str(model.segment(other))
    other_model = predict.load_model(model_path)
    other_model.segment(other)
    assert str(other_model.segment(wide)) == str(first)


def test_another_model_segments_all_photos_again(model_path, photos, tmp_path, monkeypatch):
    output = run(model_path, photos, tmp_path / "out")
    record = json.loads((output / "instances" / "b.json").read_text())
    record["made_from"]["model"] = "another"
    (output / "instances" / "b.json").write_text(json.dumps(record))
    seen, segment = [], predict.Model.segment
    monkeypatch.setattr(predict.Model, "segment", lambda self, photo: seen.append(1) or segment(self, photo))
    run(model_path, photos, output)
    assert len(seen) == 1


def test_photos_that_differ_only_in_suffix_are_listed(model_path, photos, tmp_path):
    Image.new("RGB", (9, 8)).save(photos / "b.webp")
    output = run(model_path, photos, tmp_path / "out")
    reasons = read_rejected_images(output / "rejected_images.csv")["reason"]
    assert any("has the same image_id 'b'" in reason for reason in reasons)


def test_predictions_can_be_exported(model_path, photos, tmp_path):
    output = run(model_path, photos, tmp_path / "out")
    export_masks.main(
        images_paths=[output / "images.csv"],
        categories_path=output / "categories.csv",
        instances_path=output / "instances.json",
        file_format="coco_rle",
        keep_empty=True,
        options={},
        export_folder=tmp_path / "export",
    )
    coco = json.loads((tmp_path / "export" / "instances.json").read_text(encoding="utf-8"))
    assert [image["file_name"] for image in coco["images"]] == ["Möwe 1/turned.jpg", "b.png"]
    assert len(coco["annotations"]) == len(json.loads((output / "instances.json").read_text(encoding="utf-8")))


def test_the_command_line_writes_the_same(model_path, photos, tmp_path):
    output = run(model_path, photos, tmp_path / "out")
    command = [sys.executable, "-m", "aisi.predict", model_path, photos, "--output", tmp_path / "other"]
    process = subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "other" / "instances.json").read_bytes() == (output / "instances.json").read_bytes()


def test_weights_without_categories_are_refused(model_path, tmp_path):
    command = [sys.executable, "-m", "aisi.predict", model_path.with_name("weights.safetensors"), "x.jpg"]
    process = subprocess.run([*command, "--output", tmp_path], cwd=SCRIPTS, capture_output=True, text=True)
    assert process.returncode == 1
    assert "found no categories in the file" in process.stderr and "Traceback" not in process.stderr
    with pytest.raises(FileNotFoundError, match="Model nothing does not exist"):
        predict.load_model("nothing")

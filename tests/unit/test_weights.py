"""Files of trained networks: a file with anything else is refused, and the message says what to do."""

import pickle

import pytest
import torch
from torch import nn

from aisi import features
from aisi.attention import network as attention
from aisi.salient_instances import s4net
from aisi.segmenters import deeplab
from aisi.training.weights import load_network, save_weights
from test_training import Code

CPU = torch.device("cpu")
LOADERS = {
    "attention": lambda path: attention.load_attention(path, CPU, 3),
    "deeplab": lambda path: deeplab.load_deeplab(path, CPU, 3),
    "feature_extractor": lambda path: features.load_extractor(path, CPU),
    "s4net": lambda path: s4net.load_s4net(path, CPU),
}


@pytest.mark.parametrize("network", LOADERS)
def test_a_file_of_another_kind_is_refused(tmp_path, network):
    file, load = tmp_path / "w.safetensors", LOADERS[network]
    with pytest.raises(FileNotFoundError, match=r"w\.safetensors does not exist"):
        load(file)
    save_weights(file, {"weight": torch.zeros(100)}, {"network": "another"})
    whole = file.read_bytes()
    with pytest.raises(ValueError, match=rf"w\.safetensors: found .*another, expected .*{network}"):
        load(file)
    for content in (whole[:-10], whole[:20], b"", pickle.dumps(Code(tmp_path / "made"))):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"w\.safetensors: not a whole safetensors file"):
            load(file)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("network", ["attention", "deeplab"])
def test_other_numbers_of_categories_are_refused(tmp_path, network):
    save_weights(tmp_path / "w", {}, {"network": network, "n_categories": 5})
    with pytest.raises(ValueError, match="w: trained for 5 categories, but categories.csv holds 3. Delete"):
        LOADERS[network](tmp_path / "w")


@pytest.mark.parametrize(
    "state", [nn.Linear(1, 3).state_dict(), nn.Conv2d(2, 3, 1).state_dict(), {}], ids=["size", "shape", "nothing"]
)
def test_tensors_of_another_architecture_are_refused(tmp_path, state):
    save_weights(tmp_path / "w", state, {"network": "line", "in_features": 2, "out_features": 3})
    with pytest.raises(ValueError, match="w: does not fit Linear .*rule train_line makes it again"):
        load_network(tmp_path / "w", "line", nn.Linear, CPU)


def test_unknown_settings_of_an_architecture_are_refused(tmp_path):
    save_weights(tmp_path / "w", {}, {"network": "line", "width": 2})
    with pytest.raises(ValueError, match="w: .*width.*rule train_line makes it again"):
        load_network(tmp_path / "w", "line", nn.Linear, CPU)


def test_weights_have_the_permissions_of_other_files(tmp_path):
    save_weights(tmp_path / "w.safetensors", {"weight": torch.ones(1)}, {"network": "s4net"})
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "w.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode

"""The part of the fuzzer that needs torch: weights and checkpoints of tiny networks."""

import torch
from torch import nn

from aisi.formats.seal import sealed
from aisi.training.engine import fit
from aisi.training.weights import load_network, save_weights

torch.set_num_threads(1)
RECIPE = {"epochs": 1, "batch_size": 2, "optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0}
NOTE = {"network": "line", "in_features": 2, "out_features": 3}


class Ones:
    """Samples for a training of two weights."""

    def __len__(self):
        return 2

    def sample(self, index, rng):
        return torch.ones(1)


def line(inputs, outputs):
    """A network whose weights are always the same."""
    torch.manual_seed(0)
    return nn.Linear(inputs, outputs)


def train(path):
    """Train, or continue from a checkpoint; gives the final weights."""
    model, settings = line(1, 1), {"seed": 0, "log_path": path.with_name("log.csv"), "identity": ""}
    settings["checkpoint_path"] = path
    fit(model, lambda net, batch: net(batch).square().mean(), Ones(), RECIPE | {"schedule": "cosine"}, **settings)
    return model.state_dict()


def save_line(path):
    """Write the weights of a small network."""
    save_weights(path, line(2, 3).state_dict(), NOTE)


def load_line(path):
    """Read them."""
    return load_network(path, "line", nn.Linear, torch.device("cpu")).state_dict()


def change_checkpoint(path, rng):
    """Remove a part of a checkpoint, or put something else in its place."""
    state = torch.load(path, weights_only=True)
    name = sorted(set(state) - {"identity", "params", "losses", "rows"})[rng.integers(len(state) - 4)]
    if rng.random() < 0.3:
        del state[name]
    else:
        state[name] = [None, 3, "text", [], {}, torch.ones(2)][rng.integers(6)]
    with sealed(path) as temporary, open(temporary, "wb") as file:
        torch.save(state, file)


def change_weights(path, rng):
    """Remove, add or change a tensor, or what the file says about the network."""
    state, note = line(2, 3).state_dict(), dict(NOTE)
    name = ["weight", "bias"][rng.integers(2)]
    match rng.integers(4):
        case 0:
            del state[name]
        case 1:
            state["another"] = torch.ones(2)
        case 2:
            state[name] = torch.ones(7)
        case _:
            note[["network", "in_features", "out_features"][rng.integers(3)]] = [None, "x", 9, [], {}][rng.integers(5)]
    save_weights(path, state, note)

"""TensorBoard events of a training: each step and epoch, and no other weights or logs."""

import numpy as np
import pytest
import torch

from tensorboard_events import read_events
from test_training import RECIPE, column, loss, rows, train


def test_tensorboard_has_every_step_and_changes_nothing(tmp_path):
    """The same weights and log as without; a figure for each step and epoch, and a panel for each epoch."""
    recipe = RECIPE | {"held_out": 0.2}
    (tmp_path / "plain").mkdir()
    plain = train(tmp_path / "plain", recipe, times_path=tmp_path / "plain/times.csv")
    modes = []

    def panel(model):
        modes.append(model.training)
        return np.zeros((4, 6, 3), np.uint8)

    watched = train(tmp_path, recipe, times_path=tmp_path / "times.csv", tensorboard=True, panel=panel)
    assert torch.equal(plain, watched)
    assert (tmp_path / "log.csv").read_bytes() == (tmp_path / "plain/log.csv").read_bytes()
    assert sorted(path.name for path in (tmp_path / "plain").iterdir() if path.is_dir()) == [], "Off by default."
    scalars, pictures = read_events(tmp_path / "times.tensorboard")
    assert [step for step, _ in scalars["loss_of_step"]] == list(range(1, 9)), "4 epochs of 2 steps"
    assert [step for step, _ in scalars["learning_rate"]] == list(range(1, 9))
    log = tmp_path / "log.csv"
    for name, column_name in (("loss_of_epoch", "loss"), ("held_out", "held_out")):
        assert [step for step, _ in scalars[name]] == [2, 4, 6, 8]
        assert [value for _, value in scalars[name]] == pytest.approx(column(log, column_name), rel=1e-6)
    losses = [value for _, value in scalars["loss_of_step"]]
    assert np.mean(np.reshape(losses, (4, 2)), axis=1) == pytest.approx(column(log, "loss"), rel=1e-5)
    assert pictures == {"photo_proxy_mask_prediction": [(step, (6, 4)) for step in (2, 4, 6, 8)]}
    assert modes == [False] * 4, "Pictures are predicted, not trained on."


def test_tensorboard_goes_on_where_a_training_was_stopped(tmp_path):
    def failing(model, batch):
        if len(rows(tmp_path / "log.csv")) == 2:
            raise KeyboardInterrupt
        return loss(model, batch)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, loss=failing, times_path=tmp_path / "times.csv", tensorboard=True)
    train(tmp_path, times_path=tmp_path / "times.csv", tensorboard=True)
    scalars, _ = read_events(tmp_path / "times.tensorboard")
    assert sorted({step for step, _ in scalars["loss_of_step"]}) == list(range(1, 13))
    assert "held_out" not in scalars

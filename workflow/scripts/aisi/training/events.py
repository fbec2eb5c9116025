"""TensorBoard events of a training: loss and learning rate of each step, figures and pictures of each epoch."""

from pathlib import Path
from types import TracebackType

import numpy as np

from aisi.training.processes import rank


class Events:
    """Writes events into a folder: ``with Events(folder, step) as events``.

    Parameters
    ----------
    folder : str or Path or None
        None: nothing is written. Under several processes the first one writes.
    step : int
        Step from which the training continues. Events of later steps, from before a stop, are not shown.
    """

    def __init__(self, folder: str | Path | None, step: int) -> None:
        self.writer = None
        if folder is not None and rank() == 0:
            from tensorboardX import SummaryWriter  # takes a while to import, and is only needed here

            # names of files hold the time in seconds, which two quick trainings share
            self.writer = SummaryWriter(str(folder), purge_step=step, flush_secs=10, filename_suffix=f".{step}")

    def __enter__(self) -> "Events":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.writer:
            self.writer.close()

    def figures(self, step: int, **values: float | None) -> None:
        """Write figures of a step by name; None is left out."""
        for name, value in values.items():
            if self.writer and value is not None:
                self.writer.add_scalar(name, value, step)

    def picture(self, step: int, name: str, picture: np.ndarray) -> None:
        """Write a picture, (H, W, 3) uint8."""
        if self.writer:
            self.writer.add_image(name, picture, step, dataformats="HWC")

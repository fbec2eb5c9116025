"""Output of a job: its progress with the time left, and one log file per job."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tqdm import tqdm

progress = partial(tqdm, ascii=True, mininterval=5.0, dynamic_ncols=False, ncols=100)
"""``tqdm`` with settings for a log: one line every five seconds with count, rate and time left."""


class _Tee:
    def __init__(self, terminal, log):
        self.terminal, self.log = terminal, log

    def write(self, text):
        self.terminal.write(text)
        self.log.write(text.replace("\r", "\n"))  # one line for each state of a progress bar
        return len(text)

    def flush(self):
        self.terminal.flush()
        self.log.flush()

    def isatty(self):
        return False


@contextmanager
def log_to(path: str | Path) -> Iterator[None]:
    """Copy a job's output, and the traceback of an error, to its log file besides the terminal.

    Parameters
    ----------
    path : str or Path
        The job's log file. Its folder is made if it is missing.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    streams = sys.stdout, sys.stderr
    with open(path, "w", buffering=1, encoding="utf-8") as log:
        sys.stdout, sys.stderr = (_Tee(stream, log) for stream in streams)
        try:
            yield
        except BaseException:
            traceback.print_exc(file=log)
            raise
        finally:
            sys.stdout, sys.stderr = streams

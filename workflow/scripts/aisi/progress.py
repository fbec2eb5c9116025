"""What a job tells: progress with the time left, and one log per job."""

import sys
import traceback
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tqdm import tqdm

progress = partial(tqdm, ascii=True, mininterval=5.0, dynamic_ncols=False, ncols=100)
"""``tqdm`` at a pace that suits a log: a line each five seconds with count, rate and time left."""


class _Tee:
    def __init__(self, terminal, log):
        self.terminal, self.log = terminal, log

    def write(self, text):
        self.terminal.write(text)
        self.log.write(text.replace("\r", "\n"))  # a progress bar's states as lines
        return len(text)

    def flush(self):
        self.terminal.flush()
        self.log.flush()

    def isatty(self):
        return False


@contextmanager
def log_to(path):
    """Copy what a job prints, and the traceback of an error, to its log as well as to the terminal.

    Parameters
    ----------
    path : str or Path
        The job's log file; its folder is made if it is missing.
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

"""What a job prints: progress with the time left, one log for each job, and its error in a few lines."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tqdm import tqdm

progress = partial(tqdm, ascii=True, mininterval=5.0, dynamic_ncols=False, ncols=100)
"""``tqdm`` with settings for a log: one line every five seconds with count, rate and time left."""


MOST_LINES = 10
"""Lines of an error that are printed at the end of a run; the job's log holds all of them."""
INTERRUPTED = 130
"""Exit status of a job that Ctrl-C ended."""
ERROR_BELOW = "----- error -----"
"""Line of a log. The message of the job's error is below it."""


class _Tee:
    def __init__(self, terminal, log):
        self.terminal, self.log = terminal, log

    def write(self, text):
        self.terminal.write(text)
        with suppress(OSError):  # a log for which no space is left does not stop the job
            self.log.write(text.replace("\r", "\n"))  # one line for each state of a progress bar
        return len(text)

    def flush(self):
        self.terminal.flush()
        with suppress(OSError):
            self.log.flush()

    def isatty(self):
        return False


@contextmanager
def _closed_quietly(log):
    try:
        yield log
    finally:
        with suppress(OSError):
            log.close()


@contextmanager
def log_to(path: str | Path) -> Iterator[None]:
    """Copy what a job prints to its log. An error or Ctrl-C ends the job; the traceback is in the log alone.

    Parameters
    ----------
    path : str or Path
        The job's log file; its folder is made if it is missing.

    Raises
    ------
    SystemExit
        In place of an error or KeyboardInterrupt. At the end of a run its message is printed from the log:
        :func:`error_in`.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    streams = sys.stdout, sys.stderr
    with _closed_quietly(open(path, "w", buffering=1, encoding="utf-8")) as log:
        sys.stdout, sys.stderr = (_Tee(stream, log) for stream in streams)
        try:
            yield
        except Exception as error:
            try:
                traceback.print_exc(file=log)
                print(ERROR_BELOW, message_of(error), sep="\n", file=log)
            except OSError:  # for example, no space is left for the log either
                print(f"\nError: {message_of(error)}", file=streams[1])
            raise SystemExit(1) from None
        except KeyboardInterrupt:
            with suppress(OSError):
                traceback.print_exc(file=log)
            raise SystemExit(INTERRUPTED) from None
        finally:
            sys.stdout, sys.stderr = streams


def message_of(error: Exception) -> str:
    """Message of an error for users: its text and notes. An error that is no wrong value begins with its type."""
    kind = "" if isinstance(error, ValueError) and str(error) else f"{type(error).__name__}: "
    return "\n".join([f"{kind}{error}", *getattr(error, "__notes__", [])])


def error_in(path: str | Path) -> str | None:
    """Message of the error that ended a job, from its log. None if the job was killed before it could write one."""
    path = Path(path)
    if not path.is_file():
        return "The job ended before its first line, so it has no log. If it was killed, it may need more memory."
    text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    _, found, message = text.rpartition(f"{ERROR_BELOW}\n")
    return message.strip() if found else None


def shortened(message: str, rest: str = "") -> str:
    """The first ``MOST_LINES`` lines of a message, the number of the others, and ``rest``: where they are."""
    lines = message.splitlines()
    more = len(lines) - MOST_LINES
    return message if more <= 0 else "\n".join([*lines[:MOST_LINES], f"and {more} more like this{rest}"])

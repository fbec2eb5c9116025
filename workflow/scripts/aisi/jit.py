"""Compiled loops: numba with a cache on disk, also where the code itself lies in a read-only folder."""

import os
import tempfile
from pathlib import Path

if "NUMBA_CACHE_DIR" not in os.environ and not os.access(Path(__file__).parent, os.W_OK):
    # A read-only installation has no place for __pycache__, and without one numba does not cache.
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "aisi"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        usable = os.access(folder, os.W_OK)
    except OSError:
        usable = False
    os.environ["NUMBA_CACHE_DIR"] = str(folder) if usable else tempfile.mkdtemp(prefix="aisi-numba-")

from numba import njit as _njit  # noqa: E402

njit = _njit(cache=True)
"""Compile a function in nopython mode; the result is cached across processes."""

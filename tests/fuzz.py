"""Damage every format in every way that we know, and see whether its reader notices: the fuzzer of the artefacts.

    python tests/fuzz.py 0 100000 --output runs/fuzz.csv    # the cases of seeds 0 to 99999; continues where it stopped
    python tests/fuzz.py --table runs/fuzz.csv              # the table of docs/faults.md

A case is a seed. It chooses a format and a kind of damage. The reader of the format then reads the damaged file, in a
process that is forked for it, with a time limit. With ``--group 20``, twenty cases share a process, since a fork takes
longer than a case; if there is a fault among them, each is run again in a process of its own.

Allowed are an error that names the file and says what to do, and content equal to the original. All else is a fault:
other content without an error (silent), an error without file or advice (unnamed), a process that ends by a signal
(crash) or does not end (hang).
"""

import argparse
import csv
import dataclasses
import gc
import hashlib
import io
import json
import os
import re
import select
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from PIL import Image

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1] / "workflow" / "scripts"), str(Path(__file__).parent / "unit")]

from aisi.formats.seal import reseal  # noqa: E402
from test_formats import FORMATS, SUFFIX  # noqa: E402

OUTCOMES = ("equal", "named", "silent", "unnamed", "hang", "crash")
ALLOWED = {"equal", "named"}
TIME_LIMIT = 20.0
"""Seconds of a case. A reader needs some milliseconds, on a busy machine some hundred."""


def train(path):
    """Train, or continue from a checkpoint; gives the final weights."""
    from fuzz_networks import train

    return train(path)


def save_line(path):
    """Write the weights of a small network."""
    from fuzz_networks import save_line

    save_line(path)


def load_line(path):
    """Read them."""
    from fuzz_networks import load_line

    return load_line(path)


EXAMPLES = {kind: (write, read, SUFFIX[kind]) for kind, (write, read, _) in FORMATS.items()}
EXAMPLES["weights"] = save_line, load_line, ".safetensors"
EXAMPLES["checkpoint"] = train, train, ".pt"
NETWORKS = {"weights", "checkpoint"}
"""Formats that need torch. Their cases come last, since a process with torch takes ten times as long to fork."""

# ------------------------------------------------------------------ damage: each takes the path and a generator


def flip(path, rng):
    """Other bytes at one to eight places."""
    content = bytearray(path.read_bytes())
    for place in rng.integers(len(content), size=rng.integers(1, 9)):
        content[place] ^= rng.integers(1, 256)
    path.write_bytes(content)


def zero(path, rng):
    """A run of zeros."""
    content = bytearray(path.read_bytes())
    start = int(rng.integers(len(content)))
    stop = min(len(content), start + int(rng.integers(1, 600)))
    content[start:stop] = bytes(stop - start)
    path.write_bytes(content)


def cut(path, rng):
    """The end is missing."""
    content = path.read_bytes()
    path.write_bytes(content[: rng.integers(len(content))])


def cut_line(path, rng):
    """Whole lines at the end are missing; of a file without lines, whole blocks."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: rng.integers(len(lines))]))


def repeat(path, rng):
    """A part is there twice."""
    content = path.read_bytes()
    start, stop = sorted(rng.integers(len(content) + 1, size=2))
    path.write_bytes(content[:stop] + content[start:])


def swap(path, rng):
    """Two parts of the same length change places; of a table, two lines."""
    content = path.read_bytes()
    if path.suffix == ".csv" and (lines := content.splitlines(keepends=True))[2:]:
        i, j = rng.choice(len(lines), 2, replace=False)
        lines[i], lines[j] = lines[j], lines[i]
        path.write_bytes(b"".join(lines))
        return
    n = int(rng.integers(1, max(2, len(content) // 3)))
    i, j = sorted(rng.integers(len(content) - n + 1, size=2))
    if j >= i + n:
        content = content[:i] + content[j : j + n] + content[i + n : j] + content[i : i + n] + content[j + n :]
    path.write_bytes(content)


def digit(path, rng):
    """Another digit in a text; of other files, another byte."""
    content = bytearray(path.read_bytes())
    places = [place for place, byte in enumerate(content) if 48 <= byte <= 57] or [0]
    content[rng.choice(places)] = rng.integers(48, 58)
    path.write_bytes(content)


def seal_lost(path, rng):
    """The seal is missing, or is that of another file."""
    beside = Path(f"{path}.sha256")
    if beside.is_file():
        beside.unlink() if rng.random() < 0.5 else flip(beside, rng)
    else:
        content = path.read_bytes()
        path.write_bytes(content.replace(b"aisi-sha256:", b"aisi-sha512:", 1))


BAD = {
    "i": [-1, 2**62, -(2**63)],
    "u": [0, 2**64 - 1],
    "f": [np.nan, np.inf, -np.inf, -1.0, 7.0, 1e4],
    "b": [True],
}
"""Numbers that are out of range, by kind of dtype. 7 and 1e4 also fit into float16."""
FREE = {"objective", "bound", "margins", "pinned", "value", "held_out", "loss", "learning_rate", "feature", "rows"}
"""Columns in which each finite number is right, or which have no wrong one."""


def key(path, rng):
    """A key or column is removed, added or of another type, or a value is out of range; then the file is sealed."""
    {".h5": _hdf5, ".npz": _npz, ".json": _json, ".csv": _csv, ".png": _png}.get(path.suffix, _tensors)(path, rng)
    if path.suffix != ".png":
        reseal(path)


def _how(rng, names):
    return rng.choice(["removed", "added", "retyped", "range"]), names[rng.integers(len(names))]


def _out_of_range(values, name, rng):
    values = np.array(values)
    kind = values.dtype.kind
    bad = [np.nan] if name in ("objective", "feature") else BAD.get(kind, [])
    if values.size and bad and (name not in FREE or name in ("objective", "feature")):
        with np.errstate(all="ignore"):
            place, value = rng.integers(values.size), bad[rng.integers(len(bad))]
            limits = np.iinfo(values.dtype) if kind in "iu" else None
            values.flat[place] = min(max(value, limits.min), limits.max) if limits else value
    return values


def _other_type(values, rng):
    values = np.asarray(values)
    if values.dtype.kind not in "iufb":
        return np.zeros(values.shape, np.int8)
    return rng.choice([values.astype(np.complex64).view(object), values.astype("f8")[..., None], values.astype("i1")])


def _hdf5(path, rng):
    with h5py.File(path, "a") as file:
        how, name = _how(rng, sorted(file))
        if how == "added":
            file["another"] = np.zeros(3)
            return
        values = file[name][:]
        text = h5py.check_string_dtype(file[name].dtype) or h5py.check_vlen_dtype(file[name].dtype)
        if how == "range" and text:
            file[name].resize(max(0, len(values) - 1), axis=0)
        elif how == "range":
            file[name][...] = _out_of_range(values, name, rng)
        else:
            del file[name]
            if how == "retyped":
                shape = () if rng.random() < 0.3 else (len(values), 1) if rng.random() < 0.5 else (len(values),)
                file[name] = np.zeros(shape, rng.choice(["c8", "f8", "i1", "S3"]))


def _npz(path, rng):
    arrays = dict(np.load(path))
    how, name = _how(rng, sorted(arrays))
    if how == "added":
        arrays["another"] = np.zeros(3)
    elif how == "range":
        arrays[name] = _out_of_range(arrays[name], name, rng)
    else:
        values = arrays.pop(name)
        if how == "retyped":
            arrays[name] = np.zeros((*values.shape, 1)[int(rng.integers(2)) :], rng.choice(["c8", "f2", "i1", "S3"]))
    np.savez(path, **arrays)


def _json(path, rng):
    content = json.loads(path.read_text())
    places = list(_places(content))
    parent, at = places[rng.integers(len(places))]
    how = rng.choice(["removed", "retyped", "range"])
    if how == "removed" and isinstance(parent, dict):
        del parent[at]
    elif how == "retyped" and parent is not content:
        parent[at] = [None, [], {}, True][rng.integers(4)]
    elif at in ("score", "counts"):
        parent[at] = [-1, 2**70, float("nan"), 1e400, 7][rng.integers(5)]
    seal = content.get("info") if isinstance(content, dict) else None
    if isinstance(seal, dict) and "seal" in seal:
        seal["seal"] = "aisi-sha256:" + "0" * 64
    path.write_text(json.dumps(content))


def _places(content):
    """Every key of every object and every position of every list."""
    for at, value in content.items() if isinstance(content, dict) else enumerate(content):
        yield content, at
        if isinstance(value, dict | list):
            yield from _places(value)


def _csv(path, rng):
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    how, name = _how(rng, list(table.columns))
    if how == "removed":
        table = table.drop(columns=name)
    elif how == "added":
        table["another"] = "1"
    elif how == "retyped":
        table = table.rename(columns={name: name + " "})
    elif name in NUMBERS and len(table):
        table.loc[table.index[rng.integers(len(table))], name] = rng.choice(["-1", "x", "1e400", str(2**70), "--"])
    table.to_csv(path, index=False, lineterminator="\n")


NUMBERS = {"width", "height", "label", "instance_id", "x0", "y0", "score", "attention", "epoch", "n", "share", "draw"}
"""Columns of tables in which -1 and texts are wrong."""


def _png(path, rng):
    image = Image.open(path)
    image.load()
    how = rng.choice(["mode", "size", "other"])
    if how == "mode":
        image.convert(rng.choice(["RGB", "1", "RGBA", "LA"])).save(path)
    elif how == "size":
        content = bytearray(path.read_bytes())
        content[16 + int(rng.integers(8))] ^= int(rng.integers(1, 256))  # width and height in IHDR
        path.write_bytes(content)
    else:
        image.convert("RGB").save(path, "JPEG")


def _tensors(path, rng):
    """Weights and checkpoints: tensors removed, added, of another shape or type."""
    from fuzz_networks import change_checkpoint, change_weights

    (change_checkpoint if path.suffix == ".pt" else change_weights)(path, rng)


def rows(path, rng):
    """The file of another shard, with its seal: its rows belong to other instances."""
    with h5py.File(path, "a") if path.suffix == ".h5" else io.BytesIO() as file:
        if path.suffix == ".h5":
            if "rows" in file:
                file["rows"][...] = file["rows"][:][::-1] if rng.random() < 0.5 else file["rows"][:] + 1
        elif path.suffix == ".npz":
            arrays = dict(np.load(path))
            if "order" in arrays and rng.random() < 0.5:
                arrays["order"] = arrays["order"][::-1]
            else:
                arrays["rows"] = arrays["rows"] + 1
            np.savez(path, **arrays)
    if path.suffix in (".h5", ".npz"):
        reseal(path)


DAMAGES = {one.__name__: one for one in (flip, zero, cut, cut_line, repeat, swap, digit, seal_lost, key, rows)}

# ------------------------------------------------------------------ a case


def fingerprint(content):
    """A text that is equal for equal content."""
    if dataclasses.is_dataclass(content) and not isinstance(content, type):
        return fingerprint({field.name: getattr(content, field.name) for field in dataclasses.fields(content)})
    if isinstance(content, pd.DataFrame):
        return content.to_csv()
    if hasattr(content, "numpy") and not isinstance(content, pd.Series):  # torch's
        content = content.numpy()
    if isinstance(content, np.ndarray):
        data = content.tolist() if content.dtype == object else hashlib.sha256(content.tobytes()).hexdigest()
        return f"{content.dtype} {content.shape} {data}"
    if isinstance(content, dict):
        return "{" + ", ".join(f"{key!r}: {fingerprint(value)}" for key, value in content.items()) + "}"
    if isinstance(content, list | tuple):
        return "[" + ", ".join(map(fingerprint, content)) + "]"
    return repr(content)


def choose(seed):
    """Format and damage of a case, and its generator."""
    rng = np.random.default_rng(seed)
    return sorted(EXAMPLES)[rng.integers(len(EXAMPLES))], sorted(DAMAGES)[rng.integers(len(DAMAGES))], rng


class Fuzzer:
    """The originals of some formats, and the cases made of them; ``folder`` is used for damaged files."""

    def __init__(self, folder, kinds):
        self.folder, self.originals = Path(folder), {}
        for kind in sorted(kinds):
            write, read, suffix = EXAMPLES[kind]
            home = self.folder / kind
            home.mkdir(parents=True)
            write(home / f"a{suffix}")
            content = fingerprint(read(home / f"a{suffix}"))
            self.originals[kind] = {path.name: path.read_bytes() for path in home.iterdir()}, content
        self.work = self.folder / "work"
        self.work.mkdir()
        gc.freeze()  # so that forked processes share memory

    def run(self, seeds):
        """Run cases in a process that is forked for them; gives (seed, format, damage, outcome, error) of each.

        If there is a fault among several cases, each of them is run again in a process of its own.
        """
        found = self._fork(seeds)
        if len(seeds) > 1 and any(result[3] not in ALLOWED for result in found):
            again = [result for seed in seeds for result in self._fork([seed])]
            return again if faults(again) else found
        return found

    def _fork(self, seeds):
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reader)
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 1), os.dup2(devnull, 2)
            with open(writer, "w", buffering=1) as told:
                for seed in seeds:
                    told.write(json.dumps(self._case(*choose(seed))) + "\n")
            os._exit(0)
        os.close(writer)
        found = []
        with open(reader, "rb", buffering=0) as told:
            text = b""
            while select.select([told], [], [], TIME_LIMIT)[0] and (part := told.read(65536)):
                text += part
            hang = not select.select([told], [], [], 0)[0]
        if hang:
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        for seed, line in zip(seeds, text.decode().splitlines(), strict=False):
            found.append((seed, *choose(seed)[:2], *json.loads(line)))
        for seed in seeds[len(found) : len(found) + 1]:
            found.append((seed, *choose(seed)[:2], "hang" if hang else "crash", ""))
        return found + [result for seed in seeds[len(found) :] for result in self._fork([seed])]

    def _case(self, kind, damage, rng):
        """Outcome of a case, and the error of an unnamed one."""
        files, expected = self.originals[kind]
        for path in self.work.iterdir():
            path.unlink()
        for name, content in files.items():
            (self.work / name).write_bytes(content)
        _, read, suffix = EXAMPLES[kind]
        path = self.work / f"a{suffix}"
        DAMAGES[damage](path, rng)
        try:
            found = fingerprint(read(path))
        except Exception as error:
            text = str(error)
            named = isinstance(error, ValueError | OSError) and path.name in text
            named = named and re.search(r"again|Delete|Name a model|convert or replace|trained for", text)
            return ("named", "") if named else ("unnamed", f"{type(error).__name__}: {text}")
        return ("equal" if found == expected else "silent"), ""


def run_range(first, last, output, group):
    """Run the cases of a range of seeds that are not yet in the table, and add them to it."""
    done = set()
    if output.is_file():
        with open(output, newline="") as file:
            done = {int(row[0]) for row in csv.reader(file) if len(row) == 5 and row[0].isdigit()}
    output.parent.mkdir(parents=True, exist_ok=True)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with open(output, "a", newline="", buffering=1) as file:
        table = csv.writer(file, lineterminator="\n")
        for kinds in (set(EXAMPLES) - NETWORKS, NETWORKS):
            with tempfile.TemporaryDirectory(dir=memory) as folder:
                fuzzer = Fuzzer(folder, kinds)
                seeds = [seed for seed in range(first, last) if seed not in done and choose(seed)[0] in kinds]
                for start in range(0, len(seeds), group):
                    table.writerows(fuzzer.run(seeds[start : start + group]))


def summary(path):
    """The table of docs/faults.md: how many cases of each damage had which outcome."""
    cases = pd.read_csv(path, names=["seed", "format", "damage", "outcome", "error"], keep_default_na=False)
    cases = cases.drop_duplicates("seed")
    counts = pd.crosstab(cases["damage"], cases["outcome"]).reindex(columns=OUTCOMES, fill_value=0)
    counts.insert(0, "cases", counts.sum(axis=1))
    counts.loc["all"] = counts.sum()
    lines = ["| damage | " + " | ".join(counts.columns) + " |", "|---" * (len(counts.columns) + 1) + "|"]
    words = {name: one.__doc__.split("\n")[0].rstrip(".") for name, one in DAMAGES.items()} | {"all": "all"}
    lines += [f"| {words[name]} | " + " | ".join(f"{n:,}" for n in row) + " |" for name, *row in counts.itertuples()]
    return "\n".join(lines)


def faults(results):
    """Those of (seed, format, damage, outcome, error) that are not allowed."""
    return [result for result in results if result[3] not in ALLOWED]


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", type=int, nargs="?")
    parser.add_argument("last", type=int, nargs="?")
    parser.add_argument("--output", type=Path, default=Path("runs/fuzz.csv"))
    parser.add_argument("--group", type=int, default=1, help="cases in one process")
    parser.add_argument("--table", type=Path)
    given = parser.parse_args()
    if given.table:
        print(summary(given.table))
        return
    run_range(given.first, given.last, given.output, given.group)
    with open(given.output, newline="") as file:
        wrong = [row for row in csv.reader(file) if row[3] not in ALLOWED]
    print(Counter(row[3] for row in wrong) or "no fault")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()

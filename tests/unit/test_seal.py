"""Seals: what is not as it was written is refused before it is parsed, by every reader of every file between stages."""

import ast
import contextlib
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import aisi
from aisi.formats import seal
from aisi.formats.files import FormatError
from aisi.formats.scores import read_scores
from aisi.formats.seal import SealError, check_seal, has_seal, read_sealed, reseal, sealed
from aisi.formats.tags import read_tags
from aisi.training.engine import fit
from aisi.training.weights import load_weights, read_note, save_weights
from test_formats import CATEGORIES, FORMATS, SUFFIX, TWO

LIBRARY = Path(aisi.__file__).parent


def write_weights(path):
    save_weights(path, {"weight": torch.ones(3)}, {"network": "line", "width": 2})


EXAMPLES = {kind: (write, SUFFIX[kind]) for kind, (write, *_) in FORMATS.items()}
EXAMPLES["weights"] = write_weights, ".safetensors"

USERS = {
    "aisi.formats.coco.read_coco": "a dataset's annotations",
    "aisi.formats.coco.read_coco_instances": "instances of another tool",
    "aisi.formats.coco.read_coco_labels": "a dataset's annotations",
    "aisi.formats.masks.read_instance_map": "a dataset's masks; their chunks are checked as those of labels",
    "aisi.training.weights.read_tensors": "a user's .pth; a checkpoint's seal is checked by the training",
}
"""Readers of files that carry no seal, since users bring them: they are checked by content."""

BASICS = {
    "aisi.formats.seal.read_sealed": "the check itself",
    "aisi.formats.tables.read_table": "called by the readers of CSV",
    "aisi.formats.npz.read_npz": "called by the readers of npz",
    "aisi.formats.hdf5.open_hdf5": "called by the readers of HDF5",
    "aisi.formats.hdf5.read_hdf5": "calls open_hdf5",
    "aisi.training.weights.load_network": "calls load_weights",
}
OTHER_NAMES = {"read_salient_instances": "instances", "read_coco_results": "coco_results", "read_instances": "coco"}
"""Kinds of examples that are not named as their reader."""
ARGUMENTS = {
    "read_instances": {"categories": CATEGORIES},
    "load_weights": {"network": "line"},
    "read_objectness": {"instances": TWO},
    **dict.fromkeys(("read_scores", "read_features", "read_graph", "read_partition"), {"rows": None}),
}


def readers():
    """Every public function of the formats and of the weights whose name says that it reads: {name: function}."""
    found = {}
    for path in [*sorted((LIBRARY / "formats").glob("*.py")), LIBRARY / "training" / "weights.py"]:
        name = f"aisi.{path.parent.name}.{path.stem}"
        functions = vars(importlib.import_module(name)).values()
        own = [one for one in functions if inspect.isfunction(one) and one.__module__ == name]
        found |= {f"{name}.{one.__name__}": one for one in own if re.match("read_|open_|load_", one.__name__)}
    return found


def kind_of(name):
    if name.startswith("aisi.training.weights."):
        return "weights"
    short = name.rpartition(".")[2]
    return OTHER_NAMES.get(short) or re.sub("^(read|open)_", "", short)


SEALED = [name for name in readers() if name not in USERS | BASICS]


def test_every_reader_is_known():
    """A new reader needs an example in FORMATS of test_formats.py, or a reason why its files carry no seal."""
    assert len(readers()) > 20
    assert set(USERS | BASICS) <= set(readers())
    assert {kind_of(name) for name in SEALED} == set(EXAMPLES)


def read(name, path):
    paths = [path] if name.endswith(".read_objectness") else path
    found = readers()[name](paths, **ARGUMENTS.get(name.rpartition(".")[2], {}))
    if isinstance(found, contextlib.AbstractContextManager):
        with found:
            pass


@pytest.mark.parametrize("name", SEALED)
def test_every_reader_checks_the_seal(tmp_path, name):
    """The content is whole and only the seal is another one: a reader that does not look at it would not see that."""
    write, suffix = EXAMPLES[kind_of(name)]
    path = tmp_path / f"a{suffix}"
    write(path)
    read(name, path)
    break_seal(path)
    with pytest.raises(ValueError, match=f"{path}.*(other bytes than were written|a damaged part)"):
        read(name, path)
    if suffix != ".png":
        remove_seal(path)
        with pytest.raises(ValueError, match=f"{path}.*no seal"):
            read(name, path)


def break_seal(path):
    """Change a digit of the seal, or of a PNG's last checksum but one, that of its pixels."""
    beside = Path(f"{path}.sha256")
    path = beside if beside.is_file() else path
    content = bytearray(path.read_bytes())
    place = content.find(b"aisi-sha256:") + 12 if path != beside and path.suffix != ".png" else 0
    place = content.rfind(b"IEND") - 6 if path.suffix == ".png" else place
    content[place] = ord("1" if content[place] == ord("0") else "0")
    path.write_bytes(content)


def remove_seal(path):
    Path(f"{path}.sha256").unlink(missing_ok=True)
    path.write_bytes(path.read_bytes().replace(b"aisi-sha256:", b"aisi-sha512:"))


PARSERS = {
    "pd.read_csv": {
        "write_experiment.main": "a file of the repository",
        "compare_with_paper.main": "a file of the repository",
        "merge_ablations.main": "a file of the repository",
        "tables.read_table": "sealed",
    },
    "np.load": {
        "npz.read_npz": "sealed",
        "imported.imported_features": "a user's",
        "imported.read_array": "a user's",
    },
    "torch.load": {"weights.read_tensors": "a user's, or sealed"},
    "json.load": {"coco._read_json": "sealed, or a user's"},
    "json.loads": {
        "predict._read_record": "sealed",
        "weights._read": "sealed",
        "collect_predictions.main": "sealed",
        "objectness.read_objectness_model": "sealed",
        "file_contents._read": "notes that may be lost",
        "processes.run_script": "arguments of a process of the same job",
    },
    "h5py.File": {
        "hdf5.new_hdf5": "a writer",
        "hdf5.open_hdf5": "sealed",
        "hdf5.origin_of": "sealed",
        "imported._maps_reader": "a user's",
    },
    "safe_open": {"weights._read": "sealed"},
    "load_file": {"backbones.read_state_dict": "a user's, or sealed"},
}
"""Functions of libraries that parse files, and which of our functions call them, and why they may."""


def test_no_other_function_parses_files():
    found = {}
    for path in [*LIBRARY.rglob("*.py"), *LIBRARY.parent.glob("*.py")]:
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    name = ast.unparse(node.func) if isinstance(node, ast.Call) else None
                    if name in PARSERS:
                        found.setdefault(name, set()).add(f"{path.stem}.{function.name}")
    assert found == {name: set(callers) for name, callers in PARSERS.items()}


# ------------------------------------------------------------------ the seal itself


@pytest.mark.parametrize("kind", [kind for kind, (_, suffix) in EXAMPLES.items() if suffix != ".png"])
def test_any_changed_byte_is_seen(tmp_path, kind):
    write, suffix = EXAMPLES[kind]
    path = tmp_path / f"a{suffix}"
    write(path)
    check_seal(path)
    whole = path.read_bytes()
    for place in np.linspace(0, len(whole) - 1, 50).astype(int):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with pytest.raises(SealError):
            check_seal(path)
    for end in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(SealError):
            check_seal(path)
    path.write_bytes(whole + b"\n")
    with pytest.raises(SealError):
        check_seal(path)
    path.write_bytes(whole)
    assert read_sealed(path) == whole
    assert has_seal(path)


def test_a_seal_beside_a_file_is_one_of_sha256sum(tmp_path):
    FORMATS["tags"][0](tmp_path / "tags.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tags.csv", "tags.csv.sha256"]
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "tags.csv.sha256"], cwd=tmp_path, check=True, capture_output=True)


def test_an_edit_on_purpose_can_be_kept(tmp_path):
    path = tmp_path / "tags.csv"
    FORMATS["tags"][0](path)
    path.write_text(path.read_text().replace("noisy", "dog").replace("0,dog", "2,dog"))
    with pytest.raises(FormatError) as caught:
        read_tags(path)
    text = str(caught.value)
    assert "partition.overrides" in text and "write_tags" in text
    (command,) = re.findall(r"run (PYTHONPATH.*?) \. Otherwise", text)
    subprocess.run(command, shell=True, check=True, env={"PATH": os.path.dirname(sys.executable)})
    assert read_tags(path)["tag"].tolist() == ["dog", "dog"]


def test_the_command_names_a_missing_file(tmp_path, capsys):
    with pytest.raises(SystemExit):
        seal.main([str(tmp_path / "a.csv")])
    assert "a.csv: No such file or directory" in capsys.readouterr().err


def test_sealing_again_gives_the_same_bytes(tmp_path):
    for kind, (write, suffix) in EXAMPLES.items():
        path = tmp_path / f"{kind}{suffix}"
        write(path)
        before = path.read_bytes()
        reseal(path)
        assert path.read_bytes() == before


def test_a_writer_that_fails_leaves_file_and_seal(tmp_path):
    path = tmp_path / "a.csv"
    with sealed(path) as temporary:
        temporary.write_text("old\n")
    with pytest.raises(RuntimeError), sealed(path) as temporary:
        temporary.write_text("new\n")
        raise RuntimeError
    assert read_sealed(path) == b"old\n"


class Line:
    collate = staticmethod(torch.stack)

    def __len__(self):
        return 2

    def sample(self, index, rng):
        return torch.ones(1)


def test_a_damaged_checkpoint_is_named(tmp_path):
    recipe = {"epochs": 1, "batch_size": 2, "optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0}
    settings = {"seed": 0, "log_path": tmp_path / "log.csv", "identity": "", "checkpoint_path": tmp_path / "c.pt"}

    def train():
        model = torch.nn.Linear(1, 1)
        fit(model, lambda net, batch: net(batch).square().mean(), Line(), recipe | {"schedule": "cosine"}, **settings)

    train()
    train()
    break_seal(tmp_path / "c.pt")
    with pytest.raises(ValueError, match=r"c\.pt: cannot be read \(other bytes than were written\)\. Delete it"):
        train()


def test_weights_without_a_seal_are_of_the_first_release(tmp_path):
    path = tmp_path / "w.safetensors"
    write_weights(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"aisi-sha256:", b"aisi-sha512:"))
    with pytest.raises(ValueError, match="no seal"):
        load_weights(path, "line")
    path.write_bytes(content.replace(b"aisi-sha256:", b"aisi-sha512:").replace(b"aisi/weights 2", b"aisi/weights 1"))
    assert load_weights(path, "line")[0]["weight"].tolist() == [1, 1, 1]
    assert read_note(path)["architecture"]["width"] == 2


@pytest.mark.parametrize("kind", ["external storage", "external link", "soft link", "virtual"])
def test_hdf5_that_reads_other_files_is_refused(tmp_path, kind):
    path, secret = tmp_path / "scores.h5", tmp_path / "secret.h5"
    FORMATS["scores"][0](path)
    FORMATS["scores"][0](secret)
    with h5py.File(path, "a") as file:
        values = file["score"][:]
        del file["score"]
        if kind == "external storage":
            file.create_dataset("score", values.shape, "f4", external=[(str(secret), 0, values.nbytes)])
        elif kind == "external link":
            file["score"] = h5py.ExternalLink(str(secret), "score")
        elif kind == "soft link":
            file["score"] = h5py.SoftLink("/label")
        else:
            layout = h5py.VirtualLayout(values.shape, "f4")
            layout[:] = h5py.VirtualSource(str(secret), "score", values.shape)
            file.create_virtual_dataset("score", layout)
    reseal(path)
    with pytest.raises(FormatError, match="score.*compute_scores"):
        read_scores(path, rows=None)

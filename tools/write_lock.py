"""Write requirements.lock: every package that pyproject.toml needs, pinned, with the SHA-256 of its wheels.

    pip install uv
    python tools/write_lock.py                    # keep the versions of the lock, add what is new
    python tools/write_lock.py --upgrade          # take the newest versions
    python tools/write_lock.py --upgrade pillow   # of these packages only

uv chooses the versions and tells the hashes. The lock holds the wheels for the Pythons and machines below; a package
without any wheel is locked by its source archive.
"""

import argparse
import re
import subprocess
import tempfile
import tomllib
from pathlib import Path
from urllib.parse import unquote

from packaging.markers import Marker
from packaging.tags import compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
PYTHONS = [(3, 11), (3, 12)]
MACHINES = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")]
GLIBC = 35
"""Newest 2.x that a wheel for Linux may ask for: that of Ubuntu 22.04, older than that of Debian 12."""
HEADER = """\
# Every package of the one environment that runs and tests the workflow, pinned, with the SHA-256 of its wheels for
# Python 3.11 and 3.12 on Linux and macOS; their names stand below. Made from pyproject.toml by tools/write_lock.py:
# docs/install.md says how to renew it. No package is under the GPL: tests/unit/test_environment.py.
"""


def tags(python, system, machine):
    """Tags of the wheels that can be installed there."""
    if system == "linux":
        platforms = [f"manylinux_2_{glibc}_{machine}" for glibc in range(5, GLIBC + 1)]
        platforms += [f"manylinux{name}_{machine}" for name in ("1", "2010", "2014")] + [f"linux_{machine}"]
    else:
        platforms = list(mac_platforms((14, 0), machine))
    interpreter = f"cp{python[0]}{python[1]}"
    return {*cpython_tags(python, platforms=platforms), *compatible_tags(python, interpreter, platforms)}


TARGETS = {(python, *machine): tags(python, *machine) for python in PYTHONS for machine in MACHINES}


def is_needed(marker, python, system, machine):
    """Whether a package with this marker is installed there."""
    version = f"{python[0]}.{python[1]}"
    platform = {"sys_platform": system, "platform_machine": machine, "platform_system": system.capitalize()}
    cpython = {"os_name": "posix", "implementation_name": "cpython", "platform_python_implementation": "CPython"}
    return Marker(marker).evaluate(
        platform | cpython | {"python_version": version, "python_full_version": f"{version}.0"}
    )


def resolve(constraints):
    """Packages that pyproject.toml needs, as the tables of a pylock.toml (PEP 751)."""
    with tempfile.TemporaryDirectory() as folder:
        output, pins = Path(folder, "pylock.toml"), Path(folder, "pins.txt")
        pins.write_text("\n".join(constraints))
        command = ["uv", "pip", "compile", "pyproject.toml", "--all-extras", "--group", "workflow", "--group", "checks"]
        command += ["--universal", "--python-version", "3.11", "--constraints", pins, "--output-file", output]
        subprocess.run([*command, "--quiet"], cwd=ROOT, check=True)
        return tomllib.loads(output.read_text())["packages"]


def entry(package):
    """Lines of one package, or nothing where no target needs it."""
    marker = package.get("marker")
    targets = [target for target in TARGETS if marker is None or is_needed(marker, *target)]
    if not targets:
        return []
    files = {unquote(file["url"].rsplit("/", 1)[1]): file["hashes"]["sha256"] for file in package.get("wheels", [])}
    fitting = set().union(*(TARGETS[target] for target in targets))
    files = {name: files[name] for name in sorted(files) if parse_wheel_filename(name)[3] & fitting}
    if not files:
        source = package["sdist"]
        files = {unquote(source["url"].rsplit("/", 1)[1]): source["hashes"]["sha256"]}
    pin = f"{package['name']}=={package['version']}"
    if {target[1] for target in targets} == {"linux"}:
        pin += ' ; sys_platform == "linux"'
    elif len(targets) < len(TARGETS):
        pin += f" ; {marker}"
    lines = [pin, *(f"    --hash=sha256:{digest}" for digest in files.values())]
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1], *(f"    # {name}" for name in files)]


def main(upgrade):
    """Write the lock; ``upgrade``: None, or the packages to renew, none named for all."""
    renewed = {canonicalize_name(name) for name in upgrade or []}
    pins = [] if upgrade == [] else re.findall(r"^([\w.-]+)==([\w.]+)", LOCK.read_text(), re.MULTILINE)
    packages = resolve(f"{name}=={version}" for name, version in pins if canonicalize_name(name) not in renewed)
    LOCK.write_text(HEADER + "".join(f"{line}\n" for package in packages for line in entry(package)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", nargs="*", metavar="PACKAGE", help="take new versions of these, or of all")
    main(parser.parse_args().upgrade)

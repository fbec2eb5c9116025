"""Stand-in for conda, of py-rattler: it solves and links real packages, and knows what ``snakemake --sdm conda`` calls.

python conda.py ROOT COMMAND ...     # ROOT/channels/NAME: channels; ROOT/packages: cache
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import yaml
from rattler import Channel, Gateway, MatchSpec, Subdir, VirtualPackage, install, solve

ACTIVATE = 'export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n'


def write_command(root):
    """Write ROOT/bin/conda and ROOT/bin/activate."""
    folder = Path(root, "bin")
    folder.mkdir(parents=True)
    (folder / "conda").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "{root}" "$@"\n')
    (folder / "conda").chmod(0o755)
    (folder / "activate").write_text(ACTIVATE)


async def create(root, prefix, channels, specs):
    """Solve what is asked for with the channels' packages, and link them into ``prefix``."""
    records = await solve(
        sources=[Channel(f"file://{root}/channels/{name}") for name in channels if name != "nodefaults"],
        specs=[MatchSpec(spec) for spec in specs],
        gateway=Gateway(cache_dir=root / "index"),
        platforms=[Subdir("linux-64"), Subdir("noarch")],
        virtual_packages=VirtualPackage.detect(),
    )
    await install(records=records, target_prefix=prefix, cache_dir=root / "packages", show_progress=False)


def main(root, *arguments):
    """Do what conda does, or end with an error."""
    match arguments:
        case ["--version"]:
            print("conda 24.7.1")
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": str(root), "platform": "linux-64"}))
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["clean", *_]:
            pass
        case ["env", "create", *options]:
            value = dict(zip(options, options[1:], strict=False))
            wanted, prefix = yaml.safe_load(Path(value["--file"]).read_text()), value["--prefix"]
            specs = [entry for entry in wanted["dependencies"] if isinstance(entry, str)]
            asyncio.run(create(root, prefix, wanted["channels"], specs))
            for entry in wanted["dependencies"]:
                if isinstance(entry, dict):
                    command = [f"{prefix}/bin/python", "-m", "pip", "install", "--quiet", "--no-deps", *entry["pip"]]
                    subprocess.run(command, check=True)
        case _:
            sys.exit(f"conda.py: not known: {' '.join(arguments)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

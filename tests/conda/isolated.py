"""Lies in the test's environments as sitecustomize. Each process sees its own environment's packages, and no others.

Snakemake lets a script find the packages of the environment that Snakemake itself runs in, after its own: it needs a
few to speak with the script. Here only those are let through, ``snakemake*``. At its end a process notes where its
modules came from.
"""

import atexit
import json
import os
import sys
from importlib.machinery import PathFinder


class OwnPackages(PathFinder):
    """Finds modules along ``sys.path``, but for packages of other environments."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        spec = super().find_spec(name, path, target)
        origin = (spec and spec.origin) or ""
        foreign = "site-packages" in origin and not origin.startswith(sys.prefix)
        return None if foreign and not name.startswith("snakemake") else spec


def _record():
    modules = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    with open(os.path.join(os.environ["AISI_IMPORTS"], f"{os.getpid()}.json"), "w") as file:
        json.dump({"script": sys.argv[0], "prefix": sys.prefix, "modules": modules}, file)


if "AISI_IMPORTS" in os.environ:
    sys.meta_path[sys.meta_path.index(PathFinder)] = OwnPackages
    atexit.register(_record)

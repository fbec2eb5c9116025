"""Lies in the test's environments as sitecustomize: at its end, each process notes where its modules came from."""

import atexit
import json
import os
import sys


def _record():
    modules = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    with open(os.path.join(os.environ["AISI_IMPORTS"], f"{os.getpid()}.json"), "w") as file:
        json.dump({"script": sys.argv[0], "prefix": sys.prefix, "modules": modules}, file)


if "AISI_IMPORTS" in os.environ:
    atexit.register(_record)

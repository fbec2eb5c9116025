"""What the rules of several stages share: the checked config, the code digest, shards, and where the results are."""

import hashlib
import inspect
import os
import re
import sys
from contextlib import suppress
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from snakemake.exceptions import WorkflowError

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"


def refuse_installed_library():
    """Raise an error if Python finds another ``aisi`` than this checkout's, whose code the digests would not see.

    Snakemake puts a script's folder at the end of a job's path, so a job would import an installed one first.
    """
    own = (SCRIPTS / "aisi" / "__init__.py").resolve()
    elsewhere = [folder for folder in sys.path if Path(folder).resolve() != SCRIPTS.resolve()]
    for found in PathFinder.find_spec("aisi", elsewhere), getattr(sys.modules.get("aisi"), "__spec__", None):
        if found and found.origin and Path(found.origin).resolve() != own:
            raise WorkflowError(
                f"Python finds the package aisi in {Path(found.origin).parent}, and jobs would run its code instead of "
                f"{own.parent}. Uninstall it (pip uninstall aisi), or run the workflow from another environment."
            )


refuse_installed_library()
sys.path.insert(0, str(SCRIPTS))

from aisi.planning.code_digest import code_digest as digest_script, text_digest as digest_text  # noqa: E402
from aisi.planning.command import command_line  # noqa: E402
from aisi.planning.config import read_config  # noqa: E402
from aisi.planning.file_contents import content_digest, digest_of, file_digests  # noqa: E402
from aisi.planning.recipes import check_recipe, recipes_in_use  # noqa: E402
from aisi.planning.schema import load_schema  # noqa: E402
from aisi.plugins import code_of_parts  # noqa: E402
from aisi.progress import shortened  # noqa: E402


def stop(error):
    """End Snakemake with the message of an error alone: no traceback, and no lines of Snakemake around it."""
    raise SystemExit(f"Error: {shortened(str(error))}")


if re.search("[{}]", str(Path.cwd())):
    stop(
        f"The path {Path.cwd()} of the directory of this run has braces, which Snakemake takes for a wildcard. Run in "
        "another directory (snakemake --directory DIR). The other paths that you name may have braces."
    )

SCHEMA = load_schema(Path(workflow.basedir, "workflow", "schemas", "config.schema.yaml"))
try:
    files = [Path(workflow.basedir, "config", "config.yaml"), *workflow.overwrite_configfiles]
    config.update(read_config(config, SCHEMA, files))
    for key, recipe in recipes_in_use(config):
        check_recipe(f"Config key {key}", recipe, config["gpus"])
except ValueError as error:
    stop(error)

DATASET = config["dataset"]
VAL, TEST = DATASET["val"], DATASET["test"]
TRAIN_SPLITS = [DATASET["train"]] if isinstance(DATASET["train"], str) else DATASET["train"]
VAL_SPLITS = [VAL] if VAL else []
TRAIN = "+".join(TRAIN_SPLITS)  # the name of all of them together
SHARDS = range(config["shards"])


# {home} is the folder of a seed's results: results for the config's own seed and for all that no seed varies,
# results/seed-{n} for another seed. What is made from true masks is in results/reference.
wildcard_constraints:
    home=r"results(/reference)?(/seed-\d+)?",
    split=r"[\w+-]+",
    shard=r"\d+",
    seed=r"\d+",
    assignment=r"[\w.-]+",
    network=r"[\w-]+",


@cache
def contents_of(path):
    """Digest of the content of a user's file or folder."""
    return content_digest(path, ".snakemake/contents")


@cache
def files_in(folder):
    """Digests of the files in a user's folder, by their paths below it."""
    return file_digests(folder, ".snakemake/contents")


@cache
def digest_of_script(name):
    """Digest of the code of a script of the workflow."""
    return digest_script(SCRIPTS / name)


def code_digest(rule_name, contents=None):
    """Digest of what a job depends on except other jobs: code of the script, params by name, contents of user files.

    ``contents`` is a function that gives the contents on which the rule depends, where these are a part of its user
    files. The code of a part of an installed package counts in each rule that names the part.

    Snakemake compares params as a set of values. Without the names it would not see that two values change places.
    It compares files that no rule makes by their times, and folders without the times of the files inside.
    """

    def digest(wildcards):
        def evaluated(item):
            return item(wildcards) if callable(item) else item

        given = getattr(rules, rule_name)
        code = digest_of_script(Path(given.rule.script).name)  # several rules may share a script
        # Snakemake does not compare params that are functions of more than the wildcards
        compared = {name: item for name, item in given.params.items() if name != "code" and not needs_job(item)}
        params = {name: evaluated(item) for name, item in compared.items()}
        inputs = [path for item in given.input for path in listed(evaluated(item))]
        if contents:
            yours = [contents()]
        else:
            yours = [contents_of(path) for path in inputs if not path.startswith(("results/", "{"))]
        parts = code_of_parts(params)
        yours += [parts] if parts else []
        return f"{code}-{hashlib.sha256(repr((params, yours)).encode()).hexdigest()[:12]}"

    return digest


def needs_job(item):
    """Whether a param is a function of more than the wildcards."""
    return callable(item) and len(inspect.signature(item).parameters) > 1


def text_digest(folder):
    """Digest of the files of a folder that a rule copies; the folder is relative to the Snakefile."""
    return digest_text(Path(workflow.basedir) / folder)


def by_content(path):
    """Mark a user's input to count by its content alone, not by its time: see code_digest.

    Raises an error if it is missing. Otherwise Snakemake would keep the old results without a message.
    """
    if path.startswith("results/"):
        return path
    if not Path(path).exists():
        stop(f"The config names {path}, which does not exist (from {Path.cwd()}). Correct the path.")
    return ancient(without_braces(path))


def without_braces(path):
    """A user's path, or the path of a link to it if it has braces: Snakemake would take {name} for a wildcard."""
    if not re.search("[{}]", path):
        return path
    folder = Path(".snakemake", "links", hashlib.sha256(os.fsencode(os.path.abspath(path))).hexdigest()[:12])
    link = folder / re.sub("[{}]", "_", Path(path).name)
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        link.symlink_to(os.path.abspath(path))
    return str(link)


def origin_of(path):
    """Name of a user's file or folder and digest of its content: where imported results come from, on any machine."""
    return f"{Path(path).name} ({contents_of(path)})"


def listed(value):
    """A path or a list of paths, as a list."""
    return [value] if isinstance(value, str) else value


def shards_of(pattern):
    """The files of all shards for a pattern with {shard}; other wildcards stay in the pattern."""
    return expand(pattern, shard=SHARDS, allow_missing=True)


def train_files(pattern):
    """The files of the training photos for a pattern with {split} and {shard}: all shards of one split after another."""
    return expand(pattern, split=TRAIN_SPLITS, shard=SHARDS, allow_missing=True)


def growing(megabytes):
    """Memory of a job: this many MB times the number of the attempt (``retries`` of a profile)."""
    return lambda wildcards, attempt: megabytes * attempt


def bundled(file):
    """Path of a copy of a file of this repository, ``file`` being its path beside the Snakefile: see copy_bundled_file."""
    return f"results/bundled/{file}"


def weights_file(block, key):
    """The weights file that a key of a config block names; raises an error before anything runs if it is missing."""
    path, base = Path(block[key]), Path(workflow.basedir).resolve()
    beside = Path(base, path).resolve()
    ours = beside.is_file() and beside.is_relative_to(base) and not re.search("[{}]", str(path))
    if ours and (not path.is_file() or path.resolve() == beside):
        return bundled(beside.relative_to(base))
    for found in (path, beside):
        if found.is_file():
            return by_content(str(found))
    stop(
        f"Config key {key} names the weights file {block[key]}, which does not exist. "
        "Correct the path. It is relative to the folder where the workflow runs, or to the folder of the Snakefile."
    )


def weights_input(block):
    """A network's pretrained weights as input: the file that ``weights`` names, those of ImageNet, or nothing."""
    match block["weights"]:
        case "none":
            return []
        case "imagenet":
            return f"results/backbones/{block['backbone']}.safetensors"
        case _:
            return weights_file(block, "weights")

"""What several stages' rules share: the code digest, shards, and where the dataset lies."""

import hashlib
import sys
from functools import cache
from pathlib import Path

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from snakemake.exceptions import WorkflowError  # noqa: E402

from aisi.planning.code_digest import code_digest as digest_script, text_digest as digest_text  # noqa: E402
from aisi.planning.file_contents import content_digest  # noqa: E402

DATASET = config["dataset"]
TRAIN, VAL, TEST = DATASET["train"], DATASET["val"], DATASET["test"]
SHARDS = range(config["shards"])


# Results of a seed other than the config's lie under {home} = results/seed-{n}; what no seed varies, and the config's
# own seed, in results itself. What true masks made lies in results/reference.
wildcard_constraints:
    home=r"results(/reference)?(/seed-\d+)?",
    split=r"[\w-]+",
    shard=r"\d+",
    seed=r"\d+",
    assignment=r"[\w.-]+",
    network=r"[\w-]+",


@cache
def contents_of(path):
    """Digest of a file or folder of the user, by content."""
    return content_digest(path, ".snakemake/contents")


def code_digest(rule_name):
    """Digest of what a job depends on beside other jobs: code of the script, params by name, contents of your files.

    Snakemake compares params as a set of values, so without the names it would not see two that change places. Of
    files and folders that no rule makes it compares times, and of folders not even those of the files inside.
    """
    code = digest_script(SCRIPTS / f"{rule_name}.py")

    def digest(wildcards):
        def evaluated(item):
            return item(wildcards) if callable(item) else item

        given = getattr(rules, rule_name)
        params = {name: evaluated(value) for name, value in given.params.items() if name != "code"}
        inputs = [path for item in given.input for path in listed(evaluated(item))]
        yours = [contents_of(path) for path in inputs if not path.startswith(("results/", "{"))]
        return f"{code}-{hashlib.sha256(repr((params, yours)).encode()).hexdigest()[:12]}"

    return digest


def text_digest(folder):
    """Digest of the files of a folder beside the Snakefile, which a rule copies."""
    return digest_text(Path(workflow.basedir) / folder)


def by_content(path):
    """An input that counts by its content alone, not by its time, if it is a user's: see code_digest.

    Raises an error if it is missing: Snakemake would take what was made of it before for the user's, and stay silent.
    """
    if path.startswith("results/"):
        return path
    if not Path(path).exists():
        raise WorkflowError(f"The config names {path}, which does not exist (from {Path.cwd()}). Correct the path.")
    return ancient(path)


def listed(value):
    """A path or a list of paths, as a list."""
    return [value] if isinstance(value, str) else value


def shards_of(pattern):
    """All shards' files of a pattern with {shard}; its other wildcards stay."""
    return expand(pattern, shard=SHARDS, allow_missing=True)


def growing(megabytes):
    """Memory for a job: this many MB, and as many more at each attempt (``retries`` of a profile)."""
    return lambda wildcards, attempt: megabytes * attempt


def weights_file(block, key):
    """The weights file that a config block's key names; an error before any computing if it is missing."""
    for folder in (Path(), Path(workflow.basedir)):
        if (folder / block[key]).is_file():
            return str(folder / block[key])
    raise WorkflowError(
        f"Config key {key} names the weights file {block[key]}, which does not exist. "
        "Correct the path; it is looked for in the folder where the workflow runs and beside the Snakefile."
    )


def weights_input(block):
    """A network's pretrained weights as input: the file that ``weights`` names, ImageNet's, or nothing."""
    match block["weights"]:
        case "none":
            return []
        case "imagenet":
            return f"results/backbones/{block['backbone']}.safetensors"
        case _:
            return weights_file(block, "weights")

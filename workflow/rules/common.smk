"""What several stages' rules share: the code digest, shards, and where the dataset lies."""

import hashlib
import sys
from pathlib import Path

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from snakemake.exceptions import WorkflowError  # noqa: E402

from aisi.code_digest import code_digest as digest_script, text_digest as digest_text  # noqa: E402

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


def code_digest(rule_name):
    """Digest of the code that a rule's script runs, and of the rule's other params by name.

    Snakemake compares params as a set of values, so without the names it would not see two that change places.
    """
    code = digest_script(SCRIPTS / f"{rule_name}.py")

    def digest(wildcards):
        params = {name: value for name, value in getattr(rules, rule_name).params.items() if name != "code"}
        values = {name: value(wildcards) if callable(value) else value for name, value in params.items()}
        return f"{code}-{hashlib.sha256(repr(values).encode()).hexdigest()[:12]}"

    return digest


def text_digest(folder):
    """Digest of the files of a folder beside the Snakefile, which a rule copies."""
    return digest_text(Path(workflow.basedir) / folder)


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
    """A network's pretrained weights as input: a file if its key ``weights`` names one, else nothing."""
    return [] if block["weights"] in ("imagenet", "none") else weights_file(block, "weights")

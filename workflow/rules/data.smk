"""The dataset: its photos, keywords and categories, checked before anything is computed."""

from pathlib import Path

from snakemake.exceptions import WorkflowError

from aisi.dataset_files import DatasetError, check_dataset, dataset_digest, table_files

try:
    check_dataset(DATASET)
except DatasetError as error:
    raise WorkflowError(str(error)) from None

SPLITS = [split for split in (TRAIN, VAL) if split]
IS_DEMO = DATASET["format"] == "demo"
ROOT = "results/demo" if IS_DEMO else DATASET["root"]
KEYWORDS = "results/demo/keywords.csv" if IS_DEMO else DATASET["keywords"]

# True masks, a folder or None. Only what evaluates or makes a reference row may use them.
if DATASET["format"] == "photos":
    SEMANTIC_MASKS, INSTANCE_MASKS = DATASET["ground_truth"]["semantic"], DATASET["ground_truth"]["instance"]
else:
    SEMANTIC_MASKS, INSTANCE_MASKS = (
        folder if IS_DEMO or Path(folder).is_dir() else None
        for folder in (f"{ROOT}/SegmentationClass", f"{ROOT}/SegmentationObject")
    )


rule index_images:
    input:
        dataset=(
            [f"{ROOT}/JPEGImages", f"{ROOT}/ImageSets", KEYWORDS]
            if IS_DEMO
            else table_files(DATASET["format"], ROOT, KEYWORDS, SPLITS)
        ),
    output:
        train=shards_of(f"results/images/{TRAIN}/shard_{{shard}}.csv"),
        val=shards_of(f"results/images/{VAL}/shard_{{shard}}.csv") if VAL else [],
        rejected="results/rejected_images.csv",
        categories="results/categories.csv",
    log:
        "results/logs/index_images.log",
    benchmark:
        "results/benchmarks/index_images.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 4
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        code=code_digest("index_images"),
        files=None if IS_DEMO else dataset_digest(DATASET["format"], ROOT, KEYWORDS),
        layout=DATASET["format"],
        root=ROOT,
        keywords=KEYWORDS,
        train=TRAIN,
        val=VAL,
        categories=DATASET["categories"],
        on_bad_image=DATASET["on_bad_image"],
    message:
        "Check the dataset's keywords and open every photo once."
    script:
        "../scripts/index_images.py"

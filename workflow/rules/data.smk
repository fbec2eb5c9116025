"""The dataset: its photos, keywords and categories, checked before anything is computed."""

from pathlib import Path

from aisi.planning.dataset_files import (
    DatasetError,
    TRAIN_AUG,
    annotation_file,
    check_dataset,
    dataset_sources,
    train_aug_lists,
    voc_masks,
)

try:
    check_dataset(DATASET)
except DatasetError as error:
    stop(error)

SPLITS = [*TRAIN_SPLITS, *VAL_SPLITS]
IS_DEMO = DATASET["format"] == "demo"
IS_PHOTOS = DATASET["format"] == "photos"
ROOT = "results/demo" if IS_DEMO else DATASET["root"]
KEYWORDS = "results/demo/keywords.csv" if IS_DEMO else DATASET["keywords"]
SIMPLE_IMAGES = DATASET["simple_images"] if DATASET["train_on"] != "main" else None

# VOC's augmented training set: its list, if SBD's archive makes it
TRAIN_AUG_LISTS = {name: [by_content(str(path)) for path in paths] for name, paths in train_aug_lists(DATASET).items()}
MADE_LISTS = {TRAIN_AUG: "results/train_aug.txt"} if TRAIN_AUG_LISTS else {}

# True masks: a folder or None. Only evaluation and reference rows may use them.
ANNOTATIONS = [str(annotation_file(ROOT, split)) for split in SPLITS] if DATASET["format"] == "coco" else []
VOC_MASKS = voc_masks(DATASET | {"root": ROOT})
SBD = DATASET["sbd"]["root"]
if ANNOTATIONS or SBD:
    SEMANTIC_MASKS = "results/reference/true_masks/SegmentationClass"
    INSTANCE_MASKS = "results/reference/true_masks/SegmentationObject"
elif IS_PHOTOS:
    SEMANTIC_MASKS, INSTANCE_MASKS = (
        folder and by_content(folder) for folder in map(DATASET["ground_truth"].get, ("semantic", "instance"))
    )
else:
    SEMANTIC_MASKS, INSTANCE_MASKS = (
        by_content(folder) if IS_DEMO or Path(folder).is_dir() else None for folder in VOC_MASKS
    )
TRAIN_HAS_MASKS = bool(SEMANTIC_MASKS) and DATASET["train_on"] != "simple"  # simple images have no masks
# Whether the default target trains segmenters. For photos it ends with the masks.
TRAINS = not IS_PHOTOS


# The index of the training splits reads the rows of dataset.val only where these can name further categories. So a change
# of photos for evaluation does not train again.
NAMES_CATEGORIES = IS_DEMO or IS_PHOTOS


rule index_images:
    input:
        dataset=index_input(TRAIN_SPLITS),
        simple_images=by_content(SIMPLE_IMAGES) if SIMPLE_IMAGES else [],
    output:
        train=train_files("results/images/{split}/shard_{shard}.csv"),
        rejected=f"results/images/{TRAIN}/rejected_images.csv",
        categories="results/categories.csv",
    log:
        "results/logs/index_images.log",
    benchmark:
        "results/benchmarks/index_images.tsv"
    priority: 200  # before the weights: a mistake in the table shows before anything else runs
    conda:
        "../envs/analysis.yaml"
    threads: 4
    resources:
        mem_mb=growing(4000 if ANNOTATIONS else 2000),
        runtime=120,
    params:
        code=code_digest("index_images", contents_of_splits(TRAIN_SPLITS)),
        shards=config["shards"],  # with another number, files of the same names hold other photos
        layout=DATASET["format"],
        root=lambda wildcards: ROOT,
        keywords=lambda wildcards: KEYWORDS,
        train=TRAIN_SPLITS,
        val=lambda wildcards, input: VAL if NAMES_CATEGORIES else None,  # its rows count in code: its name does not
        categories=DATASET["categories"],
        on_bad_image=DATASET["on_bad_image"],
        simple_images=lambda wildcards: SIMPLE_IMAGES,
        train_on=DATASET["train_on"],
        max_megapixels=DATASET["max_megapixels"],
        keyword_source=DATASET["keyword_source"],
        lists=MADE_LISTS,
    message:
        "Check the keywords of the dataset and open every training photo once."
    script:
        "../scripts/index_images.py"


if VAL:

    use rule index_images as index_val_images with:
        input:
            dataset=index_input(SPLITS),
            simple_images=by_content(SIMPLE_IMAGES) if SIMPLE_IMAGES else [],
        output:
            val=shards_of(f"results/images/{VAL}/shard_{{shard}}.csv"),
            ids=f"results/images/{VAL}/coco_ids.csv" if ANNOTATIONS else [],
            rejected=f"results/images/{VAL}/rejected_images.csv",
        log:
            "results/logs/index_val_images.log",
        benchmark:
            "results/benchmarks/index_val_images.tsv"
        params:
            code=code_digest("index_val_images", contents_of_splits(VAL_SPLITS)),
            shards=config["shards"],
            layout=DATASET["format"],
            root=lambda wildcards: ROOT,
            keywords=lambda wildcards: KEYWORDS,
            train=TRAIN_SPLITS,
            val=VAL,
            categories=DATASET["categories"],
            on_bad_image=DATASET["on_bad_image"],
            simple_images=lambda wildcards: SIMPLE_IMAGES,
            train_on=DATASET["train_on"],
            max_megapixels=DATASET["max_megapixels"],
            keyword_source=DATASET["keyword_source"],
            lists=MADE_LISTS,
        message:
            "Open every photo of {params.val} once."


rule list_rejected_images:
    input:
        parts=[f"results/images/{name}/rejected_images.csv" for name in (TRAIN, *VAL_SPLITS)],
        dataset=index_input(SPLITS) if IS_PHOTOS else [],
    output:
        rejected="results/rejected_images.csv",
    log:
        "results/logs/list_rejected_images.log",
    benchmark:
        "results/benchmarks/list_rejected_images.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        code=code_digest("list_rejected_images"),
        layout=DATASET["format"],
        root=lambda wildcards: ROOT,
        keywords=lambda wildcards: KEYWORDS,
        splits=dict.fromkeys(TRAIN_SPLITS, "dataset.train") | dict.fromkeys(VAL_SPLITS, "dataset.val"),
        keyword_source=DATASET["keyword_source"],
    message:
        "List the photos of the dataset that are not used, and why."
    script:
        "../scripts/list_rejected_images.py"


if MADE_LISTS:

    rule list_train_aug:
        input:
            train=TRAIN_AUG_LISTS["train"],
            val=TRAIN_AUG_LISTS["val"],
            sbd=TRAIN_AUG_LISTS["sbd"],
        output:
            list="results/train_aug.txt",
        log:
            "results/logs/list_train_aug.log",
        benchmark:
            "results/benchmarks/list_train_aug.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=growing(1000),
            runtime=10,
        params:
            code=code_digest("list_train_aug"),
            expected=DATASET["sbd"]["train_aug"],
        message:
            "List the photos of VOC's augmented training set."
        script:
            "../scripts/list_train_aug.py"


if TEST:

    rule index_test_images:
        input:
            dataset=[by_content(path) for path in dataset_sources(DATASET["format"], ROOT, KEYWORDS, [TEST])],
        output:
            images=shards_of(f"results/images/{TEST}/shard_{{shard}}.csv"),
            ids=f"results/images/{TEST}/coco_ids.csv" if ANNOTATIONS else [],
        log:
            "results/logs/index_test_images.log",
        benchmark:
            "results/benchmarks/index_test_images.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 4
        resources:
            mem_mb=growing(4000 if ANNOTATIONS else 2000),
            runtime=120,
        params:
            code=code_digest("index_test_images"),
            layout=DATASET["format"],
            root=lambda wildcards: ROOT,
            keywords=lambda wildcards: KEYWORDS,
            split=TEST,
            max_megapixels=DATASET["max_megapixels"],
        message:
            "Open every photo of {params.split} once."
        script:
            "../scripts/index_test_images.py"


rule render_scenes:
    output:
        photos=directory("results/demo/JPEGImages"),
        class_masks=directory("results/demo/SegmentationClass"),
        object_masks=directory("results/demo/SegmentationObject"),
        image_sets=directory("results/demo/ImageSets"),
        keywords="results/demo/keywords.csv",
    log:
        "results/logs/render_scenes.log",
    benchmark:
        "results/benchmarks/render_scenes.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("render_scenes"),
        seed=config["demo"]["seed"],
        image_size=config["demo"]["image_size"],
        max_objects=config["demo"]["max_objects"],
        n_train=config["demo"]["target"]["n_train"],
        n_val=config["demo"]["target"]["n_val"],
        multiple_keywords=config["demo"]["target"]["multiple_keywords"],
        distractors=config["demo"]["target"]["distractors"],
    message:
        "Render the demo's photos with keywords, and with true masks for evaluation."
    script:
        "../scripts/render_scenes.py"


rule render_salient_instances:
    output:
        photos=directory("results/demo_salient_instances/JPEGImages"),
        masks=directory("results/demo_salient_instances/SegmentationObject"),
        image_sets=directory("results/demo_salient_instances/ImageSets"),
    log:
        "results/logs/render_salient_instances.log",
    benchmark:
        "results/benchmarks/render_salient_instances.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("render_salient_instances"),
        seed=config["demo"]["seed"],
        image_size=config["demo"]["image_size"],
        max_objects=config["demo"]["max_objects"],
        n_train=config["demo"]["salient_instances"]["n_train"],
        n_val=config["demo"]["salient_instances"]["n_val"],
    message:
        "Render photos of other categories with instance masks, to train S4Net."
    script:
        "../scripts/render_salient_instances.py"


rule render_single_objects:
    output:
        pictures=directory("results/demo_single_objects"),
    log:
        "results/logs/render_single_objects.log",
    benchmark:
        "results/benchmarks/render_single_objects.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("render_single_objects"),
        seed=config["demo"]["seed"],
        n_per_category=config["demo"]["single_objects"]["n_per_category"],
        image_size=config["demo"]["single_objects"]["image_size"],
    message:
        "Render photos of single objects of other categories, to train the feature extractor."
    script:
        "../scripts/render_single_objects.py"

"""Semantic segmentation: train networks on the proxy masks and segment photos (PAPER §5.1)."""

SEGMENTERS = config["semantic"]["networks"]
SEMANTIC_RUN = "{home}/semantic/{assignment}/{network}/seed-{seed}"
SEMANTIC_RUNS = expand(
    SEMANTIC_RUN,
    home="results",
    assignment=config["semantic"]["assignments"],
    network=config["semantic"]["train"],
    seed=config["seed"],
)
SEMANTIC_WEIGHTS = [f"{run}/weights.safetensors" for run in SEMANTIC_RUNS]
SEMANTIC_PARTS = [f"results/evaluation/{run.removeprefix('results/')}.csv" for run in SEMANTIC_RUNS]

WITH_PICTURES = [name for name, block in SEGMENTERS.items() if block["training"]["salient_share"]]
if WITH_PICTURES and not (SALIENT_TRAINING["root"] or config["dataset"]["format"] == "demo"):
    stop(
        f"Config key semantic.networks.{WITH_PICTURES[0]}.training.salient_share needs photos with instance masks: "
        "name their folder in salient_instances.training.root, or set salient_share to 0."
    )


rule train_semantic:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        categories="results/categories.csv",
        proxies="{home}/proxy_masks/{assignment}/SegmentationClass",
        salient=salient_pictures_of_segmenter,
        backbone=lambda wildcards: weights_input(segmenter("network")(wildcards)),
    output:
        weights="{home}/semantic/{assignment}/{network}/seed-{seed}/weights.safetensors",
        log="{home}/semantic/{assignment}/{network}/seed-{seed}/training.csv",
    log:
        "{home}/logs/train_semantic/{assignment}/{network}/seed-{seed}.log",
        times="{home}/logs/train_semantic/{assignment}/{network}/seed-{seed}.csv",
    benchmark:
        "{home}/benchmarks/train_semantic/{assignment}/{network}/seed-{seed}.tsv"
    wildcard_constraints:
        network="|".join(SEGMENTERS),
    conda:
        "../envs/torch.yaml"
    threads: 8
    resources:
        mem_mb=growing(12000),
        runtime=1440,
        gpu=config["gpus"],
        nodes=1,
        tensorboard=int(config["tensorboard"]),
    params:
        code=code_digest("train_semantic"),
        roots=photo_roots,
        network=lambda wildcards: {k: v for k, v in segmenter("network")(wildcards).items() if k != "weights"},
        pretrained=lambda wildcards: weights_input(segmenter("network")(wildcards)) or "none",
        training=segmenter("training"),
        salient=lambda wildcards: (
            [SALIENT_PICTURES, SALIENT_TRAINING["train"]] if salient_pictures_of_segmenter(wildcards) else None
        ),
    message:
        "Train {wildcards.network} on the proxy masks of {wildcards.assignment}, seed {wildcards.seed}."
    script:
        "../scripts/train_semantic.py"


rule predict_semantic:
    input:
        images=shards_of(f"results/images/{VAL}/shard_{{shard}}.csv") if VAL else [],
        categories="results/categories.csv",
        weights=f"{SEMANTIC_RUN}/weights.safetensors",
    output:
        predictions=directory(f"{SEMANTIC_RUN}/predictions"),
    log:
        "{home}/logs/predict_semantic/{assignment}/{network}/seed-{seed}.log",
    benchmark:
        "{home}/benchmarks/predict_semantic/{assignment}/{network}/seed-{seed}.tsv"
    wildcard_constraints:
        network="|".join(SEGMENTERS),
    conda:
        "../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(8000),
        runtime=240,
        gpu=min(1, config["gpus"]),
    params:
        code=code_digest("predict_semantic"),
        roots=photo_roots,
        scales=segmenter("prediction", "scales"),
        flip=segmenter("prediction", "flip"),
    message:
        "Segment the validation photos with {wildcards.network}, trained on {wildcards.assignment}."
    script:
        "../scripts/predict_semantic.py"


SUBMITTED = TEST or VAL

if TEST:

    use rule predict_semantic as predict_test with:
        input:
            images=shards_of(f"results/images/{TEST}/shard_{{shard}}.csv"),
            categories="results/categories.csv",
            weights=f"{SEMANTIC_RUN}/weights.safetensors",
        output:
            predictions=directory(f"{SEMANTIC_RUN}/test_predictions"),
        log:
            "{home}/logs/predict_test/{assignment}/{network}/seed-{seed}.log",
        benchmark:
            "{home}/benchmarks/predict_test/{assignment}/{network}/seed-{seed}.tsv"
        message:
            "Segment the test photos with {wildcards.network}, trained on {wildcards.assignment}."


rule pack_voc_submission:
    input:
        predictions=f"{SEMANTIC_RUN}/{'test_' if TEST else ''}predictions",
        images=shards_of(f"results/images/{SUBMITTED}/shard_{{shard}}.csv") if SUBMITTED else "split of dataset.test",
        categories="results/categories.csv",
    output:
        archive=f"{SEMANTIC_RUN}/voc_submission.tgz",
    log:
        "{home}/logs/pack_voc_submission/{assignment}/{network}/seed-{seed}.log",
    benchmark:
        "{home}/benchmarks/pack_voc_submission/{assignment}/{network}/seed-{seed}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=60,
    params:
        code=code_digest("pack_voc_submission"),
    message:
        "Pack the predictions of {wildcards.network}, trained on {wildcards.assignment}, for PASCAL VOC's server."
    script:
        "../scripts/pack_voc_submission.py"

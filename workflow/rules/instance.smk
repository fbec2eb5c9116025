"""Instance segmentation: train Mask R-CNN on the tagged instances (PAPER §5.1, table 4)."""

INSTANCE_SEGMENTERS = config["instance"]["networks"]
INSTANCE_RUN = "{home}/instance/{assignment}/{network}/seed-{seed}"
INSTANCE_RUNS = expand(
    INSTANCE_RUN,
    home="results",
    assignment=config["instance"]["assignments"],
    network=config["instance"]["train"],
    seed=config["seed"],
)
INSTANCE_FILES = [
    f"{run}/{name}" for run in INSTANCE_RUNS for name in ("weights.safetensors", "predictions.json")[: 2 if VAL else 1]
]
INSTANCE_PARTS = [f"results/evaluation/{run.removeprefix('results/')}.csv" for run in INSTANCE_RUNS]


rule train_instance:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        categories="results/categories.csv",
        coco="{home}/proxy_masks/{assignment}/instances.json",
        backbone=lambda wildcards: weights_input(instance_segmenter("network")(wildcards)),
    output:
        weights="{home}/instance/{assignment}/{network}/seed-{seed}/weights.safetensors",
        log="{home}/instance/{assignment}/{network}/seed-{seed}/training.csv",
    log:
        "{home}/logs/train_instance/{assignment}/{network}/seed-{seed}.log",
        times="{home}/logs/train_instance/{assignment}/{network}/seed-{seed}.csv",
    benchmark:
        "{home}/benchmarks/train_instance/{assignment}/{network}/seed-{seed}.tsv"
    wildcard_constraints:
        network="|".join(INSTANCE_SEGMENTERS),
    conda:
        "../envs/torch.yaml"
    threads: 8
    resources:
        mem_mb=growing(12000),
        runtime=2880,
        gpu=config["gpus"],
        nodes=1,
        tensorboard=int(config["tensorboard"]),
    params:
        code=code_digest("train_instance"),
        roots=photo_roots,
        network=lambda wildcards: {k: v for k, v in instance_segmenter("network")(wildcards).items() if k != "weights"},
        pretrained=lambda wildcards: weights_input(instance_segmenter("network")(wildcards)) or "none",
        samples=instance_segmenter("training", "samples"),
        recipe=instance_segmenter("training", "recipe"),
    message:
        "Train {wildcards.network} on the tagged instances of {wildcards.assignment}, seed {wildcards.seed}."
    script:
        "../scripts/train_instance.py"


rule predict_instance:
    input:
        images=shards_of(f"results/images/{VAL}/shard_{{shard}}.csv") if VAL else [],
        ids=f"results/images/{VAL}/coco_ids.csv" if ANNOTATIONS and VAL else [],
        categories="results/categories.csv",
        weights=f"{INSTANCE_RUN}/weights.safetensors",
    output:
        predictions=f"{INSTANCE_RUN}/predictions.json",
    log:
        "{home}/logs/predict_instance/{assignment}/{network}/seed-{seed}.log",
    benchmark:
        "{home}/benchmarks/predict_instance/{assignment}/{network}/seed-{seed}.tsv"
    wildcard_constraints:
        network="|".join(INSTANCE_SEGMENTERS),
    conda:
        "../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(8000),
        runtime=240,
        gpu=min(1, config["gpus"]),
    params:
        code=code_digest("predict_instance"),
        roots=photo_roots,
        score_threshold=instance_segmenter("prediction", "score_threshold"),
        nms_iou=instance_segmenter("prediction", "nms_iou"),
        max_instances=instance_segmenter("prediction", "max_instances"),
    message:
        "Find the instances of the validation photos with {wildcards.network}, trained on {wildcards.assignment}."
    script:
        "../scripts/predict_instance.py"


if TEST:

    use rule predict_instance as predict_test_instances with:
        input:
            images=shards_of(f"results/images/{TEST}/shard_{{shard}}.csv"),
            ids=f"results/images/{TEST}/coco_ids.csv" if ANNOTATIONS else [],
            categories="results/categories.csv",
            weights=f"{INSTANCE_RUN}/weights.safetensors",
        output:
            predictions=f"{INSTANCE_RUN}/test_predictions.json",
        log:
            "{home}/logs/predict_test_instances/{assignment}/{network}/seed-{seed}.log",
        benchmark:
            "{home}/benchmarks/predict_test_instances/{assignment}/{network}/seed-{seed}.tsv"
        message:
            "Find the instances of the test photos with {wildcards.network}, trained on {wildcards.assignment}."


rule pack_coco_submission:
    input:
        # a placeholder makes Snakemake report what is missing
        predictions=(
            f"{INSTANCE_RUN}/{'test_' if TEST else ''}predictions.json"
            if ANNOTATIONS and SUBMITTED
            else "dataset.format coco with dataset.val or dataset.test"
        ),
    output:
        archive=f"{INSTANCE_RUN}/coco_submission/detections_{SUBMITTED}_aisi_results.zip",
    log:
        "{home}/logs/pack_coco_submission/{assignment}/{network}/seed-{seed}.log",
    benchmark:
        "{home}/benchmarks/pack_coco_submission/{assignment}/{network}/seed-{seed}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        code=code_digest("pack_coco_submission"),
    message:
        "Pack the instances of {wildcards.network}, trained on {wildcards.assignment}, for COCO's server."
    script:
        "../scripts/pack_coco_submission.py"

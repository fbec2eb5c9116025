"""Salient instances: S4Net trained and run, or instances made elsewhere."""

SALIENT = config["salient_instances"]
SALIENT_NETWORK, SALIENT_TRAINING = SALIENT["network"], SALIENT["training"]
IMPORTED = SALIENT["import"]["coco"] or SALIENT["import"]["masks"]
S4NET_TRAINED_HERE = SALIENT["weights"] == "train"
S4NET_WEIGHTS = "results/salient_instances/s4net.safetensors" if S4NET_TRAINED_HERE else weights_file(SALIENT, "weights")
SALIENT_PICTURES = SALIENT_TRAINING["root"] or "results/demo_salient_instances"


rule train_s4net:
    input:
        pictures=f"{SALIENT_PICTURES}/JPEGImages",
        masks=f"{SALIENT_PICTURES}/SegmentationObject",
        lists=f"{SALIENT_PICTURES}/ImageSets",
        backbone=weights_input(SALIENT_NETWORK),
    output:
        weights="results/salient_instances/s4net.safetensors",
        log="results/salient_instances/s4net.csv",
    log:
        "results/logs/train_s4net.log",
    benchmark:
        "results/benchmarks/train_s4net.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 8
    resources:
        mem_mb=8000,
        runtime=720,
        gpu=config["gpus"],
    params:
        code=code_digest("train_s4net"),
        root=SALIENT_PICTURES,
        split=SALIENT_TRAINING["train"],
        architecture={key: value for key, value in SALIENT_NETWORK.items() if key != "weights"},
        backbone_weights=SALIENT_NETWORK["weights"],
        recipe=SALIENT_TRAINING["recipe"],
    message:
        "Train S4Net on pictures with class-agnostic instance masks."
    script:
        "../scripts/train_s4net.py"


rule evaluate_s4net:
    input:
        weights=S4NET_WEIGHTS,
        pictures=f"{SALIENT_PICTURES}/JPEGImages",
        masks=f"{SALIENT_PICTURES}/SegmentationObject",
        lists=f"{SALIENT_PICTURES}/ImageSets",
    output:
        metrics="results/evaluation/s4net.csv",
    log:
        "results/logs/evaluate_s4net.log",
    benchmark:
        "results/benchmarks/evaluate_s4net.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=config["gpus"],
    params:
        code=code_digest("evaluate_s4net"),
        root=SALIENT_PICTURES,
        split=SALIENT_TRAINING["val"],
        max_instances=SALIENT["max_instances"],
        nms_iou=SALIENT["nms_iou"],
    message:
        "Judge S4Net by average precision on its own validation pictures."
    script:
        "../scripts/evaluate_s4net.py"


rule detect_salient_instances:
    input:
        images="results/images/{split}/shard_{shard}.csv",
        weights=S4NET_WEIGHTS,
    output:
        salient_instances="results/salient_instances/{split}/shard_{shard}.h5",
    log:
        "results/logs/detect_salient_instances/{split}/shard_{shard}.log",
    benchmark:
        "results/benchmarks/detect_salient_instances/{split}/shard_{shard}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=config["gpus"],
    params:
        code=code_digest("detect_salient_instances"),
        score_threshold=SALIENT["score_threshold"],
        max_instances=SALIENT["max_instances"],
        nms_iou=SALIENT["nms_iou"],
    message:
        "Find salient instances in {wildcards.split}, shard {wildcards.shard}."
    script:
        "../scripts/detect_salient_instances.py"

"""Salient instances: train S4Net and find them, or import those of another detector; a second source beside it."""

from aisi.planning.dataset_files import check_import

SALIENT = config["salient_instances"]
SALIENT_NETWORK, SALIENT_TRAINING = SALIENT["network"], SALIENT["training"]
S4NET_TRAINED_HERE = SALIENT["method"] == "s4net" and SALIENT["weights"] == "train"
S4NET_WEIGHTS = (
    weights_file(SALIENT, "weights")
    if SALIENT["method"] == "s4net" and SALIENT["weights"] != "train"
    else "results/salient_instances/s4net.safetensors"
)
SALIENT_PICTURES = SALIENT_TRAINING["root"] or "results/demo_salient_instances"
SALIENT_INSTANCES = "results/salient_instances/{split}/shard_{shard}.h5"
ATTENTION_OF_SPLIT = "results/attention/{split}/shard_{shard}.h5"  # of the config's own seed
PROMPTS = SALIENT["prompts"]
PROMPTED = PROMPTS["weights"] != "none"
DETECTED = "results/detected_instances/{split}/shard_{shard}.h5" if PROMPTED else SALIENT_INSTANCES
if SALIENT["method"] == "import" and SALIENT["objectness"] == "train":
    stop("salient_instances.objectness is train, but another detector made the instances. Set it to score.")
match SALIENT["objectness"]:
    case "score":
        OBJECTNESS_MODEL = None
    case "train":
        OBJECTNESS_MODEL = "results/salient_instances/objectness.json"
    case _:
        OBJECTNESS_MODEL = weights_file(SALIENT, "objectness")


rule train_s4net:
    input:
        pictures=salient_pictures,
        backbone=weights_input(SALIENT_NETWORK),
        start=weights_file(SALIENT_TRAINING, "start") if SALIENT_TRAINING["start"] else [],
    output:
        weights="results/salient_instances/s4net.safetensors",
        log="results/salient_instances/s4net.csv",
    log:
        "results/logs/train_s4net.log",
        times="results/logs/train_s4net.csv",
    benchmark:
        "results/benchmarks/train_s4net.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 8
    resources:
        mem_mb=growing(8000),
        runtime=720,
        gpu=config["gpus"],
        nodes=1,
        tensorboard=int(config["tensorboard"]),
    params:
        code=code_digest("train_s4net"),
        root=lambda wildcards: SALIENT_PICTURES,
        split=SALIENT_TRAINING["train"],
        crowded=SALIENT_TRAINING["crowded"],
        architecture={key: value for key, value in SALIENT_NETWORK.items() if key != "weights"},
        backbone_weights=lambda wildcards: weights_input(SALIENT_NETWORK) or "none",
        samples=SALIENT_TRAINING["samples"],
        recipe=SALIENT_TRAINING["recipe"],
    message:
        "Train S4Net on photos with class-agnostic instance masks."
    script:
        "../scripts/train_s4net.py"


rule evaluate_s4net:
    input:
        weights=S4NET_WEIGHTS,
        pictures=salient_pictures,
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
        mem_mb=growing(4000),
        runtime=60,
        gpu=min(1, config["gpus"]),
    params:
        code=code_digest("evaluate_s4net"),
        root=lambda wildcards: SALIENT_PICTURES,
        split=SALIENT_TRAINING["val"],
        max_instances=SALIENT["max_instances"],
        nms_iou=SALIENT["nms_iou"],
        max_covered=SALIENT["max_covered"],
        scales=SALIENT["scales"],
        flip=SALIENT["flip"],
        tiles=SALIENT["tiles"],
    message:
        "Evaluate S4Net by average precision on its own validation photos."
    script:
        "../scripts/evaluate_s4net.py"


rule fit_objectness:
    input:
        weights=S4NET_WEIGHTS,
        pictures=salient_pictures,
    output:
        model="results/salient_instances/objectness.json",
        metrics="results/evaluation/objectness.csv",
        calibration="results/evaluation/objectness_calibration.csv",
    log:
        "results/logs/fit_objectness.log",
    benchmark:
        "results/benchmarks/fit_objectness.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(4000),
        runtime=60,
        gpu=min(1, config["gpus"]),
    params:
        code=code_digest("fit_objectness"),
        root=lambda wildcards: SALIENT_PICTURES,
        split=SALIENT_TRAINING["val"],
        score_threshold=SALIENT["score_threshold"],
        max_instances=SALIENT["max_instances"],
        nms_iou=SALIENT["nms_iou"],
        max_covered=SALIENT["max_covered"],
        scales=SALIENT["scales"],
        flip=SALIENT["flip"],
        tiles=SALIENT["tiles"],
    message:
        "Fit how surely an instance shows an object, on photos that did not train S4Net."
    script:
        "../scripts/fit_objectness.py"


rule plot_calibration:
    input:
        calibration="results/evaluation/objectness_calibration.csv",
    output:
        figure="results/evaluation/objectness_calibration.png",
    log:
        "results/logs/plot_calibration.log",
    benchmark:
        "results/benchmarks/plot_calibration.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("plot_calibration"),
    message:
        "Plot how many instances show an object, by what their score says."
    script:
        "../scripts/plot_calibration.py"


if OBJECTNESS_MODEL:

    rule compute_objectness:
        input:
            salient_instances="results/salient_instances/{split}/shard_{shard}.h5",
            model=OBJECTNESS_MODEL,
        output:
            objectness="results/objectness/{split}/shard_{shard}.csv",
        log:
            "results/logs/compute_objectness/{split}/shard_{shard}.log",
        benchmark:
            "results/benchmarks/compute_objectness/{split}/shard_{shard}.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=growing(2000),
            runtime=30,
        params:
            code=code_digest("compute_objectness"),
        message:
            "Compute how surely each instance of {wildcards.split}, shard {wildcards.shard}, shows an object."
        script:
            "../scripts/compute_objectness.py"


if SALIENT["method"] == "import":
    try:
        check_import(SALIENT["import"], filter(None, [*ANNOTATIONS, SEMANTIC_MASKS, INSTANCE_MASKS]))
    except DatasetError as error:
        stop(error)

    rule import_salient_instances:
        input:
            images="results/images/{split}/shard_{shard}.csv",
            instances=by_content(SALIENT["import"]["coco"] or SALIENT["import"]["masks"]),
        output:
            salient_instances=DETECTED,
        log:
            "results/logs/import_salient_instances/{split}/shard_{shard}.log",
        benchmark:
            "results/benchmarks/import_salient_instances/{split}/shard_{shard}.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=60,
        params:
            code=code_digest("import_salient_instances"),
            coco=lambda wildcards: SALIENT["import"]["coco"],
            masks=lambda wildcards: SALIENT["import"]["masks"],
            on_bad_instance=SALIENT["import"]["on_bad_instance"],
            filter=SALIENT["import"]["filter"],
            score_threshold=SALIENT["score_threshold"],
            nms_iou=SALIENT["nms_iou"],
            max_covered=SALIENT["max_covered"],
            max_instances=SALIENT["max_instances"],
            origin=lambda wildcards: origin_of(SALIENT["import"]["coco"] or SALIENT["import"]["masks"]),
        message:
            "Import the salient instances of {wildcards.split}, shard {wildcards.shard}."
        script:
            "../scripts/import_salient_instances.py"

else:

    rule detect_salient_instances:
        input:
            images="results/images/{split}/shard_{shard}.csv",
            weights=S4NET_WEIGHTS,
            attention=ATTENTION_OF_SPLIT if SALIENT["attention_boxes"] else [],
        output:
            salient_instances=DETECTED,
        log:
            "results/logs/detect_salient_instances/{split}/shard_{shard}.log",
        benchmark:
            "results/benchmarks/detect_salient_instances/{split}/shard_{shard}.tsv"
        conda:
            "../envs/torch.yaml"
        threads: 4
        resources:
            mem_mb=growing(4000),
            runtime=240,
            gpu=min(1, config["gpus"]),
        params:
            code=code_digest("detect_salient_instances"),
            roots=photo_roots,
            score_threshold=SALIENT["score_threshold"],
            max_instances=SALIENT["max_instances"],
            nms_iou=SALIENT["nms_iou"],
            max_covered=SALIENT["max_covered"],
            scales=SALIENT["scales"],
            flip=SALIENT["flip"],
            tiles=SALIENT["tiles"],
        message:
            "Find salient instances in {wildcards.split}, shard {wildcards.shard}."
        script:
            "../scripts/detect_salient_instances.py"


if PROMPTED:

    rule prompt_salient_instances:
        input:
            images="results/images/{split}/shard_{shard}.csv",
            detected=DETECTED,
            attention=ATTENTION_OF_SPLIT,
            encoder=promptable_weights("encoder"),
            decoder=promptable_weights("decoder"),
        output:
            salient_instances=SALIENT_INSTANCES,
        log:
            "results/logs/prompt_salient_instances/{split}/shard_{shard}.log",
        benchmark:
            "results/benchmarks/prompt_salient_instances/{split}/shard_{shard}.tsv"
        conda:
            "../envs/torch.yaml"
        threads: 4
        resources:
            mem_mb=growing(6000),
            runtime=480,
            gpu=min(1, config["gpus"]),
        params:
            code=code_digest("prompt_salient_instances"),
            roots=photo_roots,
            grid=PROMPTS["grid"],
            max_covered=SALIENT["max_covered"],
            max_instances=PROMPTS["max_instances"],
        message:
            "Prompt for salient instances in {wildcards.split}, shard {wildcards.shard}."
        script:
            "../scripts/prompt_salient_instances.py"

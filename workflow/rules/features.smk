"""Semantic features of salient instances (PAPER §3.2), or those of another method."""

from aisi.planning.dataset_files import check_features_import

FEATURES = config["features"]
FEATURES_NETWORK, FEATURES_TRAINING = FEATURES["network"], FEATURES["training"]
try:
    check_features_import(FEATURES["import"])
except DatasetError as error:
    stop(error)

match FEATURES["weights"]:
    case "pretrained":
        EXTRACTOR = []
    case "train":
        EXTRACTOR = "results/features/extractor.safetensors"
    case _:
        EXTRACTOR = weights_file(FEATURES, "weights")


rule train_feature_extractor:
    input:
        pictures=by_content(FEATURES_TRAINING["root"] or "results/demo_single_objects"),
        backbone=weights_input(FEATURES_NETWORK),
    output:
        weights="results/features/extractor.safetensors",
        log="results/features/extractor.csv",
    log:
        "results/logs/train_feature_extractor.log",
        times="results/logs/train_feature_extractor.csv",
    benchmark:
        "results/benchmarks/train_feature_extractor.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 8
    resources:
        mem_mb=growing(8000),
        runtime=2880,
        gpu=config["gpus"],
        nodes=1,
        tensorboard=int(config["tensorboard"]),
    params:
        code=code_digest("train_feature_extractor"),
        backbone=FEATURES_NETWORK["backbone"],
        pretrained=lambda wildcards: weights_input(FEATURES_NETWORK) or "none",
        crop_size=FEATURES["crop_size"],
        pretrained_classifier=FEATURES_TRAINING["pretrained_classifier"],
        centre_loss=FEATURES_TRAINING["centre_loss"],
        recipe=FEATURES_TRAINING["recipe"],
    message:
        "Train the feature extractor on photos of single objects of other categories."
    script:
        "../scripts/train_feature_extractor.py"


rule compute_features:
    input:
        images="results/images/{split}/shard_{shard}.csv",
        salient_instances="results/salient_instances/{split}/shard_{shard}.h5",
        weights=EXTRACTOR,
        backbone=[] if EXTRACTOR else weights_input(FEATURES_NETWORK),
    output:
        features="results/features/{split}/shard_{shard}.h5",
    log:
        "results/logs/compute_features/{split}/shard_{shard}.log",
    benchmark:
        "results/benchmarks/compute_features/{split}/shard_{shard}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(4000),
        runtime=240,
        gpu=min(1, config["gpus"]),
    params:
        code=code_digest("compute_features"),
        roots=photo_roots,
        backbone=FEATURES_NETWORK["backbone"],
        pretrained=lambda wildcards: weights_input(FEATURES_NETWORK) or "none",
        size=FEATURES["crop_size"],
        padding=FEATURES["padding"],
        background=FEATURES["background"],
        flip=FEATURES["flip"],
        batch_size=FEATURES["batch_size"],
    message:
        "Compute features of the salient instances in {wildcards.split}, shard {wildcards.shard}."
    script:
        "../scripts/compute_features.py"


if FEATURES["import"]["array"]:

    ruleorder: import_features > compute_features

    rule import_features:
        input:
            salient_instances="results/salient_instances/{split}/shard_{shard}.h5",
            array=by_content(FEATURES["import"]["array"]),
            rows=by_content(FEATURES["import"]["rows"]),
        output:
            features="results/features/{split}/shard_{shard}.h5",
        log:
            "results/logs/import_features/{split}/shard_{shard}.log",
        benchmark:
            "results/benchmarks/import_features/{split}/shard_{shard}.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=60,
        params:
            code=code_digest("import_features"),
            origin=lambda wildcards: origin_of(FEATURES["import"]["array"]),
        message:
            "Import the features of {wildcards.split}, shard {wildcards.shard}."
        script:
            "../scripts/import_features.py"

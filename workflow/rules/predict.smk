"""The trained networks at work: models of one file, and photos of any folder segmented by them (docs/predict.md)."""

NEW_PHOTOS = config["predict"]["root"]
MODEL_RUN = "{home}/{task}/{assignment}/{network}/seed-{seed}"
MODEL_RUNS = SEMANTIC_RUNS + INSTANCE_RUNS
MODELS = [f"{run}/{name}" for run in MODEL_RUNS for name in ("model.safetensors", "model_card.md")]
ONNX_FILES = [f"{run}/model.onnx" for run in MODEL_RUNS]
PREDICTIONS = [run.replace("results/", "results/predict/", 1) for run in MODEL_RUNS]
PREDICTED = [f"{run}/instances.json" for run in PREDICTIONS]
if NEW_PHOTOS:
    PREDICTED += [f"{run}/export/{name}" for run in PREDICTIONS for name in config["predict"]["formats"]]


wildcard_constraints:
    task="semantic|instance",


rule write_model:
    input:
        weights=f"{MODEL_RUN}/weights.safetensors",
        categories="results/categories.csv",
    output:
        model="{home}/{task}/{assignment}/{network}/seed-{seed}/model.safetensors",
    log:
        "{home}/logs/write_model/{task}/{assignment}/{network}/seed-{seed}.log",
    benchmark:
        "{home}/benchmarks/write_model/{task}/{assignment}/{network}/seed-{seed}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=10,
    params:
        code=code_digest("write_model"),
        kind=lambda wildcards: {"semantic": "deeplab", "instance": "mask_rcnn"}[wildcards.task],
        prediction=lambda wildcards: config[wildcards.task]["networks"][wildcards.network]["prediction"],
    message:
        "Write {wildcards.network}, trained on {wildcards.assignment}, as one file."
    script:
        "../scripts/write_model.py"


rule write_model_card:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        categories="results/categories.csv",
        instances="{home}/proxy_masks/{assignment}/instances.json",
        metrics="{home}/evaluation/{task}/{assignment}/{network}/seed-{seed}.csv" if VAL and SEMANTIC_MASKS else [],
    output:
        card="{home}/{task}/{assignment}/{network}/seed-{seed}/model_card.md",
    log:
        "{home}/logs/write_model_card/{task}/{assignment}/{network}/seed-{seed}.log",
    benchmark:
        "{home}/benchmarks/write_model_card/{task}/{assignment}/{network}/seed-{seed}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=10,
    params:
        code=code_digest("write_model_card"),
        dataset=DATASET["name"],
        network=lambda wildcards: config[wildcards.task]["networks"][wildcards.network],
    message:
        "Write the model card of {wildcards.network}, trained on {wildcards.assignment}."
    script:
        "../scripts/write_model_card.py"


rule write_onnx:
    input:
        model=f"{MODEL_RUN}/model.safetensors",
    output:
        onnx="{home}/{task}/{assignment}/{network}/seed-{seed}/model.onnx",
    log:
        "{home}/logs/write_onnx/{task}/{assignment}/{network}/seed-{seed}.log",
    benchmark:
        "{home}/benchmarks/write_onnx/{task}/{assignment}/{network}/seed-{seed}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=30,
    params:
        code=code_digest("write_onnx"),
    message:
        "Write {wildcards.network}, trained on {wildcards.assignment}, as ONNX."
    script:
        "../scripts/write_onnx.py"


rule predict_photos:
    input:
        model=f"{MODEL_RUN}/model.safetensors",
        photos=by_content(NEW_PHOTOS) if NEW_PHOTOS else "folder of predict.root",
        keywords=by_content(config["predict"]["keywords"]) if config["predict"]["keywords"] else [],
    output:
        # The masks and overlays are no outputs, since Snakemake would delete those of the photos that were segmented
        # before.
        part="{home}/predict/{task}/{assignment}/{network}/seed-{seed}/shards/shard_{shard}.json",
    log:
        "{home}/logs/predict_photos/{task}/{assignment}/{network}/seed-{seed}/shard_{shard}.log",
    benchmark:
        "{home}/benchmarks/predict_photos/{task}/{assignment}/{network}/seed-{seed}/shard_{shard}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(8000),
        runtime=1440,
        gpu=min(1, config["gpus"]),
    params:
        code=code_digest("predict_photos"),
        shards=config["shards"],
    message:
        "Segment shard {wildcards.shard} of new photos with {wildcards.network}, trained on {wildcards.assignment}."
    script:
        "../scripts/predict_photos.py"


rule collect_predictions:
    input:
        model=f"{MODEL_RUN}/model.safetensors",
        parts=shards_of("{home}/predict/{task}/{assignment}/{network}/seed-{seed}/shards/shard_{shard}.json"),
    output:
        instances="{home}/predict/{task}/{assignment}/{network}/seed-{seed}/instances.json",
        images="{home}/predict/{task}/{assignment}/{network}/seed-{seed}/images.csv",
        categories="{home}/predict/{task}/{assignment}/{network}/seed-{seed}/categories.csv",
        rejected="{home}/predict/{task}/{assignment}/{network}/seed-{seed}/rejected_images.csv",
    log:
        "{home}/logs/collect_predictions/{task}/{assignment}/{network}/seed-{seed}.log",
    benchmark:
        "{home}/benchmarks/collect_predictions/{task}/{assignment}/{network}/seed-{seed}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=60,
    params:
        code=code_digest("collect_predictions"),
    message:
        "Join what {wildcards.network}, trained on {wildcards.assignment}, found in new photos."
    script:
        "../scripts/collect_predictions.py"


use rule export_masks as export_predictions with:
    input:
        images=["{home}/predict/{task}/{assignment}/{network}/seed-{seed}/images.csv"],
        categories="{home}/predict/{task}/{assignment}/{network}/seed-{seed}/categories.csv",
        instances="{home}/predict/{task}/{assignment}/{network}/seed-{seed}/instances.json",
    output:
        export=directory("{home}/predict/{task}/{assignment}/{network}/seed-{seed}/export/{format}"),
    log:
        "{home}/logs/export_predictions/{task}/{assignment}/{network}/seed-{seed}/{format}.log",
    benchmark:
        "{home}/benchmarks/export_predictions/{task}/{assignment}/{network}/seed-{seed}/{format}.tsv"
    params:
        code=code_digest("export_predictions"),
        roots=lambda wildcards: {"predict.root": NEW_PHOTOS},
        keep_empty=True,
        options={key: EXPORT[key] for key in ("tolerance", "copy_photos", "val_share")},
    message:
        "Export what {wildcards.network} found in new photos in the format {wildcards.format}."

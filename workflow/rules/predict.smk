"""The trained networks at work: models of one file, and photos of any folder segmented by them (docs/predict.md)."""

NEW_PHOTOS = config["predict"]["root"]
MODEL_RUN = "{home}/{task}/{assignment}/{network}/seed-{seed}"
MODEL_RUNS = SEMANTIC_RUNS + INSTANCE_RUNS
MODELS = [f"{run}/model.safetensors" for run in MODEL_RUNS]
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
        instances="{home}/proxy_masks/{assignment}/instances.json",
    output:
        model="{home}/{task}/{assignment}/{network}/seed-{seed}/model.safetensors",
        card="{home}/{task}/{assignment}/{network}/seed-{seed}/model_card.md",
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
        dataset=DATASET["name"],
        network=lambda wildcards: config[wildcards.task]["networks"][wildcards.network],
    message:
        "Write {wildcards.network}, trained on {wildcards.assignment}, as one file with its model card."
    script:
        "../scripts/write_model.py"


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
    output:
        # The masks and overlays are beside these files. They are no outputs, since Snakemake would delete those of the
        # photos that were segmented before.
        instances="{home}/predict/{task}/{assignment}/{network}/seed-{seed}/instances.json",
        images="{home}/predict/{task}/{assignment}/{network}/seed-{seed}/images.csv",
        categories="{home}/predict/{task}/{assignment}/{network}/seed-{seed}/categories.csv",
        rejected="{home}/predict/{task}/{assignment}/{network}/seed-{seed}/rejected_images.csv",
    log:
        "{home}/logs/predict_photos/{task}/{assignment}/{network}/seed-{seed}.log",
    benchmark:
        "{home}/benchmarks/predict_photos/{task}/{assignment}/{network}/seed-{seed}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(8000),
        runtime=1440,
        gpu=min(1, config["gpus"]),
    params:
        code=code_digest("predict_photos"),
    message:
        "Segment new photos with {wildcards.network}, trained on {wildcards.assignment}."
    script:
        "../scripts/predict_photos.py"


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
        keep_empty=True,
        options={key: EXPORT[key] for key in ("tolerance", "copy_photos", "val_share")},
    message:
        "Export what {wildcards.network} found in new photos in the format {wildcards.format}."

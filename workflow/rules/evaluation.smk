"""Evaluation. Only rules evaluate_*, the rules of references, and the examples of the report read true masks."""

from aisi.planning.assignments import paper_rows
from aisi.planning.protocols import PROTOCOLS, instance_protocol, semantic_protocol

# Placeholder input: makes Snakemake report that dataset.ground_truth is missing.
NO_MASKS = "folder of dataset.ground_truth"
TRAIN_MASKS = SEMANTIC_MASKS if TRAIN_HAS_MASKS else NO_MASKS

# Where there are true masks, the results have a row with the paper's own settings beside those of the config
PAPER_ROWS = paper_rows(config["graph"], PARTITION) if TRAIN_HAS_MASKS else []
ASSIGNMENTS = list(dict.fromkeys([*config["report"]["assignments"], *PAPER_ROWS, *EXTERNAL_TAGS]))
OTHERS = [name for name in EXTERNAL if name not in EXTERNAL_TAGS]  # rows without tags
REFERENCES = ["oracle"] if TRAIN_HAS_MASKS else []
PROXY_FILES = for_assignments("{home}/proxy_masks/{assignment}/instances.json")

METRIC_PARTS = []
if SALIENT["method"] == "s4net" and (S4NET_TRAINED_HERE or SALIENT_TRAINING["root"]):
    METRIC_PARTS += ["results/evaluation/s4net.csv"]
if TRAIN_HAS_MASKS and INSTANCE_MASKS:
    METRIC_PARTS += ["results/evaluation/salient_instances.csv"]
if TRAIN_HAS_MASKS:
    METRIC_PARTS += for_assignments("{home}/evaluation/tags/{assignment}.csv")
    METRIC_PARTS += for_assignments("{home}/evaluation/proxy_masks/{assignment}.csv")
if TRAIN_HAS_MASKS and INSTANCE_MASKS:
    METRIC_PARTS += for_assignments("{home}/evaluation/proxy_instances/{assignment}.csv")
if TRAINS and SEMANTIC_MASKS and VAL:
    METRIC_PARTS += SEMANTIC_PARTS
if TRAINS and SEMANTIC_MASKS and INSTANCE_MASKS and VAL:
    METRIC_PARTS += INSTANCE_PARTS
EXTERNAL_PARTS = [f"results/evaluation/proxy_masks/{name}.csv" for name in EXTERNAL_PROXIES if TRAIN_HAS_MASKS]
EXTERNAL_PARTS += [f"results/evaluation/external/{name}.csv" for name in EXTERNAL_PREDICTIONS if SEMANTIC_MASKS]
METRIC_PARTS += EXTERNAL_PARTS
METRIC_PARTS += [f"results/proxy_masks/{name}/shares.csv" for name in (*ASSIGNMENTS, *EXTERNAL_PROXIES)]


if ANNOTATIONS:

    rule rasterise_ground_truth:
        input:
            annotations=annotations_of(SPLITS),
            images=[path for split in SPLITS for path in shards_of(f"results/images/{split}/shard_{{shard}}.csv")],
            categories="results/categories.csv",
        output:
            class_masks=directory(SEMANTIC_MASKS),
            object_masks=directory(INSTANCE_MASKS),
        log:
            "results/reference/logs/rasterise_ground_truth.log",
        benchmark:
            "results/reference/benchmarks/rasterise_ground_truth.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=growing(8000),
            runtime=240,
        params:
            code=code_digest("rasterise_ground_truth"),
        message:
            "Draw the true instances of the JSON as masks, only for evaluation."
        script:
            "../scripts/rasterise_ground_truth.py"


if SBD:

    rule convert_sbd:
        input:
            sbd=[by_content(f"{SBD}/{part}") for part in ("cls", "inst")],
            voc=[by_content(folder) for folder in VOC_MASKS if Path(folder).is_dir()],
            images=[path for split in SPLITS for path in shards_of(f"results/images/{split}/shard_{{shard}}.csv")],
        output:
            class_masks=directory(SEMANTIC_MASKS),
            object_masks=directory(INSTANCE_MASKS),
        log:
            "results/reference/logs/convert_sbd.log",
        benchmark:
            "results/reference/benchmarks/convert_sbd.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=growing(1000),
            runtime=240,
        params:
            code=code_digest("convert_sbd"),
            voc=VOC_MASKS,
            sbd=SBD,
        message:
            "Write the true masks of VOC and SBD in one form, only for evaluation."
        script:
            "../scripts/convert_sbd.py"


rule tag_oracle:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        categories="results/categories.csv",
        masks=SEMANTIC_MASKS or NO_MASKS,
    output:
        tags="results/reference/tags/oracle.csv",
    log:
        "results/reference/logs/tag_oracle.log",
    benchmark:
        "results/reference/benchmarks/tag_oracle.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        code=code_digest("tag_oracle"),
    message:
        "Tag every instance from the true masks, as a reference."
    script:
        "../scripts/tag_oracle.py"


rule evaluate_tags:
    input:
        tags="{home}/tags/{assignment}.csv",
        oracle="results/reference/tags/oracle.csv",
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        categories="results/categories.csv",
        masks=SEMANTIC_MASKS or NO_MASKS,
    output:
        metrics="{home}/evaluation/tags/{assignment}.csv",
        counts="{home}/evaluation/photos/tags/{assignment}.csv",
    log:
        "{home}/logs/evaluate_tags/{assignment}.log",
    benchmark:
        "{home}/benchmarks/evaluate_tags/{assignment}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=30,
    params:
        code=code_digest("evaluate_tags"),
        seed=seed_of,
        split=TRAIN,
    message:
        "Evaluate the tags of {wildcards.assignment}."
    script:
        "../scripts/evaluate_tags.py"


rule evaluate_salient_instances:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        categories="results/categories.csv",
        masks=SEMANTIC_MASKS or NO_MASKS,
        objects=INSTANCE_MASKS or NO_MASKS,
        listed=instance_lists_of(TRAIN_SPLITS),
    output:
        metrics="results/evaluation/salient_instances.csv",
    log:
        "results/logs/evaluate_salient_instances.log",
    benchmark:
        "results/benchmarks/evaluate_salient_instances.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=60,
    params:
        code=code_digest("evaluate_salient_instances"),
        seed=config["seed"],
        split=TRAIN,
    message:
        "Evaluate the salient instances against the true instances."
    script:
        "../scripts/evaluate_salient_instances.py"


rule evaluate_losses:
    input:
        tags=[
            "results/reference/tags/oracle.csv",
            "results/tags/partition.csv",
            "results/tags/partition_unfiltered.csv",
        ],
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        categories="results/categories.csv",
        masks=SEMANTIC_MASKS or NO_MASKS,
        objects=INSTANCE_MASKS or [],
    output:
        table=report(
            "results/evaluation/losses/table.csv",
            caption="../report/losses.rst",
            category="Experiments",
            labels={"content": "losses", "kind": "CSV"},
        ),
        figure=report(
            "results/evaluation/losses/figure.png",
            caption="../report/losses.rst",
            category="Experiments",
            labels={"content": "losses", "kind": "plot"},
        ),
        page="results/evaluation/losses/page.md",
    log:
        "results/logs/evaluate_losses.log",
    benchmark:
        "results/benchmarks/evaluate_losses.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        code=code_digest("evaluate_losses"),
        title=DATASET["name"],
        command=lambda wildcards: command_of("losses"),
    message:
        "Split the mIoU that the proxy masks of partition lose by cause."
    script:
        "../scripts/evaluate_losses.py"


rule evaluate_semantic:
    input:
        label_maps="{home}/semantic/{assignment}/{network}/seed-{seed}/predictions",
        images=shards_of(f"results/images/{VAL}/shard_{{shard}}.csv") if VAL else [],
        categories="results/categories.csv",
        masks=SEMANTIC_MASKS or NO_MASKS,
    output:
        metrics="{home}/evaluation/semantic/{assignment}/{network}/seed-{seed}.csv",
        counts="{home}/evaluation/photos/semantic/{assignment}/{network}/seed-{seed}.csv",
    log:
        "{home}/logs/evaluate_semantic/{assignment}/{network}/seed-{seed}.log",
    benchmark:
        "{home}/benchmarks/evaluate_semantic/{assignment}/{network}/seed-{seed}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        code=code_digest("evaluate_semantic"),
        task="semantic",
        network=lambda wildcards: wildcards.network,
        seed=lambda wildcards: wildcards.seed,
        split=VAL,
        protocol=protocol,
        missing="error",
    message:
        "Evaluate the predictions of {wildcards.network}, trained on {wildcards.assignment}, seed {wildcards.seed}."
    script:
        "../scripts/evaluate_semantic.py"


use rule evaluate_semantic as evaluate_proxy_masks with:
    input:
        label_maps="{home}/proxy_masks/{assignment}/SegmentationClass",
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        categories="results/categories.csv",
        masks=SEMANTIC_MASKS or NO_MASKS,
    output:
        metrics="{home}/evaluation/proxy_masks/{assignment}.csv",
        counts="{home}/evaluation/photos/proxy_masks/{assignment}.csv",
    log:
        "{home}/logs/evaluate_proxy_masks/{assignment}.log",
    benchmark:
        "{home}/benchmarks/evaluate_proxy_masks/{assignment}.tsv"
    params:
        code=code_digest("evaluate_proxy_masks"),
        task="proxy_semantic",
        network="",
        seed=seed_of,
        split=TRAIN,
        protocol=PROTOCOLS["proxy_semantic"],
        missing="background",
    message:
        "Evaluate the proxy masks of {wildcards.assignment}."


if EXTERNAL_PREDICTIONS:

    use rule evaluate_semantic as evaluate_external with:
        input:
            label_maps=lambda wildcards: by_content(EXTERNAL_PREDICTIONS[wildcards.assignment]),
            images=shards_of(f"results/images/{VAL}/shard_{{shard}}.csv"),
            categories="results/categories.csv",
            masks=SEMANTIC_MASKS or NO_MASKS,
        output:
            metrics="results/evaluation/external/{assignment}.csv",
            counts="results/evaluation/photos/external/{assignment}.csv",
        log:
            "results/logs/evaluate_external/{assignment}.log",
        benchmark:
            "results/benchmarks/evaluate_external/{assignment}.tsv"
        params:
            code=code_digest("evaluate_external"),
            task="semantic",
            network="",
            seed=config["seed"],
            split=VAL,
            protocol=lambda wildcards: protocol_of(EXTERNAL[wildcards.assignment]),
            missing="error",
        message:
            "Evaluate the predictions of {wildcards.assignment}."


rule evaluate_instance:
    input:
        instances=f"{INSTANCE_RUN}/predictions.json",
        images=shards_of(f"results/images/{VAL}/shard_{{shard}}.csv") if VAL else [],
        categories="results/categories.csv",
        annotations=annotations_of(VAL_SPLITS),
        masks=[] if ANNOTATIONS else SEMANTIC_MASKS or NO_MASKS,
        objects=[] if ANNOTATIONS else INSTANCE_MASKS or NO_MASKS,
        listed=instance_lists_of(VAL_SPLITS),
    output:
        metrics="{home}/evaluation/instance/{assignment}/{network}/seed-{seed}.csv",
        counts="{home}/evaluation/photos/instance/{assignment}/{network}/seed-{seed}.csv",
    log:
        "{home}/logs/evaluate_instance/{assignment}/{network}/seed-{seed}.log",
    benchmark:
        "{home}/benchmarks/evaluate_instance/{assignment}/{network}/seed-{seed}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=60,
    params:
        code=code_digest("evaluate_instance"),
        task="instance",
        network=lambda wildcards: wildcards.network,
        seed=lambda wildcards: wildcards.seed,
        split=VAL,
        protocol=instance_protocol(bool(ANNOTATIONS)),
    message:
        "Evaluate the instances of {wildcards.network}, trained on {wildcards.assignment}, seed {wildcards.seed}."
    script:
        "../scripts/evaluate_instance.py"


use rule evaluate_instance as evaluate_proxy_instances with:
    input:
        instances="{home}/proxy_masks/{assignment}/instances.json",
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        categories="results/categories.csv",
        annotations=annotations_of(TRAIN_SPLITS),
        masks=[] if ANNOTATIONS else SEMANTIC_MASKS or NO_MASKS,
        objects=[] if ANNOTATIONS else INSTANCE_MASKS or NO_MASKS,
        listed=instance_lists_of(TRAIN_SPLITS),
    output:
        metrics="{home}/evaluation/proxy_instances/{assignment}.csv",
        counts="{home}/evaluation/photos/proxy_instances/{assignment}.csv",
    log:
        "{home}/logs/evaluate_proxy_instances/{assignment}.log",
    benchmark:
        "{home}/benchmarks/evaluate_proxy_instances/{assignment}.tsv"
    params:
        code=code_digest("evaluate_proxy_instances"),
        task="proxy_instance",
        network="",
        seed=seed_of,
        split=TRAIN,
        protocol=instance_protocol(bool(ANNOTATIONS)),
    message:
        "Evaluate the tagged instances of {wildcards.assignment}."


rule collect_metrics:
    input:
        parts=METRIC_PARTS,
    output:
        metrics=report(
            "results/metrics.csv",
            caption="../report/metrics.rst",
            category="Results",
            labels={"content": "every figure", "kind": "CSV"},
        ),
    log:
        "results/logs/collect_metrics.log",
    benchmark:
        "results/benchmarks/collect_metrics.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("collect_metrics"),
    message:
        "Collect all figures in results/metrics.csv."
    script:
        "../scripts/collect_metrics.py"

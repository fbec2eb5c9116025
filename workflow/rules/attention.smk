"""Attention: a classifier of keywords, its maps, and the scores of the instances (PAPER §3.1), or those of others."""

ATTENTION = config["attention"]
ATTENTION_NETWORK, ATTENTION_TRAINING = ATTENTION["network"], ATTENTION["training"]
SCORES = config["scores"]


rule train_attention:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        categories="results/categories.csv",
        backbone=weights_input(ATTENTION_NETWORK),
    output:
        weights="{home}/attention/classifier.safetensors",
        log="{home}/attention/classifier.csv",
    log:
        "{home}/logs/train_attention.log",
        times="{home}/logs/train_attention.csv",
    benchmark:
        "{home}/benchmarks/train_attention.tsv"
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
        code=code_digest("train_attention"),
        roots=photo_roots,
        network={key: value for key, value in ATTENTION_NETWORK.items() if key != "weights"},
        pretrained=lambda wildcards: weights_input(ATTENTION_NETWORK) or "none",
        freeze_backbone=ATTENTION_TRAINING["freeze_backbone"],
        dropout=ATTENTION_TRAINING["dropout"],
        recipe=ATTENTION_TRAINING["recipe"],
        seed=seed_of,
    message:
        "Train the attention classifier on the photos' keywords."
    script:
        "../scripts/train_attention.py"


rule compute_attention_maps:
    input:
        images="results/images/{split}/shard_{shard}.csv",
        categories="results/categories.csv",
        weights="{home}/attention/classifier.safetensors",
    output:
        attention="{home}/attention/{split}/shard_{shard}.h5",
    log:
        "{home}/logs/compute_attention_maps/{split}/shard_{shard}.log",
    benchmark:
        "{home}/benchmarks/compute_attention_maps/{split}/shard_{shard}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(4000),
        runtime=240,
        gpu=min(1, config["gpus"]),
    params:
        code=code_digest("compute_attention_maps"),
        roots=photo_roots,
    message:
        "Compute attention maps of {wildcards.split}, shard {wildcards.shard}."
    script:
        "../scripts/compute_attention_maps.py"


rule compute_scores:
    input:
        images="results/images/{split}/shard_{shard}.csv",
        categories="results/categories.csv",
        salient_instances="results/salient_instances/{split}/shard_{shard}.h5",
        attention="{home}/attention/{split}/shard_{shard}.h5",
    output:
        scores="{home}/scores/{split}/shard_{shard}.h5",
    log:
        "{home}/logs/compute_scores/{split}/shard_{shard}.log",
    benchmark:
        "{home}/benchmarks/compute_scores/{split}/shard_{shard}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=30,
    params:
        code=code_digest("compute_scores"),
    message:
        "Average attention inside the boxes of {wildcards.split}, shard {wildcards.shard}."
    script:
        "../scripts/compute_scores.py"


if ATTENTION["import"]:

    ruleorder: import_attention > compute_attention_maps

    rule import_attention:
        input:
            images="results/images/{split}/shard_{shard}.csv",
            categories="results/categories.csv",
            source=by_content(ATTENTION["import"]),
        output:
            attention="{home}/attention/{split}/shard_{shard}.h5",
        log:
            "{home}/logs/import_attention/{split}/shard_{shard}.log",
        benchmark:
            "{home}/benchmarks/import_attention/{split}/shard_{shard}.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=60,
        params:
            code=code_digest("import_attention"),
            origin=lambda wildcards: origin_of(ATTENTION["import"]),
        message:
            "Import attention maps of {wildcards.split}, shard {wildcards.shard}."
        script:
            "../scripts/import_attention.py"


if SCORES["import"]:

    ruleorder: import_scores > compute_scores

    rule import_scores:
        input:
            images="results/images/{split}/shard_{shard}.csv",
            categories="results/categories.csv",
            salient_instances="results/salient_instances/{split}/shard_{shard}.h5",
            table=by_content(SCORES["import"]),
        output:
            scores="{home}/scores/{split}/shard_{shard}.h5",
        log:
            "{home}/logs/import_scores/{split}/shard_{shard}.log",
        benchmark:
            "{home}/benchmarks/import_scores/{split}/shard_{shard}.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=60,
        params:
            code=code_digest("import_scores"),
            origin=lambda wildcards: origin_of(SCORES["import"]),
        message:
            "Import the scores of {wildcards.split}, shard {wildcards.shard}."
        script:
            "../scripts/import_scores.py"

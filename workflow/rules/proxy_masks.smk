"""Proxy masks: label maps and COCO instances from tags."""

PROXY_MASKS = config["proxy_masks"]


rule write_proxy_masks:
    input:
        images=shards_of(f"results/images/{TRAIN}/shard_{{shard}}.csv"),
        salient_instances=shards_of(f"results/salient_instances/{TRAIN}/shard_{{shard}}.h5"),
        attention=attention_of_home if PROXY_MASKS["background_attention"] else [],
        tags="{home}/tags/{assignment}.csv",
        categories="results/categories.csv",
    output:
        masks=directory("{home}/proxy_masks/{assignment}/SegmentationClass"),
        coco="{home}/proxy_masks/{assignment}/instances.json",
    log:
        "{home}/logs/write_proxy_masks/{assignment}.log",
    benchmark:
        "{home}/benchmarks/write_proxy_masks/{assignment}.tsv"
    wildcard_constraints:
        assignment=r"(?!(?:cam|ground_truth)\b)[\w.-]+",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        code=code_digest("write_proxy_masks"),
        noisy_pixels=PROXY_MASKS["noisy_pixels"],
        background_attention=PROXY_MASKS["background_attention"],
    message:
        "Write the proxy masks of {wildcards.assignment}."
    script:
        "../scripts/write_proxy_masks.py"

"""Proxy masks: label maps and COCO instances, made from the tags."""


rule write_proxy_masks:
    input:
        images=shards_of(f"results/images/{TRAIN}/shard_{{shard}}.csv"),
        salient_instances=shards_of(f"results/salient_instances/{TRAIN}/shard_{{shard}}.h5"),
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
        noisy_pixels=config["proxy_masks"]["noisy_pixels"],
        missing_keywords=config["proxy_masks"]["missing_keywords"],
    message:
        "Write the proxy masks of {wildcards.assignment}."
    script:
        "../scripts/write_proxy_masks.py"

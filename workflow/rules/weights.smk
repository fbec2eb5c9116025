"""ImageNet weights of the backbones, fetched before anything is computed."""


rule fetch_backbone:
    output:
        weights="results/backbones/{backbone}.safetensors",
    log:
        "results/logs/fetch_backbone/{backbone}.log",
    benchmark:
        "results/benchmarks/fetch_backbone/{backbone}.tsv"
    wildcard_constraints:
        backbone=r"[\w.-]+",
    priority: 100  # run first, so missing weights fail before hours of computing
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        code=code_digest("fetch_backbone"),
    message:
        "Fetch the ImageNet weights of {wildcards.backbone}."
    script:
        "../scripts/fetch_backbone.py"

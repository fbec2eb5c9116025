"""Proxy masks: label maps and COCO instances, made from the tags; and plain masks for people with photos."""

MASKED = config["review"]["assignment"]  # the assignment that people look at
SUMMARY = "results/summary.txt"
PHOTO_TABLE = "results/photos.csv"
MASKS = ["results/masks", PHOTO_TABLE, SUMMARY]


rule write_proxy_masks:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        tags="{home}/tags/{assignment}.csv",
        categories="results/categories.csv",
    output:
        masks=directory("{home}/proxy_masks/{assignment}/SegmentationClass"),
        coco="{home}/proxy_masks/{assignment}/instances.json",
        listed=f"{{home}}/proxy_masks/{{assignment}}/ImageSets/Segmentation/{TRAIN}.txt",
        shares="{home}/proxy_masks/{assignment}/shares.csv",
    log:
        "{home}/logs/write_proxy_masks/{assignment}.log",
    benchmark:
        "{home}/benchmarks/write_proxy_masks/{assignment}.tsv"
    wildcard_constraints:
        assignment=rf"(?!(?:{'|'.join(['cam', 'ground_truth', *EXTERNAL_PROXIES])})/)[\w.-]+",
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
        rejected_as_crowd=config["proxy_masks"]["rejected_as_crowd"],
        seed=seed_of,
        split=TRAIN,
    message:
        "Write the proxy masks of {wildcards.assignment}."
    script:
        "../scripts/write_proxy_masks.py"


rule write_masks:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        tags=f"results/tags/{MASKED}.csv",
        categories="results/categories.csv",
    output:
        masks=directory("results/masks"),
        photos=PHOTO_TABLE,
    log:
        "results/logs/write_masks.log",
    benchmark:
        "results/benchmarks/write_masks.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        code=code_digest("write_masks"),
    message:
        "Write a mask for each photo with a tagged instance, and list the photos without one."
    script:
        "../scripts/write_masks.py"


rule write_summary:
    input:
        photos=PHOTO_TABLE,
        rejected="results/rejected_images.csv",
    output:
        summary=SUMMARY,
    log:
        "results/logs/write_summary.log",
    benchmark:
        "results/benchmarks/write_summary.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("write_summary"),
    message:
        "Say in a few lines what the run found in the photos and what it missed."
    script:
        "../scripts/write_summary.py"

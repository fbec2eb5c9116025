"""The review page: a person looks at the tags and corrects them; ``partition.overrides`` takes the corrections."""

REVIEW = config["review"]
REVIEW_FILES = shards_of("results/review/thumbnails/shard_{shard}") + ["results/review/index.html"]


rule write_thumbnails:
    input:
        images=f"results/images/{TRAIN}/shard_{{shard}}.csv",
    output:
        thumbnails=directory("results/review/thumbnails/shard_{shard}"),
    log:
        "results/logs/write_thumbnails/shard_{shard}.log",
    benchmark:
        "results/benchmarks/write_thumbnails/shard_{shard}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=120,
    params:
        code=code_digest("write_thumbnails"),
        longest=REVIEW["thumbnail_size"],
    message:
        "Shrink the photos of shard {wildcards.shard} for the review page."
    script:
        "../scripts/write_thumbnails.py"


rule write_review:
    input:
        images=shards_of(f"results/images/{TRAIN}/shard_{{shard}}.csv"),
        salient_instances=shards_of(f"results/salient_instances/{TRAIN}/shard_{{shard}}.h5"),
        scores=shards_of(f"results/scores/{TRAIN}/shard_{{shard}}.h5"),
        graph=graph_of(REVIEW["assignment"]),
        tags=f"results/tags/{REVIEW['assignment']}.csv",
        categories="results/categories.csv",
    output:
        page="results/review/index.html",
        style="results/review/review.css",
        program="results/review/review.js",
        data="results/review/data.js",
    log:
        "results/logs/write_review.log",
    benchmark:
        "results/benchmarks/write_review.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=60,
    params:
        code=code_digest("write_review"),
        files=text_digest("workflow/report/review"),
        name=DATASET["name"],
        assignment=REVIEW["assignment"],
    message:
        "Write the page on which the tags of {params.assignment} are looked at and corrected."
    script:
        "../scripts/write_review.py"

"""The review page: a person looks at the tags and corrects them; ``partition.overrides`` reads the corrections."""

REVIEW = config["review"]
REVIEWED = read_assignment(REVIEW["assignment"], config["graph"], PARTITION)
REVIEWED_PHOTOS = train_files("results/images/{split}/shard_{shard}.csv")
THUMBNAILS = [f"results/review/thumbnails/shard_{number}" for number in range(len(REVIEWED_PHOTOS))]
REVIEW_FILES = [*THUMBNAILS, "results/review/index.html"]


rule write_thumbnails:
    input:
        images=lambda wildcards: REVIEWED_PHOTOS[int(wildcards.shard)],
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
        roots=photo_roots,
        longest=REVIEW["thumbnail_size"],
    message:
        "Write small copies of the photos of shard {wildcards.shard} for the review page."
    script:
        "../scripts/write_thumbnails.py"


rule write_review:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        scores=train_files("results/scores/{split}/shard_{shard}.h5"),
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
        command=lambda wildcards: command_of("masks"),
    message:
        "Write the page for the review of the tags of {params.assignment}."
    script:
        "../scripts/write_review.py"


rule compute_review_curve:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        graph=graph_of(REVIEW["assignment"]),
        scores=train_files("results/scores/{split}/shard_{shard}.h5"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        objectness=OBJECTNESS,
        tags=f"results/tags/{REVIEW['assignment']}.csv",
        oracle="results/reference/tags/oracle.csv",
        masks=SEMANTIC_MASKS or NO_MASKS,
    output:
        curve=report(
            "results/reference/review-curve.csv",
            caption="../report/review_curve.rst",
            category="Review",
            labels={"content": "corrections", "kind": "CSV"},
        ),
    log:
        "results/reference/logs/compute_review_curve.log",
    benchmark:
        "results/reference/benchmarks/compute_review_curve.tsv"
    conda:
        "../envs/solver.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=240,
    params:
        code=code_digest("compute_review_curve"),
        shares=REVIEW["curve"]["shares"],
        random_orders=REVIEW["curve"]["random_orders"],
        seed=config["seed"],
        balance_categories=REVIEWED.balance_categories,
        objectness_weight=REVIEWED.objectness_weight,
        overlap_penalty=REVIEWED.overlap_penalty,
        presence_reward=REVIEWED.presence_reward,
        beta=REVIEWED.beta,
        r=REVIEWED.retention,
        solver=REVIEWED.solver,
        gap=PARTITION["gap"],
    message:
        "Correct more and more tags by the true masks, and solve the others with these tags fixed."
    script:
        "../scripts/compute_review_curve.py"


rule plot_review_curve:
    input:
        curve="results/reference/review-curve.csv",
    output:
        figure=report(
            "results/reference/review-curve.png",
            caption="../report/review_curve.rst",
            category="Review",
            labels={"content": "corrections", "kind": "plot"},
        ),
    log:
        "results/reference/logs/plot_review_curve.log",
    benchmark:
        "results/reference/benchmarks/plot_review_curve.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("plot_review_curve"),
    message:
        "Plot how the accuracy of tags grows with corrections."
    script:
        "../scripts/plot_review_curve.py"

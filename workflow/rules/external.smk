"""Rows of other methods: their tags, proxy masks or predictions (config block ``external``, docs/own_parts.md)."""

from aisi.planning.external import check_external, given_paths, protocol_of

EXTERNAL = config["external"]
try:
    check_external(EXTERNAL, has_val=bool(VAL), true_masks=filter(None, [*ANNOTATIONS, SEMANTIC_MASKS, INSTANCE_MASKS]))
except DatasetError as error:
    stop(error)

EXTERNAL_TAGS, EXTERNAL_PROXIES, EXTERNAL_PREDICTIONS = (
    given_paths(EXTERNAL, kind) for kind in ("tags", "proxies", "predictions")
)


if EXTERNAL_TAGS:

    rule import_tags:
        input:
            tags=lambda wildcards: by_content(EXTERNAL_TAGS[wildcards.assignment]),
            salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
            images=train_files("results/images/{split}/shard_{shard}.csv"),
            categories="results/categories.csv",
        output:
            tags="results/tags/{assignment}.csv",
        log:
            "results/logs/import_tags/{assignment}.log",
        benchmark:
            "results/benchmarks/import_tags/{assignment}.tsv"
        wildcard_constraints:
            assignment="|".join(EXTERNAL_TAGS),
        conda:
            "../envs/solver.yaml"
        threads: 1
        resources:
            mem_mb=growing(2000),
            runtime=30,
        params:
            code=code_digest("import_tags"),
        message:
            "Import the tags of {wildcards.assignment}."
        script:
            "../scripts/import_tags.py"


if EXTERNAL_PROXIES:

    rule import_proxy_masks:
        input:
            given=lambda wildcards: by_content(EXTERNAL_PROXIES[wildcards.assignment]),
            images=train_files("results/images/{split}/shard_{shard}.csv"),
            categories="results/categories.csv",
        output:
            masks=directory("results/proxy_masks/{assignment}/SegmentationClass"),
            listed=f"results/proxy_masks/{{assignment}}/ImageSets/Segmentation/{TRAIN}.txt",
            shares="results/proxy_masks/{assignment}/shares.csv",
        log:
            "results/logs/import_proxy_masks/{assignment}.log",
        benchmark:
            "results/benchmarks/import_proxy_masks/{assignment}.tsv"
        wildcard_constraints:
            assignment="|".join(EXTERNAL_PROXIES),
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=growing(2000),
            runtime=60,
        params:
            code=code_digest("import_proxy_masks"),
            seed=config["seed"],
            split=TRAIN,
        message:
            "Import the proxy masks of {wildcards.assignment}."
        script:
            "../scripts/import_proxy_masks.py"

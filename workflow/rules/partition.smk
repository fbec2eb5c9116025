"""Tags of the instances of the training split, by each assignment (PAPER §4.2, §4.3)."""

from aisi.planning.assignments import BASELINES, SOLVED, graph_name, read_assignment

PARTITION = config["partition"]
OBJECTNESS = train_files("results/objectness/{split}/shard_{shard}.csv") if OBJECTNESS_MODEL else []


rule solve_partition:
    input:
        graph=graph_of_assignment,
        scores=train_files("{home}/scores/{split}/shard_{shard}.h5"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        objectness=OBJECTNESS,
        categories="results/categories.csv",
        overrides=overrides_of_assignment,
    output:
        partition=directory("{home}/partition/{assignment}/job_{job}"),
    log:
        "{home}/logs/solve_partition/{assignment}/job_{job}.log",
    benchmark:
        "{home}/benchmarks/solve_partition/{assignment}/job_{job}.tsv"
    wildcard_constraints:
        assignment=SOLVED,
        job=r"\d+",
    conda:
        "../envs/solver.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        code=code_digest("solve_partition"),
        balance_categories=setting("balance_categories"),
        objectness_weight=setting("objectness_weight"),
        overlap_penalty=setting("overlap_penalty"),
        presence_reward=setting("presence_reward"),
        beta=setting("beta"),
        r=setting("retention"),
        solver=setting("solver"),
        gap=PARTITION["gap"],
        time_limit=PARTITION["time_limit"],
        jobs=lambda wildcards: len(partitions_of_assignment(wildcards)),
        stale_overrides=PARTITION["stale_overrides"],
    message:
        "Partition the graph of {wildcards.assignment} by {params.solver} (job {wildcards.job})."
    script:
        "../scripts/solve_partition.py"


rule solve_baseline:
    input:
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        scores=train_files("{home}/scores/{split}/shard_{shard}.h5"),
    output:
        partition=directory("{home}/partition/{assignment}/job_0"),
    log:
        "{home}/logs/solve_baseline/{assignment}.log",
    benchmark:
        "{home}/benchmarks/solve_baseline/{assignment}.tsv"
    wildcard_constraints:
        assignment=BASELINES,
    conda:
        "../envs/solver.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("solve_baseline"),
        solver=lambda wildcards: wildcards.assignment.removeprefix("paper_"),
        seed=lambda wildcards: seed_of(wildcards) if wildcards.assignment == "random" else 0,
        balance_categories=lambda wildcards: (
            0 if wildcards.assignment.startswith("paper_") else PARTITION["balance_categories"]
        ),
    message:
        "Give each instance a keyword of its photo by the assignment {wildcards.assignment}."
    script:
        "../scripts/solve_baseline.py"


rule write_tags:
    input:
        partitions=partitions_of_assignment,
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        scores=train_files("{home}/scores/{split}/shard_{shard}.h5"),
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        categories="results/categories.csv",
    output:
        tags="{home}/tags/{assignment}.csv",
    log:
        "{home}/logs/write_tags/{assignment}.log",
    benchmark:
        "{home}/benchmarks/write_tags/{assignment}.tsv"
    wildcard_constraints:
        assignment=f"{BASELINES}|{SOLVED}",
    conda:
        "../envs/solver.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        code=code_digest("write_tags"),
    message:
        "Write the tags of {wildcards.assignment}."
    script:
        "../scripts/write_tags.py"

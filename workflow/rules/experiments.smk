"""Tables over several seeds (PAPER tables 1a, 2a and 2b, and two of our own): docs/experiments.md."""

from aisi.planning.assignments import settings_of
from aisi.planning.experiments import (
    COMPARISON_NOTES,
    HALVES_NOTES,
    HALVES_TITLE,
    MERGED_NOTES,
    PAPER_TABLES,
    PAPER_TRAINING_SETS,
    TITLES,
    evaluated_rows,
    experiment_assignments,
    name_of_training_set,
    notes,
    sweep_networks,
    table_rows,
)

ABLATION, SWEEPS = config["ablation"], config["sweeps"]
SEEDS, NETWORK_SEEDS = ABLATION["seeds"], ABLATION["network_seeds"]

CONFIGURED = settings_of("partition", GRAPH, PARTITION)
EXPERIMENTS = experiment_assignments(ABLATION, SWEEPS, PAPER_ROWS, CONFIGURED)
try:
    SWEEP_NETWORKS = sweep_networks(EXPERIMENTS, SWEEPS["networks"])
except ValueError as error:
    stop(error)
# Proxy masks that the ablation trains networks on; cam and other methods' proxies have no instances, so they train no
# instance networks
PROXIES = [(name, home_of(seed), seed) for seed in NETWORK_SEEDS for name in ABLATION["assignments"]]
PROXIES += [(name, "results", seed) for seed in NETWORK_SEEDS for name in EXTERNAL_TAGS]
if TRAIN_HAS_MASKS:
    PROXIES += [("ground_truth", "results/reference", seed) for seed in NETWORK_SEEDS]
CAM_PROXIES = [("cam", reference_of(home_of(seed)), seed) for seed in NETWORK_SEEDS]
CAM_PROXIES += [(name, "results", seed) for seed in NETWORK_SEEDS for name in EXTERNAL_PROXIES]
# Figures of the networks that an experiment trains
NETWORKS = {"ablation": network_figures(PROXIES, CAM_PROXIES)}
NETWORKS |= {
    sweep: network_figures([(name, home_of(seed), seed) for seed in NETWORK_SEEDS for name in names])
    for sweep, names in SWEEP_NETWORKS.items()
}
# Folders of finished runs whose ablations are merged, by training set
MERGED = {name: folder for name, folder in ABLATION["runs"].items() if folder}


wildcard_constraints:
    experiment="|".join(EXPERIMENTS),


rule write_cam_masks:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        attention=attention_of_reference,
    output:
        masks=directory("{home}/proxy_masks/cam/SegmentationClass"),
    log:
        "{home}/logs/write_cam_masks.log",
    benchmark:
        "{home}/benchmarks/write_cam_masks.tsv"
    wildcard_constraints:
        home=r"results/reference(/seed-\d+)?",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        code=code_digest("write_cam_masks"),
        threshold=ABLATION["cam_threshold"],
    message:
        "Write proxy masks from attention alone, without instances, as a reference."
    script:
        "../scripts/write_cam_masks.py"


rule copy_true_masks:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        categories="results/categories.csv",
        masks=TRAIN_MASKS,
        objects=INSTANCE_MASKS or [],
    output:
        masks=directory("results/reference/proxy_masks/ground_truth/SegmentationClass"),
        coco="results/reference/proxy_masks/ground_truth/instances.json" if INSTANCE_MASKS else [],
    log:
        "results/reference/logs/copy_true_masks.log",
    benchmark:
        "results/reference/benchmarks/copy_true_masks.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        code=code_digest("copy_true_masks"),
    message:
        "Copy the true masks as proxy masks, as a reference."
    script:
        "../scripts/copy_true_masks.py"


rule compute_objectives:
    input:
        tags=tags_of_batches,
        graph=f"results/graph/{TRAIN}/dataset.npz",
        scores=train_files("{home}/scores/{split}/shard_{shard}.h5"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        objectness=OBJECTNESS,
        whole="{home}/partition/batches-whole/job_0",
    output:
        metrics="{home}/experiments/objectives.csv",
    log:
        "{home}/logs/compute_objectives.log",
    benchmark:
        "{home}/benchmarks/compute_objectives.tsv"
    conda:
        "../envs/solver.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        code=code_digest("compute_objectives"),
        assignments=batches_of_seed,
        balance_categories=PARTITION["balance_categories"],
        objectness_weight=PARTITION["objectness_weight"],
        overlap_penalty=PARTITION["overlap_penalty"],
        presence_reward=PARTITION["presence_reward"],
        beta=PARTITION["beta"],
        seed=seed_of,
        split=TRAIN,
    message:
        "Compute the objectives of batches and of the whole dataset, seed {params.seed}."
    script:
        "../scripts/compute_objectives.py"


rule evaluate_experiment:
    input:
        tags=tags_of_experiment,
        oracle="results/reference/tags/oracle.csv",
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        categories="results/categories.csv",
        annotations=annotations_of(TRAIN_SPLITS),
        masks=TRAIN_MASKS,
        objects=INSTANCE_MASKS or [],
        listed=instance_lists_of(TRAIN_SPLITS),
    output:
        metrics="results/experiments/{experiment}/evaluation.csv",
        counts="results/experiments/{experiment}/photos.csv",
    log:
        "results/logs/evaluate_experiment/{experiment}.log",
    benchmark:
        "results/benchmarks/evaluate_experiment/{experiment}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=120,
    params:
        code=code_digest("evaluate_experiment"),
        rows=rows_of_experiment,
        split=TRAIN,
    message:
        "Evaluate tags and proxy masks of {wildcards.experiment}, all rows and seeds."
    script:
        "../scripts/evaluate_experiment.py"


rule evaluate_halves:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        objectness=OBJECTNESS,
        features=train_files("results/features/{split}/shard_{shard}.h5"),
        scores=expand(
            "{home}/scores/{split}/shard_{shard}.h5",
            split=TRAIN_SPLITS,
            shard=SHARDS,
            home=[home_of(seed) for seed in SEEDS],
        ),
        oracle="results/reference/tags/oracle.csv",
        categories="results/categories.csv",
        masks=TRAIN_MASKS,
    output:
        figures="results/experiments/halves/figures.csv",
        table=report(
            "results/experiments/halves/table.csv",
            caption="../report/experiment.rst",
            category="Experiments",
            labels={"content": "halves", "kind": "CSV"},
        ),
        page="results/experiments/halves/page.md",
    log:
        "results/logs/evaluate_halves.log",
    benchmark:
        "results/benchmarks/evaluate_halves.tsv"
    conda:
        "../envs/solver.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=240,
    params:
        code=code_digest("evaluate_halves"),
        seeds=SEEDS,
        grid={"retention" if name == "r" else name: values for name, values in config["halves"].items()},
        configured=CONFIGURED,
        solver=PARTITION["solver"],
        gap=PARTITION["gap"],
        title=f"{DATASET['name']}: {HALVES_TITLE}",
        command=lambda wildcards: command_of("halves"),
        notes=HALVES_NOTES,
    message:
        "Choose settings on one half of the photos and evaluate them on the other."
    script:
        "../scripts/evaluate_halves.py"


use rule collect_metrics as collect_experiment with:
    input:
        parts=parts_of_experiment,
    output:
        metrics="results/experiments/{experiment}/metrics.csv",
    log:
        "results/logs/collect_experiment/{experiment}.log",
    benchmark:
        "results/benchmarks/collect_experiment/{experiment}.tsv"
    message:
        "Collect all figures of {wildcards.experiment}."


rule write_experiment:
    input:
        metrics="results/experiments/{experiment}/metrics.csv",
        paper=bundled("resources/paper_results.csv"),
    output:
        table=report(
            "results/experiments/{experiment}/table.csv",
            caption="../report/experiment.rst",
            category="Experiments",
            labels={"content": "{experiment}", "kind": "CSV"},
        ),
        figure=report(
            "results/experiments/{experiment}/figure.png",
            caption="../report/experiment.rst",
            category="Experiments",
            labels={"content": "{experiment}", "kind": "plot"},
        ),
        page="results/experiments/{experiment}/page.md",
    log:
        "results/logs/write_experiment/{experiment}.log",
    benchmark:
        "results/benchmarks/write_experiment/{experiment}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("write_experiment"),
        assignments=rows_of_table,
        title=lambda wildcards: f"{DATASET['name']}: {TITLES[wildcards.experiment]}",
        command=lambda wildcards: command_of(wildcards.experiment),
        notes=notes_of_experiment,
        paper_table=lambda wildcards: PAPER_TABLES.get(wildcards.experiment),
        paper_train=PAPER_TRAINING_SETS[DATASET["train_on"]],
        imported=lambda wildcards: IMPORTED,
    message:
        "Write table, figure and page of {wildcards.experiment}."
    script:
        "../scripts/write_experiment.py"


rule compare_with_paper:
    input:
        metrics=networks_of_paper_table,
        paper=bundled("resources/paper_results.csv"),
    output:
        table=report(
            "results/experiments/table_{number}/table.csv",
            caption="../report/experiment.rst",
            category="Experiments",
            labels={"content": "the paper's table {number}", "kind": "CSV"},
        ),
        page="results/experiments/table_{number}/page.md",
    log:
        "results/logs/compare_with_paper/table_{number}.log",
    benchmark:
        "results/benchmarks/compare_with_paper/table_{number}.tsv"
    wildcard_constraints:
        number="3|4",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("compare_with_paper"),
        trained_on=name_of_training_set(DATASET),
        title=lambda wildcards: f"{DATASET['name']}: the paper's table {wildcards.number}",
        command=lambda wildcards: command_of(f"table_{wildcards.number}"),
        notes=COMPARISON_NOTES,
    message:
        "Write the paper's table {wildcards.number} with the networks of this run."
    script:
        "../scripts/compare_with_paper.py"


rule merge_ablations:
    input:
        metrics=[by_content(f"{folder}/results/experiments/ablation/metrics.csv") for folder in MERGED.values()],
        paper=bundled("resources/paper_results.csv"),
    output:
        table=report(
            "results/experiments/table_1a/table.csv",
            caption="../report/experiment.rst",
            category="Experiments",
            labels={"content": "the paper's table 1a", "kind": "CSV"},
        ),
        page="results/experiments/table_1a/page.md",
    log:
        "results/logs/merge_ablations.log",
    benchmark:
        "results/benchmarks/merge_ablations.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("merge_ablations"),
        training_sets=[PAPER_TRAINING_SETS[name] for name in MERGED],
        assignments=ABLATION["assignments"],
        title="The paper's table 1a",
        command=lambda wildcards: command_of("table_1a"),
        notes=MERGED_NOTES,
    message:
        "Merge the ablations of runs with different training sets."
    script:
        "../scripts/merge_ablations.py"

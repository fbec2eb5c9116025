"""The report: tables, plots and example photos. ``snakemake --report report.html`` collects them."""

from aisi.planning.experiments import paper_note

# The assignment that is drawn; the networks trained on it, their titles and folders
SHOWN = "partition" if "partition" in ASSIGNMENTS else config["report"]["assignments"][-1]
SHOWN_SEMANTIC, SHOWN_INSTANCE = (
    [run for run in runs if run.split("/")[2] == SHOWN] for runs in (SEMANTIC_RUNS, INSTANCE_RUNS)
)
SHOWN_RUNS = {f"trained network{network_name(run, SHOWN_SEMANTIC)}": run for run in SHOWN_SEMANTIC}
DRAWN_NETWORKS = SHOWN_RUNS if TRAINS else {}  # those that the default target draws
TRUE_MASKS = {"true mask": SEMANTIC_MASKS} if SEMANTIC_MASKS else {}
# People with photos get masks without 255; networks train on the proxy masks
SHOWN_MASKS = "results/masks" if IS_PHOTOS and SHOWN == MASKED else f"results/proxy_masks/{SHOWN}/SegmentationClass"
MASK_TITLE = "mask" if SHOWN_MASKS == "results/masks" else "mask for training"
EVALUATED = TRAIN_HAS_MASKS or bool(TRAINS and VAL and SEMANTIC_MASKS)  # whether there are figures of the assignments

TRAINING_LOGS = {"detector (S4Net)": "results/salient_instances/s4net.csv"} if S4NET_TRAINED_HERE else {}
if not (ATTENTION["import"] or SCORES["import"]):
    TRAINING_LOGS["attention"] = "results/attention/classifier.csv"
if FEATURES["weights"] == "train" and not FEATURES["import"]["array"]:
    TRAINING_LOGS["features"] = "results/features/extractor.csv"
TRAINING_LOGS |= {title: f"{run}/training.csv" for title, run in DRAWN_NETWORKS.items()}
if TRAINS:
    TRAINING_LOGS |= {
        f"trained network{network_name(run, SHOWN_INSTANCE)}, instances": f"{run}/training.csv"
        for run in SHOWN_INSTANCE
    }

PAPER_NOTE = paper_note(config["graph"], PARTITION) if TRAIN_HAS_MASKS else None

REPORT = ["results/metrics.csv", "results/results.md", "results/report/results.csv", "results/report/results.html"]
REPORT += [
    "results/rejected_images.csv",
    "results/report/overview.html",
    "results/report/keywords.png",
    "results/report/training.png",
]
REPORT += [f"results/report/{name}.png" for name in ("assignments", "categories")] if EVALUATED else []
if config["report"]["examples"]:
    REPORT += ["results/report/examples.png"] + (["results/report/predictions.png"] if VAL and TRAINS else [])
    REPORT += ["results/report/extremes.png"] if TRAIN_HAS_MASKS else []

# What the targets semantic and instance make. The default target for photos trains nothing, so the pictures and figures
# of their networks are made here.
SEMANTIC_TARGET = [f"{run}/{name}" for run in SEMANTIC_RUNS for name in ("weights.safetensors", "training.png")]
INSTANCE_TARGET = INSTANCE_FILES + [f"{run}/training.png" for run in INSTANCE_RUNS]
if SHOWN_RUNS and config["report"]["examples"] and not TRAINS:
    SEMANTIC_TARGET += ["results/report/network_examples.png"] + (["results/report/predictions.png"] if VAL else [])
if VAL and SEMANTIC_MASKS and not TRAINS:
    SEMANTIC_TARGET += SEMANTIC_PARTS
    INSTANCE_TARGET += INSTANCE_PARTS if INSTANCE_MASKS else []


rule write_overview:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        tags=f"results/tags/{SHOWN}.csv",
        categories="results/categories.csv",
    output:
        page=report(
            "results/report/overview.html",
            caption="../report/overview.rst",
            category="Examples",
            labels={"content": "keywords", "kind": "page"},
        ),
        figure=report(
            "results/report/keywords.png",
            caption="../report/keywords.rst",
            category="Examples",
            labels={"content": "keywords", "kind": "plot"},
        ),
    log:
        "results/logs/write_overview.log",
    benchmark:
        "results/benchmarks/write_overview.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        code=code_digest("write_overview"),
        roots=photo_roots,
        name=DATASET["name"],
        places=lambda wildcards: places_of_results(),
    message:
        "Write the first page of the report: the photos of each keyword with their masks."
    script:
        "../scripts/write_overview.py"


# What other programs made of this run's inputs, for the tables
GIVEN = {
    "salient instances": (
        (SALIENT["import"]["coco"] or SALIENT["import"]["masks"]) if SALIENT["method"] == "import" else None
    ),
    "attention maps": ATTENTION["import"],
    "scores": SCORES["import"],
    "features": FEATURES["import"]["array"],
}
IMPORTED = {part: origin_of(path) for part, path in GIVEN.items() if path}


rule write_results:
    input:
        metrics="results/metrics.csv",
        tags=for_assignments("{home}/tags/{assignment}.csv"),
    output:
        table=in_report_if_evaluated(
            "results/report/results.csv",
            caption="../report/results.rst",
            category="Results",
            labels={"content": "assignments", "kind": "CSV"},
        ),
        html=in_report_if_evaluated(
            "results/report/results.html",
            caption="../report/results.rst",
            category="Results",
            labels={"content": "assignments", "kind": "table"},
        ),
        page="results/results.md",
    log:
        "results/logs/write_results.log",
    benchmark:
        "results/benchmarks/write_results.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("write_results"),
        name=DATASET["name"],
        command=lambda wildcards: command_of(""),
        notes=[note for note in (config["report"]["note"], PAPER_NOTE) if note],
        shown=SHOWN,
        imported=lambda wildcards: IMPORTED,
        others=OTHERS,
    message:
        "Write the table of results."
    script:
        "../scripts/write_results.py"


rule plot_results:
    input:
        metrics="results/metrics.csv",
    output:
        assignments=report(
            "results/report/assignments.png",
            caption="../report/assignments.rst",
            category="Results",
            labels={"content": "assignments", "kind": "plot"},
        ),
        categories=report(
            "results/report/categories.png",
            caption="../report/categories.rst",
            category="Results",
            labels={"content": "categories", "kind": "plot"},
        ),
    log:
        "results/logs/plot_results.log",
    benchmark:
        "results/benchmarks/plot_results.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("plot_results"),
        assignments=ASSIGNMENTS + REFERENCES + OTHERS,
        detailed=[SHOWN, *REFERENCES],
    message:
        "Plot the figures of the assignments and categories."
    script:
        "../scripts/plot_results.py"


rule plot_training:
    input:
        logs=TRAINING_LOGS.values(),
    output:
        figure=report(
            "results/report/training.png",
            caption="../report/training.rst",
            category="Networks",
            labels={"content": "training", "kind": "plot"},
        ),
    log:
        "results/logs/plot_training.log",
    benchmark:
        "results/benchmarks/plot_training.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("plot_training"),
        names=list(TRAINING_LOGS),
    message:
        "Plot the loss of each training."
    script:
        "../scripts/plot_training.py"


use rule plot_training as plot_network_training with:
    input:
        logs="{home}/{task}/{assignment}/{network}/seed-{seed}/training.csv",
    output:
        figure=report(
            "{home}/{task}/{assignment}/{network}/seed-{seed}/training.png",
            caption="../report/training.rst",
            category="Networks",
            labels={"content": "{network} ({task}), trained on {assignment}", "kind": "plot"},
        ),
    log:
        "{home}/logs/plot_network_training/{task}/{assignment}/{network}/seed-{seed}.log",
    benchmark:
        "{home}/benchmarks/plot_network_training/{task}/{assignment}/{network}/seed-{seed}.tsv"
    wildcard_constraints:
        task="semantic|instance",
    params:
        code=code_digest("plot_network_training"),
        names=["trained network"],
    message:
        "Plot the loss of {wildcards.network}, trained on {wildcards.assignment}."


rule choose_examples:
    input:
        images=files_of_split("results/images/{split}/shard_{shard}.csv"),
    output:
        images="results/report/{split}_examples.csv",
    log:
        "results/logs/choose_examples/{split}.log",
    benchmark:
        "results/benchmarks/choose_examples/{split}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("choose_examples"),
        n=config["report"]["examples"],
    message:
        "Choose photos of {wildcards.split} to draw."
    script:
        "../scripts/choose_examples.py"


use rule predict_semantic as predict_examples with:
    input:
        images=[f"results/report/{TRAIN}_examples.csv"],
        categories="results/categories.csv",
        weights=f"{SEMANTIC_RUN}/weights.safetensors",
    output:
        predictions=directory(f"{SEMANTIC_RUN}/examples"),
    log:
        "{home}/logs/predict_examples/{assignment}/{network}/seed-{seed}.log",
    benchmark:
        "{home}/benchmarks/predict_examples/{assignment}/{network}/seed-{seed}.tsv"
    message:
        "Segment the example photos with {wildcards.network}, trained on {wildcards.assignment}."


rule draw_examples:
    input:
        examples=f"results/report/{TRAIN}_examples.csv",
        notes=[],
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        tags=f"results/tags/{SHOWN}.csv",
        categories="results/categories.csv",
        label_maps=[SHOWN_MASKS, *(f"{run}/examples" for run in DRAWN_NETWORKS.values()), *TRUE_MASKS.values()],
    output:
        figure=report(
            "results/report/examples.png",
            caption="../report/examples.rst",
            category="Examples",
            labels={"content": TRAIN, "kind": "pictures"},
        ),
    log:
        "results/logs/draw_examples.log",
    benchmark:
        "results/benchmarks/draw_examples.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        code=code_digest("draw_examples"),
        roots=photo_roots,
        titles=[MASK_TITLE, *DRAWN_NETWORKS, *TRUE_MASKS],
    message:
        "Draw example photos with the results of each stage."
    script:
        "../scripts/draw_examples.py"


use rule draw_examples as draw_network_examples with:
    input:
        examples=f"results/report/{TRAIN}_examples.csv",
        notes=[],
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        tags=f"results/tags/{SHOWN}.csv",
        categories="results/categories.csv",
        label_maps=[SHOWN_MASKS, *(f"{run}/examples" for run in SHOWN_RUNS.values()), *TRUE_MASKS.values()],
    output:
        figure=report(
            "results/report/network_examples.png",
            caption="../report/examples.rst",
            category="Networks",
            labels={"content": f"{TRAIN}, with the trained network", "kind": "pictures"},
        ),
    log:
        "results/logs/draw_network_examples.log",
    benchmark:
        "results/benchmarks/draw_network_examples.tsv"
    params:
        code=code_digest("draw_network_examples"),
        roots=photo_roots,
        titles=[MASK_TITLE, *SHOWN_RUNS, *TRUE_MASKS],
    message:
        "Draw the example photos with what the trained network finds in them."


rule evaluate_examples:
    input:
        proxies=f"results/proxy_masks/{SHOWN}/SegmentationClass",
        tags=f"results/tags/{SHOWN}.csv",
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        categories="results/categories.csv",
        masks=SEMANTIC_MASKS or NO_MASKS,
    output:
        images="results/evaluation/extremes.csv",
        notes="results/evaluation/extremes_notes.csv",
    log:
        "results/logs/evaluate_examples.log",
    benchmark:
        "results/benchmarks/evaluate_examples.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        code=code_digest("evaluate_examples"),
        n=-(-config["report"]["examples"] // 3),
    message:
        "Find the best, the worst and the least certain proxy masks."
    script:
        "../scripts/evaluate_examples.py"


use rule draw_examples as draw_extremes with:
    input:
        examples="results/evaluation/extremes.csv",
        notes="results/evaluation/extremes_notes.csv",
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        salient_instances=train_files("results/salient_instances/{split}/shard_{shard}.h5"),
        tags=f"results/tags/{SHOWN}.csv",
        categories="results/categories.csv",
        label_maps=[f"results/proxy_masks/{SHOWN}/SegmentationClass", *TRUE_MASKS.values()],
    output:
        figure=report(
            "results/report/extremes.png",
            caption="../report/extremes.rst",
            category="Examples",
            labels={"content": f"{TRAIN}, best, worst, least certain", "kind": "pictures"},
        ),
    log:
        "results/logs/draw_extremes.log",
    benchmark:
        "results/benchmarks/draw_extremes.tsv"
    params:
        code=code_digest("draw_extremes"),
        roots=photo_roots,
        titles=["mask for training", *TRUE_MASKS],
    message:
        "Draw the best, the worst and the least certain proxy masks."


rule draw_predictions:
    input:
        examples=f"results/report/{VAL}_examples.csv",
        categories="results/categories.csv",
        label_maps=[*(f"{run}/predictions" for run in SHOWN_RUNS.values()), *TRUE_MASKS.values()],
    output:
        figure=report(
            "results/report/predictions.png",
            caption="../report/predictions.rst",
            category="Examples",
            labels={"content": str(VAL), "kind": "pictures"},
        ),
    log:
        "results/logs/draw_predictions.log",
    benchmark:
        "results/benchmarks/draw_predictions.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        code=code_digest("draw_predictions"),
        roots=photo_roots,
        titles=[*SHOWN_RUNS, *TRUE_MASKS],
    message:
        "Draw validation photos with the predictions."
    script:
        "../scripts/draw_predictions.py"

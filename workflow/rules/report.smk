"""The report: tables, plots and example pictures. ``snakemake --report report.html`` gathers them."""

SHOWN = "partition" if "partition" in config["report"]["assignments"] else config["report"]["assignments"][-1]
REPORTED_TAGS = [f"results/tags/{assignment}.csv" for assignment in config["report"]["assignments"]]
REPORTED_TAGS += ["results/reference/tags/oracle.csv"] if SEMANTIC_MASKS else []
COMMAND = " ".join(
    ["snakemake --cores all", *(f"--configfile config/{Path(path).name}" for path in workflow.overwrite_configfiles or [])]
)


rule write_results:
    input:
        metrics="results/metrics.csv",
        tags=REPORTED_TAGS,
    output:
        table=report(
            "results/report/results.csv",
            caption="../report/results.rst",
            category="Results",
            labels={"content": "assignments", "kind": "CSV"},
        ),
        html=report(
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
        mem_mb=1000,
        runtime=10,
    params:
        code=code_digest("write_results"),
        name=DATASET["name"],
        command=COMMAND,
        shown=SHOWN,
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
        mem_mb=1000,
        runtime=10,
    params:
        code=code_digest("plot_results"),
        assignments=[Path(path).stem for path in REPORTED_TAGS],
        detailed=[SHOWN, "oracle"],
    message:
        "Plot the figures of the assignments and categories."
    script:
        "../scripts/plot_results.py"

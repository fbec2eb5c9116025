"""The last words of a run: where the results are and what to do next, or the error that ended it."""

import re

from aisi.progress import error_in

STOPPED = "Terminating processes on user request"  # what Snakemake logs after Ctrl-C


def print_closing_words():
    """After a run on photos: the masks, the photos without one, and the commands for what comes next."""
    if not IS_PHOTOS or not Path(SUMMARY).is_file():
        return
    home = Path.cwd()
    report_path = home / "results" / "report.html"
    made = {
        "For another tool": EXPORT_FOLDERS,
        "New photos with their masks": PREDICTIONS if NEW_PHOTOS else [],
        "Trained network": [f"{run}/weights.safetensors" for run in MODEL_RUNS],
        "Trained network as ONNX": ONNX_FILES,
    }
    print(
        "",
        Path(SUMMARY).read_text("utf-8").rstrip(),
        f"Masks: {home / 'results/masks'} (0 background; labels as in {home / 'results/categories.csv'})",
        f"All photos, with their tags and what is missing: {home / PHOTO_TABLE}",
        f"Photos that took no part, and why: {home / 'results/rejected_images.csv'}",
        *(f"{words}: {home / path}" for words, paths in made.items() for path in paths if Path(path).exists()),
        "",
        f"A first look at each keyword:  open {home / 'results/report/overview.html'} in a browser",
        f"Look at the tags and correct them:  {command_of('review')}",
        f"  then open {home / 'results/review/index.html'} in a browser",
        f"Write the report:  {command_of('report')} --report {report_path}",
        f"Train a network on the masks:  {command_of('semantic')}",
        sep="\n",
        file=sys.stderr,
    )


def print_errors(snakemake_logs):
    """After a run that failed: each message of the jobs that failed, once. After Ctrl-C: what to do to continue."""
    text = "".join(Path(path).read_text("utf-8") for path in snakemake_logs)
    if STOPPED in text:
        print("\nStopped. To continue, start the same command again: finished jobs do not run again.", file=sys.stderr)
        return
    logs = re.findall(r"^ +log: (.+?)(?:, \S+)* \(check log file", text, re.MULTILINE)
    messages = {error_in(path): path for path in reversed(dict.fromkeys(logs))}  # of equal ones the first log
    for message, path in reversed(messages.items()):
        if message:
            where = Path.cwd() / path
            print(f"\nError: {shortened(message, f'; all of them are in {where}')}\n\nLog: {where}", file=sys.stderr)

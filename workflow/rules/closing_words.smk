"""The last words of a run: where the results are and what to do next, or the error that ended it."""

import json
import re
import shlex

from aisi.progress import error_in


def command_of_run(*words):
    """The command of this run with other targets or options, as it works from the folder of the Snakefile."""
    base = Path(workflow.basedir)

    def shown(path):
        path = Path(path).resolve()
        return str(path.relative_to(base) if path.is_relative_to(base) else path)

    command = ["snakemake", *words, "--cores", "all"]
    if workflow.overwrite_configfiles:
        command += ["--configfile", *map(shown, workflow.overwrite_configfiles)]
    if workflow.config_settings.config:
        command += [
            "--config",
            *(f"{key}={json.dumps(value)}" for key, value in workflow.config_settings.config.items()),
        ]
    if Path.cwd() != base:
        command += ["--directory", shown(Path.cwd())]
    return shlex.join(command)


def print_closing_words():
    """After a run on photos: the masks, the photos without one, and the commands for what comes next."""
    if DATASET["format"] != "photos" or not Path(SUMMARY).is_file():
        return
    home = Path.cwd()
    report_path = home / "results" / "report.html"
    print(
        "",
        Path(SUMMARY).read_text("utf-8").rstrip(),
        f"Masks: {home / 'results/masks'} (0 background; labels as in {home / 'results/categories.csv'})",
        f"All photos, with their tags and what is missing: {home / PHOTO_TABLE}",
        f"Photos that took no part, and why: {home / 'results/rejected_images.csv'}",
        "",
        f"Look at the tags and correct them:  {command_of_run('review')}",
        f"  then open {home / 'results/review/index.html'} in a browser",
        f"Write the report:  {command_of_run('report')} --report {report_path}",
        f"Train a network on the masks:  {command_of_run('semantic')}",
        sep="\n",
        file=sys.stderr,
    )


def print_errors(snakemake_logs):
    """After a run that failed: the message of each job that failed, once."""
    text = "".join(Path(path).read_text("utf-8") for path in snakemake_logs)
    logs = re.findall(r"^ +log: (.+?)(?:, \S+)* \(check log file", text, re.MULTILINE)
    for path in dict.fromkeys(logs):
        if message := error_in(path):
            where = Path.cwd() / path
            print(f"\nError: {shortened(message, f'; all of them are in {where}')}\n\nLog: {where}", file=sys.stderr)

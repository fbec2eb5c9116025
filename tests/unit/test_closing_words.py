"""The last words of a run, from workflow/rules/closing_words.smk: where masks are, what comes next, or the error."""

import sys
from pathlib import Path

import pytest

from aisi.progress import ERROR_BELOW, shortened
from workflow_text import WORKFLOW

TEXT = (WORKFLOW / "rules" / "closing_words.smk").read_text()


@pytest.fixture
def words(tmp_path, monkeypatch):
    """The functions of the file, with the names that other rule files give them, in the folder of a run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/summary.txt").write_text("3 of 4 photos have a mask.\n")
    known = {
        "IS_PHOTOS": True,
        "SUMMARY": "results/summary.txt",
        "PHOTO_TABLE": "results/photos.csv",
        "command_of": lambda target: f"snakemake --cores all {target} --configfile config/mine.yaml",
        "EXPORT_FOLDERS": ["results/export/partition/cvat", "results/export/partition/yolo"],
        "NEW_PHOTOS": "/data/new",
        "MODEL_RUNS": ["results/semantic/partition/light/seed-0"],
        "PREDICTIONS": ["results/predict/semantic/partition/light/seed-0"],
        "ONNX_FILES": [],
        **{"Path": Path, "sys": sys, "shortened": shortened},
    }
    exec(compile(TEXT, "closing_words.smk", "exec"), known)
    return known


def test_a_run_on_photos_ends_with_masks_and_commands(words, tmp_path, capsys):
    words["print_closing_words"]()
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "3 of 4 photos have a mask."
    assert any(str(tmp_path / "results/masks") in line and "0 background" in line for line in lines)
    for target in ("review", "report", "semantic"):
        assert any(f"snakemake --cores all {target} --configfile config/mine.yaml" in line for line in lines)
    assert any(line.endswith(f"--report {tmp_path / 'results/report.html'}") for line in lines)


def test_what_this_run_made_besides_masks_is_named(words, tmp_path, capsys):
    for folder in ("export/partition/cvat", "predict/semantic/partition/light/seed-0"):
        (tmp_path / "results" / folder).mkdir(parents=True)
    words["print_closing_words"]()
    lines = capsys.readouterr().err.splitlines()
    assert f"For another tool: {tmp_path / 'results/export/partition/cvat'}" in lines
    assert f"New photos with their masks: {tmp_path / 'results/predict/semantic/partition/light/seed-0'}" in lines
    assert not any("yolo" in line or line.startswith("Trained network") for line in lines)


@pytest.mark.parametrize("case", ["demo", "no masks yet"])
def test_other_runs_end_without_closing_words(words, tmp_path, capsys, case):
    if case == "demo":
        words["IS_PHOTOS"] = False
    else:
        (tmp_path / "results/summary.txt").unlink()
    words["print_closing_words"]()
    assert capsys.readouterr() == ("", "")


def test_each_error_is_printed_once_and_shortened(words, tmp_path, capsys):
    message = "".join(f"line {number}: no photo\n" for number in range(2, 62))
    (tmp_path / "index.log").write_text(f"Traceback\n{ERROR_BELOW}\n{message}")
    (tmp_path / "killed.log").write_text("50 %")
    (tmp_path / "index_val.log").write_text(f"Traceback\n{ERROR_BELOW}\n{message}")  # two jobs read the same table
    said = "    log: {} (check log file(s) for error details)\n"
    (log := tmp_path / "snakemake.log").write_text(
        said.format("index.log, index.csv")
        + said.format("killed.log")
        + said.format("index.log")
        + said.format("index_val.log")
    )
    words["print_errors"]([log])
    printed = capsys.readouterr().err
    assert printed.count("Error: ") == 1 and "Traceback" not in printed
    assert printed.count("no photo") == 10
    assert f"and 50 more like this; all of them are in {tmp_path / 'index.log'}" in printed


def test_after_ctrl_c_no_job_is_blamed(words, tmp_path, capsys):
    (log := tmp_path / "snakemake.log").write_text(
        "Terminating processes on user request, this might take some time.\n"
        "    log: results/logs/detect.log (check log file(s) for error details)\n"
    )
    words["print_errors"]([log])
    [line] = capsys.readouterr().err.split("\n", 1)[1].splitlines()
    assert "start the same command again" in line

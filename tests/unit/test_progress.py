"""What a job prints, what its log holds, and what is left of an error at the end of a run."""

import sys

import pytest

from aisi.progress import ERROR_BELOW, INTERRUPTED, MOST_LINES, error_in, log_to, message_of, shortened


def test_what_a_job_prints_is_in_its_log(tmp_path, capsys):
    log = tmp_path / "logs" / "rule" / "a.log"
    with log_to(log):
        print("found 3 photos")
        sys.stderr.write("1/2\r2/2\n")
    assert log.read_text() == "found 3 photos\n1/2\n2/2\n"
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("found 3 photos\n", "1/2\r2/2\n")
    assert error_in(log) is None


def test_an_error_ends_the_job_and_its_traceback_is_in_the_log_alone(tmp_path, capsys):
    log, terminal = tmp_path / "a.log", (sys.stdout, sys.stderr)
    with pytest.raises(SystemExit) as ended, log_to(log):
        raise ValueError("keywords.csv, line 7: found 4 values")
    assert ended.value.code == 1
    assert (sys.stdout, sys.stderr) == terminal
    assert error_in(log) == "keywords.csv, line 7: found 4 values"
    text = log.read_text()
    assert "Traceback" in text and text.count(ERROR_BELOW) == 1
    printed = capsys.readouterr()
    assert "Traceback" not in printed.out + printed.err


def test_only_the_last_error_of_a_log_counts(tmp_path):
    (log := tmp_path / "a.log").write_text(f"{ERROR_BELOW}\nquoted\nmore\n{ERROR_BELOW}\nline 1\nline 2\n")
    assert error_in(log) == "line 1\nline 2"


@pytest.mark.parametrize("content", ["", "killed here\n", "\xff"])
def test_a_job_that_was_killed_has_no_message(tmp_path, content):
    log = tmp_path / "a.log"
    log.write_bytes(content.encode("latin-1"))
    assert error_in(log) is None


def test_a_job_without_a_log_is_named(tmp_path):
    assert "before its first line" in error_in(tmp_path / "a.log")


def test_ctrl_c_ends_a_job_and_its_traceback_is_in_the_log_alone(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, log_to(tmp_path / "a.log"):
        raise KeyboardInterrupt
    assert ended.value.code == INTERRUPTED
    assert error_in(tmp_path / "a.log") is None and "KeyboardInterrupt" in (tmp_path / "a.log").read_text()
    assert capsys.readouterr() == ("", "")


def test_messages_name_the_type_unless_a_value_is_wrong():
    error = ValueError("line 7")
    error.add_note("The nearest names are 'a'.")
    assert message_of(error) == "line 7\nThe nearest names are 'a'."
    assert message_of(ValueError()) == "ValueError: "
    assert message_of(FileNotFoundError(2, "No such file", "a.png")).startswith("FileNotFoundError: [Errno 2]")


def test_long_messages_are_shortened():
    lines = [f"line {number}" for number in range(60)]
    assert shortened("\n".join(lines[:MOST_LINES])) == "\n".join(lines[:MOST_LINES])
    assert shortened("\n".join(lines), "; see a.log").splitlines() == [
        *lines[:MOST_LINES],
        "and 50 more like this; see a.log",
    ]

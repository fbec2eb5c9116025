"""What a change of a format runs again: few formats reach a training, and the docs say which."""

import pytest

from write_reruns import PAGE, page_with_table, scripts_of_modules

SCRIPTS_OF = scripts_of_modules()


@pytest.mark.parametrize("name", ["metrics", "features", "graph", "attention", "partition"])
def test_no_training_runs_again(name):
    assert SCRIPTS_OF[name], "Some script reads or writes it."
    assert [script for script in SCRIPTS_OF[name] if script.startswith("train_")] == []


def test_a_training_reads_the_tables_of_the_dataset():
    assert {"train_attention", "train_semantic", "train_instance"} <= set(SCRIPTS_OF["dataset"])


def test_the_table_in_the_docs_is_up_to_date():
    text = PAGE.read_text()
    assert text == page_with_table(text), "Run python tools/write_reruns.py"

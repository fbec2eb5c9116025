"""A small run, whose review page the tests of this folder open."""

import pytest

from small_run import SmallRun


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    small = SmallRun(tmp_path_factory.mktemp("run"))
    small.solve()
    small.write_page()
    return small

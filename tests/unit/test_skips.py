"""With CI=true a skip is a failure, unless the machine lacks what the test needs."""

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
TESTS = """
    import pytest

    def test_passes(): pass

    @pytest.mark.skip(reason="not today")
    def test_marked(): pass

    def test_called(): pytest.skip("some other day")

    def test_lacking(): pytest.skip("machine lacks: a telescope")

    @pytest.mark.xfail
    def test_expected(): raise ValueError
"""


@pytest.fixture
def run(pytester, monkeypatch):
    def run(tests, ci, **environment):
        monkeypatch.setenv("CI", ci)
        monkeypatch.setenv("PYTHONPATH", str(CONFTEST.parent))
        for name, value in environment.items():
            monkeypatch.setenv(name, str(value))
        pytester.makeconftest(CONFTEST.read_text())
        pytester.makepyfile(tests)
        return pytester.runpytest_subprocess("-rs", "-p", "no:cacheprovider")

    return run


def test_skips_fail_with_ci(run):
    result = run(TESTS, ci="true")
    result.assert_outcomes(passed=1, failed=1, errors=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*skipped although CI=true: not today*"])
    result.stdout.fnmatch_lines(["*machine lacks: a telescope*"])


def test_skips_stay_without_ci(run):
    run(TESTS, ci="").assert_outcomes(passed=1, skipped=3, xfailed=1)


def test_skipped_module_fails_with_ci(run):
    result = run("import pytest\npytest.importorskip('no_such_module')", ci="true")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*skipped although CI=true: could not import 'no_such_module'*"])


def test_shared_data(run, tmp_path):
    tests = "def test_it(shared_data): assert shared_data.is_dir()"
    result = run(tests, ci="true", AISI_SHARED=tmp_path)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"*machine lacks: shared data ({tmp_path}/data; *"])
    (tmp_path / "data").mkdir()
    run(tests, ci="true", AISI_SHARED=tmp_path).assert_outcomes(passed=1)

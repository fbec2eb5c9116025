"""What all tests share: the sample photographs, and no quiet skips where CI is set."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["pytester", "project"]

ROOT = Path(__file__).parents[1]
MACHINE_LACKS = "machine lacks: "
"""A skip's reason begins with this where the machine cannot run the test; every other skip fails if CI=true."""


@pytest.fixture(scope="session")
def shared_data():
    """Folder of sample photographs (voc_mini, salient_instances): AISI_SHARED/data, by default ../shared/data."""
    folder = Path(os.environ.get("AISI_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"{MACHINE_LACKS}shared data ({folder}; AISI_SHARED names another folder)")
    return folder


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A headless Chromium; ``.ci/run`` installs Debian's packages."""
    from webdriver import Browser, missing

    if missing():
        pytest.skip(f"{MACHINE_LACKS}{' and '.join(missing())} (Debian's packages chromium and chromium-driver)")
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.quit()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return _without_quiet_skips((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return _without_quiet_skips((yield))


def _without_quiet_skips(report):
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        path, line, reason = report.longrepr
        reason = reason.removeprefix("Skipped: ")
        if not reason.startswith(MACHINE_LACKS):
            report.outcome = "failed"
            report.longrepr = f"{path}:{line}: skipped although CI=true: {reason}"
    return report

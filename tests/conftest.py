"""What all tests share: how expected files are compared, and rewritten on purpose."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import settings

from harness.environment import VARIABLES

settings.register_profile("shared", deadline=None)  # a busy machine is no failure; what is slow is found by benchmarks
settings.load_profile("shared")

# Tests begin from what the harness does by itself, whoever runs them: CI would hide texts, a key would call a provider.
OF_THE_MACHINE = {"PYTHONPATH", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"}
for _name in VARIABLES.keys() - OF_THE_MACHINE:
    os.environ.pop(_name, None)


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the expected files; look at the difference before commit"
    )


@pytest.fixture
def assert_expected(request):
    """Compare a text with an expected file; with ``--update-golden`` write it first."""

    def compare(text, path):
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8"))
        assert text == path.read_bytes().decode("utf-8")

    return compare


def pytest_collection_modifyitems(items):
    """What repeats lines that others reach, or works in a browser, is not measured: it would take twice the time.

    The marker is pytest-cov's; simulations carry it themselves. Set-up of such a test is measured, its call is not.
    """
    for item in items:
        if item.get_closest_marker("browser") or getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("no_cover")


LEAST_COVERED = 80


def pytest_terminal_summary(terminalreporter, config):
    """Where coverage is measured: the whole, and each module below 80%."""
    path = Path(config.rootpath) / ".coverage.json"
    if not config.pluginmanager.hasplugin("_cov") or not path.is_file():
        return
    measured = json.loads(path.read_text(encoding="utf-8"))
    shares = {name: one["summary"]["percent_covered"] for name, one in measured["files"].items()}
    low = sorted((share, name) for name, share in shares.items() if share < LEAST_COVERED)
    terminalreporter.section("coverage")
    terminalreporter.write_line(f"{measured['totals']['percent_covered']:.1f}% of the lines in {len(shares)} modules")
    for share, name in low:
        terminalreporter.write_line(f"below {LEAST_COVERED}%: {name} {share:.0f}%")
    if not low:
        terminalreporter.write_line(f"no module is below {LEAST_COVERED}%")

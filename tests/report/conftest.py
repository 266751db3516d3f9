"""What the report tests share: made-up sources, and a browser where there is one."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
AXE_PLACES = (os.environ.get("AXE_CORE_JS", ""), str(HERE.parents[1] / "node_modules/axe-core/axe.min.js"))
AXE_PACKAGES = ("axe_playwright_python", "axe_core_python")
"""Python packages that carry axe-core with them, where one is installed."""


@pytest.fixture(scope="module")
def browser():
    """A browser for one module: its driver keeps an event loop running, which no other test may find."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
    if CHROMIUM is None:
        pytest.skip("needs chromium on the PATH")
    try:
        driver = sync_api.sync_playwright().start()
    except Exception as error:  # the package raises no class of its own when its driver cannot be started
        pytest.skip(f"the driver of playwright does not start ({error}); on Debian it needs libatomic1")
    try:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield launched
        launched.close()
    finally:
        driver.stop()


def axe_in_packages():
    """Scripts of axe-core inside installed packages, the minified first."""
    specs = [importlib.util.find_spec(name) for name in AXE_PACKAGES]
    folders = [Path(folder) for spec in specs if spec for folder in spec.submodule_search_locations or ()]
    return [str(path) for name in ("axe.min.js", "axe.js") for folder in folders for path in sorted(folder.rglob(name))]


@pytest.fixture(scope="session")
def axe():
    found = next((path for path in (*AXE_PLACES, *axe_in_packages()) if path and Path(path).is_file()), None)
    if found is None:
        pytest.skip("needs axe-core: npm install axe-core, pip install axe-playwright-python, or AXE_CORE_JS=path")
    return Path(found).read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _in_november_2026(monkeypatch):
    """Commands read the clock: which weeks have begun must not depend on the day on which a test runs."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795860000")

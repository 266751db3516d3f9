"""pytest plugin: a moderation gate among a team's own tests.

``pytest --moderation-eval evals/x.yaml`` collects one test per check; the fixture ``moderation_gate`` gives the whole
report to a test of one's own. Decides how verdicts become test results: what keeps the gate from passing fails with its
message, what does not pass and does not block is skipped. Under pytest-xdist one worker gates and the others take its
report: ``-n 4`` asks, pays and logs as often as ``-n 0``. The harness is imported only when a gate is asked for.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.gating import GateReport
    from harness.gating.gate_report import CheckReport

GATES = pytest.StashKey["dict[tuple[Any, ...], GateReport | str]"]()
SHARED = pytest.StashKey[Path]()
"""Folder in which the workers of one session leave their reports; only its owner can read it."""
SHARED_INPUT = "moderation_gates"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the plugin."""
    group = parser.getgroup("moderation", "moderation gate")
    group.addoption(
        "--moderation-eval", action="append", default=[], metavar="EVAL", help="Gate this eval, a test per check."
    )
    group.addoption("--moderation-candidate", metavar="ID", help="The candidate to judge.")
    group.addoption(
        "--moderation-baseline", metavar="REF", help="A candidate of the eval, RUN[:candidate], or promoted."
    )
    group.addoption(
        "--moderation-cached-only", action="store_true", help="Replay: call nothing, fail if an answer is missing."
    )
    group.addoption("--moderation-cache", metavar="FILE", help="Journal of answers.")
    group.addoption("--moderation-runs-dir", metavar="DIR", default="reports/runs", help="Folder that holds runs.")


@pytest.fixture(scope="session")
def moderation_gate(request: pytest.FixtureRequest) -> Callable[..., GateReport]:
    """A function that runs and gates an eval: ``moderation_gate("evals/x.yaml", candidate="v2").verdict == "PASS"``.

    Without arguments it takes what the command line says. One eval is run once per session.
    """

    def gate(eval_path: str | Path | None = None, **options: Any) -> GateReport:
        named = request.config.getoption("moderation_eval")
        if eval_path is None and len(named) != 1:
            raise pytest.UsageError("moderation_gate() needs an eval: pass its path, or one --moderation-eval")
        return gate_once(request.config, Path(eval_path or named[0]), **options)

    return gate


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin without reports; a worker is told where the session's are.

    Who sends workers out reads the evals first: a worker that cannot collect ends in an error of pytest-xdist.
    """
    session.config.stash[GATES] = {}
    if session.config.pluginmanager.hasplugin("dsession"):
        for name in session.config.getoption("moderation_eval"):
            _checks_of(Path(name))
    shared = getattr(session.config, "workerinput", {}).get(SHARED_INPUT)
    if shared is not None:
        session.config.stash[SHARED] = Path(shared)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the reports of this session are."""
    stash = node.config.stash
    if SHARED not in stash:
        stash[SHARED] = Path(tempfile.mkdtemp(prefix="moderation-gates-"))
    node.workerinput[SHARED_INPUT] = str(stash[SHARED])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the reports; a worker leaves them to the others."""
    if SHARED in config.stash and not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[SHARED], ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the tests of each named eval to those that were collected."""
    for name in config.getoption("moderation_eval"):
        items.extend(
            EvalFile.from_parent(session, name=Path(name).name, path=Path(name).absolute(), nodeid=name).collect()
        )


def gate_once(
    config: pytest.Config,
    eval_path: Path,
    *,
    candidate: str | None = None,
    baseline: str | None = None,
    cached_only: bool | None = None,
) -> GateReport:
    """Run and gate an eval, or give the report of this session.

    Raises:
        HarnessError: The eval came to nothing; said again to every test that asks.
    """
    option = config.getoption
    is_cached_only = option("moderation_cached_only") if cached_only is None else cached_only
    candidate, baseline = candidate or option("moderation_candidate"), baseline or option("moderation_baseline")
    key = (str(eval_path.absolute()), candidate, baseline, is_cached_only)
    gates = config.stash[GATES]
    if key not in gates:
        shared = config.stash.get(SHARED, None)
        gates[key] = _gate(config, key) if shared is None else _shared(config, key, shared)
    found = gates[key]
    if isinstance(found, str):
        from harness.errors import HarnessError

        raise HarnessError(found)
    return found


def _shared(config: pytest.Config, key: tuple[Any, ...], folder: Path) -> GateReport | str:
    """What the first worker came to; the others wait for it."""
    from filelock import FileLock

    from harness.gating.passing_on import packed, unpacked

    path = folder / hashlib.sha256(repr(key).encode()).hexdigest()
    with FileLock(f"{path}.lock"):
        if path.is_file():
            return unpacked(path.read_text("ascii"))
        found = _gate(config, key)
        path.write_text(packed(found), "ascii")
        return found


def _gate(config: pytest.Config, key: tuple[Any, ...]) -> GateReport | str:
    """The report of an eval, or why there is none."""
    from harness.environment import CACHE_VARIABLE
    from harness.errors import HarnessError
    from harness.jobs.gate import gate_eval
    from harness.jobs.run_options import GateOptions, RunOptions
    from harness.runner.stored import journal_path

    eval_path, candidate, baseline, is_cached_only = key
    cache = config.getoption("moderation_cache") or os.environ.get(CACHE_VARIABLE)
    options = GateOptions(candidate, baseline, is_cached_only=is_cached_only)
    try:
        run_options = RunOptions(config.getoption("moderation_runs_dir"), journal_path(cache) if cache else None)
        return gate_eval(Path(eval_path), options, run_options, os.environ, now=datetime.now(UTC))
    except HarnessError as error:
        return str(error)


def _checks_of(path: Path) -> list[str]:
    """The names of an eval's checks."""
    from harness.errors import HarnessError
    from harness.files.evals import load_eval
    from harness.gating.checks import check_key, gate_of, resolve_checks

    try:
        loaded = load_eval(path)
        gate = gate_of(loaded.eval.value)
        return list(map(check_key, resolve_checks(gate.checks, loaded.golden.categories, len(loaded.golden))))
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None


class EvalFile(pytest.File):
    """An eval on the command line: its verdict and its checks."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test for the verdict, and one per check that the eval asks; nothing is run yet."""
        yield GateItem.from_parent(self, name="verdict")
        for name in _checks_of(self.path):
            yield GateItem.from_parent(self, name=name)


class GateItem(pytest.Item):
    """One check of an eval, or its verdict as a whole."""

    def runtest(self) -> None:
        """Gate the eval (once per session) and judge this check."""
        from harness.errors import HarnessError
        from harness.report.gate.junit import describe
        from harness.report.gate.statement_words import headline_of

        try:
            report = gate_once(self.config, self.path)
        except HarnessError as error:
            raise GateFailed(f"INVALID: {error}") from None
        if self.name == "verdict":
            if report.is_tolerated:
                pytest.skip(headline_of(report))
            if report.verdict != "PASS":
                raise GateFailed(headline_of(report))
            return
        check = next((one for one in report.checks if one.key == self.name), None)
        status = "skipped" if check is None else report.status_of(check)
        if check is None or status == "skipped":
            pytest.skip("not asked of this run" if check is None else _said(check))
        if status == "error":
            raise GateFailed(headline_of(report))
        if status == "failure":
            raise GateFailed(describe(check))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The verdict's own words instead of a traceback of the harness."""
        if isinstance(excinfo.value, GateFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the check stands."""
        return self.path, 0, f"{self.path.name}: {self.name}"


class GateFailed(Exception):  # noqa: N818
    """A check that keeps the gate from passing."""


def _said(check: CheckReport) -> str:
    from harness.report.gate.statement_words import check_message

    return f"{check.result.verdict} ({check.result.spec.tier}): {check_message(check)}"

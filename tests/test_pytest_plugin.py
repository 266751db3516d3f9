"""The plugin inside a pytest of its own, over an eval of recorded decisions."""

import json
from importlib import import_module, metadata

import pytest

from tests.gating.small_eval import write_eval

pytest_plugins = ["pytester"]
for module in ("harness.jobs.run", "harness.jobs.gate", "harness.report.gate", "harness.candidates.recorded"):
    import_module(module)  # numpy loads once per process, and pytester puts sys.modules back as it found it
IS_INSTALLED = any(one.value == "harness.pytest_plugin" for one in metadata.entry_points(group="pytest11"))


@pytest.fixture
def run_pytest(pytester, monkeypatch):
    """pytest in a folder of its own, in this process."""
    monkeypatch.setenv("HARNESS_CACHE", str(pytester.path / "journal.sqlite"))
    plugin = () if IS_INSTALLED else ("-p", "harness.pytest_plugin")
    return lambda *arguments: pytester.runpytest_inprocess("-rA", "-p", "no:asyncio", *plugin, *arguments)


@pytest.mark.parametrize(("missed", "code"), [(0, 0), (60, 1)])
def test_an_eval_is_a_test_per_check(pytester, run_pytest, missed, code):
    path = write_eval(pytester.path, missed=missed)
    done = run_pytest("--moderation-eval", str(path))
    assert done.ret == code, done.stdout.str()
    said = "FAILED" if code else "PASSED"
    assert f"{said} " in done.stdout.str()
    assert "verdict" in done.stdout.str()
    assert "hate recall" in done.stdout.str()
    if code:
        assert "REGRESSION: Hate recall, critical, margin 5 points" in done.stdout.str()


def test_inconclusive_fails_with_what_would_settle_it(pytester, run_pytest):
    path = write_eval(pytester.path, n_positives=30)
    done = run_pytest("--moderation-eval", str(path))
    assert done.ret == 1
    assert "INCONCLUSIVE: Hate recall" in done.stdout.str()
    assert "more violating items would settle it" in done.stdout.str()


def test_watch_checks_are_skipped_with_their_message(pytester, run_pytest):
    path = write_eval(pytester.path, n_positives=30, tier="watch")
    done = run_pytest("--moderation-eval", str(path))
    assert done.ret == 0
    assert "INCONCLUSIVE (watch):" in done.stdout.str()


def test_fixture_gives_the_report_to_a_test_of_ones_own(pytester, run_pytest):
    path = write_eval(pytester.path, missed=0)
    (pytester.path / "test_own.py").write_text(
        "def test_gate(moderation_gate):\n"
        f"    report = moderation_gate({json.dumps(str(path))}, candidate='v2')\n"
        "    assert (report.verdict, report.exit_code) == ('PASS', 0)\n"
    )
    done = run_pytest("test_own.py")
    assert done.ret == 0, done.stdout.str()
    assert "1 passed" in done.stdout.str()


def test_a_broken_eval_is_a_usage_error_with_its_message(pytester, run_pytest):
    (pytester.path / "x.yaml").write_text("eval: x\n")
    done = run_pytest("--moderation-eval", str(pytester.path / "x.yaml"))
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "x.yaml" in done.stderr.str()


def test_a_broken_eval_is_a_usage_error_where_workers_share_the_tests(pytester):
    """It ended in an internal error of pytest-xdist, whose traceback did not name the eval."""
    (pytester.path / "x.yaml").write_text("eval: x\n")
    (pytester.path / "test_own.py").write_text("def test_own():\n    pass\n")
    plugin = () if IS_INSTALLED else ("-p", "harness.pytest_plugin")
    done = pytester.runpytest_subprocess(
        "-n", "2", "-p", "no:asyncio", "-p", "no:cacheprovider", *plugin, "--moderation-eval", "x.yaml"
    )
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "x.yaml" in done.stderr.str()
    assert "INTERNALERROR" not in done.stdout.str()


def test_a_replay_without_answers_fails_clearly(pytester, run_pytest):
    path = write_eval(pytester.path, with_prompt=True)
    done = run_pytest("--moderation-eval", str(path), "--moderation-cached-only")
    assert done.ret == 1
    assert "answers are missing from the journal" in done.stdout.str()


@pytest.mark.parametrize("workers", ["0", "2"])
def test_workers_share_one_gate(pytester, monkeypatch, workers):
    """Each worker once ran the eval itself: all but one failed with "under way in another process"."""
    monkeypatch.setenv("HARNESS_CACHE", str(pytester.path / "journal.sqlite"))
    monkeypatch.setenv("TMPDIR", str(pytester.mkdir("temporary")))
    path = write_eval(pytester.path, missed=0)
    (pytester.path / "test_own.py").write_text(
        "import pytest\n@pytest.mark.parametrize('at', range(4))\n"
        "def test_gate(moderation_gate, at):\n    assert moderation_gate().verdict == 'PASS'\n"
    )
    plugin = () if IS_INSTALLED else ("-p", "harness.pytest_plugin")
    done = pytester.runpytest_subprocess(
        "-n", workers, "-p", "no:asyncio", "-p", "no:cacheprovider", *plugin, "--moderation-eval", str(path)
    )
    done.assert_outcomes(passed=6, skipped=1)
    assert len((pytester.path / "golden_sets" / "demo_v1.gates.jsonl").read_text().splitlines()) == 1
    assert not list((pytester.path / "temporary").glob("moderation-gates-*"))

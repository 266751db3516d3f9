"""Imports point one way, and what is heavy is imported only where it is used."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from projects import write_project

PACKAGE = Path(__file__).parent.parent / "harness"


def modules():
    return sorted(path for path in PACKAGE.rglob("*.py") if "team" not in path.parts)


def test_a_folder_imports_only_folders_below_it(tmp_path):
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        capture_output=True,
        text=True,
        cwd=PACKAGE.parent,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_stay_readable(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


HEAVY = {"openai", "pydantic", "pandas", "datasets", "sklearn", "matplotlib", "scipy.stats", "xllamacpp", "playwright"}


def loaded_after(code):
    script = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_help_loads_neither_numbers_nor_models():
    loaded = loaded_after(
        "from click.testing import CliRunner\nfrom harness.cli import main\nCliRunner().invoke(main, ['--help'])"
    )
    assert not loaded & (HEAVY | {"numpy", "pyarrow", "pydantic", "aiohttp", "yaml", "jinja2"})


@pytest.mark.parametrize(
    "module", ["harness.jobs.run", "harness.runner.local", "harness.measure.score", "harness.measure.compare"]
)
def test_the_main_path_loads_nothing_heavy(module):
    assert not loaded_after(f"import {module}") & HEAVY


def test_gating_a_stored_run_loads_nothing_that_asks():
    """The verdict on a stored run loaded event loops, journals and the readers of evals: an eighth of its time."""
    asks = {"asyncio", "sqlite3", "harness.runner", "harness.files.evals", "harness.report.gate.junit"}
    assert not loaded_after("import harness.jobs.gate, harness.report.gate.screen, harness.report.gate.tables") & asks


def test_checking_files_and_listing_runs_load_no_numpy(tmp_path):
    """A check of two files took 12 MB and a tenth of its time for arrays; a list of runs, half of its time."""
    folder = write_project(tmp_path)
    called = f"CliRunner().invoke(main, ['check', {str(folder / 'eval.yaml')!r}], catch_exceptions=False).exit_code"
    code = f"from click.testing import CliRunner\nfrom harness.cli import main\nassert {called} == 0\n"
    assert not loaded_after(code + "import harness.runs.listing, harness.cli.runs") & {"numpy", "pyarrow", "pydantic"}


def test_records_load_without_what_compiles_them():
    """Every method of a dataclass is compiled by each process: a quarter of what a run imports."""
    assert not loaded_after("import harness.records") & {"dataclasses", "pydantic", "numpy"}


def test_a_run_loads_nothing_that_reads_runs_or_shares_limits():
    """What reads stored runs, and what shards ask for their limits, loaded with every run."""
    unused = {"harness.runs.reader", "harness.runs.listing", "harness.runner.shared"}
    assert not loaded_after("import harness.runner.local") & unused


OPAQUE = {"fingerprints", "signatures", "limits"}
"""Fields of a run's record that stay as whoever wrote them had them: nothing outside decides their keys."""


def test_what_passes_between_parts_is_typed():
    """Run records and results once travelled as mappings, and defaults were written again wherever one was read."""
    from typing import Any, get_args, get_type_hints

    from harness.measure.compare import Comparison
    from harness.measure.score import RunScore
    from harness.records import EarlyStop, Eval, GoldenFacts, PolicyFacts, RunInput, RunMeta
    from harness.report.comparison.source import ReportSource
    from harness.report.weekly.summaries import Summary

    def holds_anything(hint: Any) -> bool:
        return hint is Any or any(holds_anything(one) for one in get_args(hint) if not isinstance(one, str))

    for record in (RunMeta, Eval, GoldenFacts, PolicyFacts, RunInput, EarlyStop, RunScore, Comparison, Summary):
        hints = {name: one for name, one in get_type_hints(record).items() if not name.startswith("__")}
        loose = {name for name, hint in hints.items() if holds_anything(hint)}
        assert loose <= OPAQUE, f"{record.__name__}: {loose}"
    hints = get_type_hints(ReportSource)
    assert not any(holds_anything(hints[name]) for name in ("scores", "comparisons", "gates", "policy", "inputs"))


UNPICKLING = re.compile(
    r"\b(?:import|from)\s+(?:_?c?pickle|dill|cloudpickle|joblib|marshal|shelve)\b"
    r"|\b(?:_?c?[Pp]ickle|dill|cloudpickle|joblib|marshal|shelve)\.\w"
    r"|allow_pickle\s*=\s*True|read_pickle|torch\.load\("
)


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("import pickle", True),
        ("found = pickle.loads(content)", True),
        ("np.load(path, allow_pickle=True)", True),
        ("pd.read_pickle(path)", True),
        ("torch.load(path)", True),
        ("joblib.load(path)", True),
        ("    from pickle import loads", True),
        ('PICKLES = (".pkl", ".joblib")', False),
        ("np.load(path)", False),
    ],
)
def test_what_counts_as_unpickling(line, is_found):
    assert bool(UNPICKLING.search(line)) == is_found


NAMELESS_EXIT = re.compile(r"SystemExit\(\d|exit_code(: int)? = \d")


@pytest.mark.parametrize("pattern", [UNPICKLING, NAMELESS_EXIT], ids=["unpickling", "exit codes as numbers"])
def test_no_line_of_code_does(pattern):
    """Reading a pickle runs what it says, whoever wrote it; exit codes are the one table of ``errors.Exit``."""
    found = [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py*"))
        if path.suffix in (".py", ".pyi")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line.partition("#")[0])
    ]
    assert found == []

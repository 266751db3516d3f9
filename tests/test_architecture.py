"""Imports point one way, and what is heavy is imported only where it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "harness"

LAYERS = [
    {"errors", "records", "answers"},
    {"core"},
    {
        "textfile",
        "yamlfile",
        "fromfile",
        "schema",
        "rows",
        "tables",
        "sandbox",
        "policy",
        "golden",
        "prompts",
        "rules",
        "models",
    },
    {"evalspec", "runs", "embedded", "goldens"},
    {"candidates"},
    {"runner", "decisions", "check"},
    {"scoring", "comparison", "baselines", "gating", "gate_log"},
    {"slice_changes"},
    {"report", "execution", "shipped", "explain"},
    {"ci", "early_stop"},
    {"cli", "pytest_plugin"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
STRANGERS = [("report", "runner"), ("runner", "report"), ("scoring", "runner"), ("comparison", "runner")]


def modules():
    return sorted(path for path in PACKAGE.rglob("*.py") if "templates" not in path.parts)


def part_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imported_parts(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if (
                parts[0] == "harness"
                and len(parts) > 1
                and (PACKAGE / parts[1]).exists() | (PACKAGE / f"{parts[1]}.py").exists()
            ):
                yield parts[1]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    own = part_of(path)
    if own == "__init__":
        return
    assert own in RANK, f"{own} has no layer: decide where it belongs"
    for other in imported_parts(path):
        assert RANK[other] <= RANK[own], f"{own} must not import {other}"
        assert (own, other) not in STRANGERS, f"{own} and {other} do not know one another"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_stay_readable(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 440


HEAVY = {"openai", "pandas", "datasets", "sklearn", "matplotlib", "scipy.stats", "xllamacpp", "playwright"}


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
    "module", ["harness.execution", "harness.runner.local", "harness.scoring", "harness.comparison"]
)
def test_the_main_path_loads_nothing_heavy(module):
    assert not loaded_after(f"import {module}") & HEAVY


def test_records_load_without_pydantic():
    assert not loaded_after("import harness.records") & {"pydantic", "numpy"}

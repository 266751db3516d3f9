"""The core imports numpy, scipy's light parts, pure standard modules, itself and the error tree; nothing else."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import harness.core

CORE = Path(harness.core.__file__).parent
ALLOWED_ROOTS = {"numpy", "collections", "dataclasses", "decimal", "functools", "math", "re", "typing", "__future__"}
ALLOWED_PREFIXES = ("scipy.special", "scipy.optimize", "harness.core", "harness.errors", "numpy.typing")
IMPURE_CALLS = {"open", "print", "input", "eval", "exec", "__import__"}


def _trees():
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(CORE.glob("*.py"))]


@pytest.mark.parametrize(("path", "tree"), _trees(), ids=lambda value: getattr(value, "stem", ""))
def test_core_module_imports_only_pure_packages(path, tree):
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            assert node.level == 0, f"{path.name}: relative import"
        if path.stem != "special":
            assert not any(name.startswith("scipy.special") for name in names), (
                f"{path.name}: past harness.core.special"
            )
        for name in names:
            is_allowed = name.split(".")[0] in ALLOWED_ROOTS or name.startswith(ALLOWED_PREFIXES)
            is_allowed |= (path.stem, name) == ("metric_table", "importlib")  # for the modules that its table names
            is_allowed |= (path.stem, name) in {("special", "sys"), ("special", "importlib.util")}
            assert is_allowed, f"{path.name}:{node.lineno} imports {name}"


@pytest.mark.parametrize(("path", "tree"), _trees(), ids=lambda value: getattr(value, "stem", ""))
def test_core_module_has_no_side_effects(path, tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in IMPURE_CALLS, f"{path.name}:{node.lineno} calls {node.func.id}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "random":
            assert node.attr in {"Generator", "SeedSequence", "default_rng"}, f"{path.name}:{node.lineno} global rng"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "default_rng":
            assert node.args, f"{path.name}:{node.lineno} makes an unseeded generator"


def _public_functions():
    for path, tree in _trees():
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        for node in [*tree.body, *(member for owner in classes for member in owner.body)]:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield pytest.param(node, id=f"{path.stem}.{node.name}")


@pytest.mark.parametrize("node", list(_public_functions()))
def test_public_function_documents_itself(node):
    text = ast.get_docstring(node) or ""
    n_arguments = len(node.args.args) + len(node.args.kwonlyargs) - any(x.arg == "self" for x in node.args.args)
    assert ">>>" in text, "a doctest"
    assert n_arguments == 0 or "Args:" in text
    summary = text.splitlines()[0]
    assert summary.endswith((".", ":")) or ":" in summary
    order = [text.find(part) for part in ("Args:", "Returns:", "Raises:", "References:", ">>>") if part in text]
    assert order == sorted(order)


def test_core_never_loads_scipy_stats():
    # scipy.stats costs a second of start-up
    modules = [f"harness.core.{path.stem}" for path in CORE.glob("*.py") if path.stem != "__init__"]
    code = f"import sys, {', '.join(modules)}; sys.exit('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_core_loads_no_part_of_numpy_that_it_has_no_use_for():
    """A third of what scipy.special cost was numpy's compiler of Fortran and its tools for tests; they still work."""
    code = "import sys, harness.core.special, numpy as np; unused = {'unittest', 'numpy.f2py.crackfortran'};"
    code += "assert not unused & sys.modules.keys(), unused & sys.modules.keys();"
    code += "np.testing.assert_array_equal([1], [1]); from numpy.testing import assert_equal; import numpy.f2py;"
    code += "assert np.f2py.run_main and 'unittest' in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_core_modules_have_one_reason_to_change():
    sizes = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in CORE.glob("*.py")}
    assert {name: size for name, size in sizes.items() if size > 350} == {}

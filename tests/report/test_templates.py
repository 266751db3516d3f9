"""Templates are compiled once, and their kept code is never older than what made it."""

import os
import shutil
import sys

import jinja2
import pytest
from jinja2 import nodes

from harness.report.parts import templates


@pytest.fixture
def rendered(tmp_path, monkeypatch):
    """Renders a template that may be edited, and how often one was compiled."""
    folder = shutil.copytree(templates.TEMPLATES, tmp_path / "templates", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "kept"))
    monkeypatch.setattr(templates, "TEMPLATES", folder)
    (folder / "page.jinja").write_text("{{ value|share }}")
    compiled = []
    compile_one = jinja2.Environment.compile

    def counted(self, *given, **more):
        compiled.append(1)
        return compile_one(self, *given, **more)

    monkeypatch.setattr(jinja2.Environment, "compile", counted)

    def render():
        templates.environment.cache_clear()
        return templates.environment().get_template("page.jinja").render(value=0.25), len(compiled)

    yield folder, render
    templates.environment.cache_clear()


def test_a_template_is_compiled_once(rendered):
    """A seventh of the comparison page's processor time went into compiling its template again."""
    _, render = rendered
    assert [render(), render()] == [("25.0%", 1), ("25.0%", 1)]


def test_a_changed_template_and_another_jinja_are_compiled_again(rendered, monkeypatch):
    folder, render = rendered
    render()
    (folder / "page.jinja").write_text("{{ value|share }} of all")
    assert render() == ("25.0% of all", 2)
    os.utime(folder / "page.jinja", (1, 1))
    assert render() == ("25.0% of all", 3)
    monkeypatch.setattr(jinja2, "__version__", "999")
    assert render() == ("25.0% of all", 4)


def test_no_template_has_a_filtered_constant():
    """Jinja computes it when it compiles: kept code would not follow a change of the filter."""
    environment = templates.environment()
    for path in templates.TEMPLATES.glob("*.jinja"):
        for node in environment.parse(path.read_text(encoding="utf-8")).find_all(nodes.Filter):
            with pytest.raises(nodes.Impossible):
                node.as_const(nodes.EvalContext(environment, path.name))

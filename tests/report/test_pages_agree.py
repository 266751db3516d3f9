"""What the pages name must be there: commands, and the targets of their own links."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from synthetic import synthetic_source
from weekly_cases import History

from harness.cli import COMMANDS, main
from harness.report.comparison.build import build_report
from harness.report.comparison.page import render_page as comparison_page
from harness.report.weekly.build import build_weekly
from harness.report.weekly.collect import collect
from harness.report.weekly.page import render_page as weekly_page

PACKAGE = Path(__file__).parents[2] / "harness"
NAMED = re.compile(
    r"(?:`|<code>|<pre>|\brun: |\bsee: |\bwith: |\bmake one: |^\s*(?:- run: )?)harness ([a-z]+)(?: ([a-z]+))?", re.M
)
PLACES = [
    *sorted(one for one in (PACKAGE / "report/templates").rglob("*") if one.is_file() and one.suffix != ".pyc"),
    *sorted((PACKAGE / "explain").glob("*.md")),
    *sorted((PACKAGE / "report").rglob("*.py")),
    *sorted((PACKAGE / "cli").rglob("*.py")),
]


def unknown_commands(text):
    found = []
    for name, then in NAMED.findall(text):
        command = main.get_command(click.Context(main), name)
        names = command.list_commands(click.Context(command)) if isinstance(command, click.Group) else None
        if command is None or (then and names is not None and then not in names):
            found.append(f"{name} {then}".strip())
    return found


@pytest.mark.parametrize("path", PLACES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_pages_name_only_commands_that_exist(path):
    """A page once sent readers to a command that was never written."""
    assert unknown_commands(path.read_text(encoding="utf-8")) == []


def test_the_search_for_commands_finds_them():
    assert unknown_commands("see <code>harness unheard</code> and `harness golden unheard`") == [
        "unheard",
        "golden unheard",
    ]
    assert unknown_commands(" ".join(f"`harness {name}`" for name in COMMANDS)) == []


def dead_links(page):
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    links = {one.split("&amp;")[0].split("=")[0] for one in re.findall(r'href="#([^"]*)"', page)}
    return links - ids


def weekly_of(folder, *weeks, **options):
    history = History(folder)
    for number, week in enumerate(weeks):
        history.week(week, {"main": 90 - number}, **options)
    source = collect(history.runs, "small")
    return weekly_page(build_weekly(source, generated_at="now", version="0.1.0", text_mode="none"), "none")


@pytest.mark.parametrize("n_candidates", [1, 2, 3])
@pytest.mark.parametrize("with_all", [True, False])
def test_links_of_the_comparison_have_their_targets(n_candidates, with_all):
    source = synthetic_source(60, 3, n_candidates, gate=with_all, with_scores=with_all)
    data = build_report(source, generated_at="now", version="0.1.0")
    assert dead_links(comparison_page(data, "masked", [], None)) == set()


@pytest.mark.parametrize("weeks", [("2026-W42",), ("2026-W41", "2026-W42")], ids=["one", "two"])
def test_links_of_the_weekly_report_have_their_targets(tmp_path, weeks):
    """In the first week the trend is absent, and so must be its link."""
    page = weekly_of(tmp_path, *weeks)
    assert dead_links(page) == set()
    assert ('href="#trend"' in page) == (len(weeks) > 1)
    assert "1 weeks" not in page


def test_text_differences_hold_their_hidden_labels():
    """Hidden labels of a long difference once stretched the page by thousands of pixels."""
    css = (PACKAGE / "report/templates/report.css").read_text(encoding="utf-8")
    assert re.search(r"^\.diffbox \{[^}]*position: relative", css, re.M)

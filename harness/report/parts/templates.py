"""The templates of every page, in one environment.

Decides what a template may print: everything is escaped and loses its acting characters; a missing name is an error.
Decides also where compiled templates are kept: where Python keeps its compiled modules, and for as long.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Mapping, MutableMapping
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2
from markupsafe import Markup, escape

from harness.core.results import MetricResult
from harness.report.parts import numbers
from harness.report.parts.masking import printable
from harness.report.parts.words import enumerated, outcome_words, plural

TEMPLATES = Path(__file__).parent.parent / "templates"


class _Compiler(SourceFileLoader):
    """Compiles a template as a module is: once, and again when it was changed."""

    def source_to_code(self, data: Any, path: Any, *, _optimization: int = -1) -> CodeType:  # type: ignore[override]
        """The template's code."""
        return environment().compile(bytes(data).decode("utf-8"), self.name, str(path))

    def path_stats(self, path: Any) -> Mapping[str, Any]:
        """What a kept code is held to: the template's own time and size, and which Jinja and which filters made it."""
        made_by = f"{jinja2.__version__} {Path(__file__).stat().st_mtime_ns}"
        stats = super().path_stats(path)
        return {**stats, "mtime": int(stats["mtime"]) ^ zlib.crc32(made_by.encode())}


class _Templates(jinja2.BaseLoader):
    """The project's own templates, by the name of their file."""

    def load(
        self,
        environment: jinja2.Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002
    ) -> jinja2.Template:
        """The template of this name."""
        code = _Compiler(name, str(TEMPLATES / name)).get_code(name)
        assert code is not None
        return environment.template_class.from_code(environment, code, globals or {})


@cache
def environment() -> jinja2.Environment:
    """Templates of the pages: everything printed is escaped and loses its acting characters."""
    made = jinja2.Environment(
        loader=_Templates(),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=_visible,
    )
    named = (numbers.share, numbers.score, numbers.points, numbers.count, numbers.usd, numbers.milliseconds)
    made.filters.update({one.__name__: one for one in (*named, plural, enumerated)})
    made.filters.update(
        outcome=outcome_words,
        score_interval=numbers.score_with_interval,
        share_interval=numbers.share_with_interval,
        rate_interval=numbers.rate_with_interval,
        lines=lambda text: Markup("\n").join(escape(printable(line)) for line in str(text).split("\n")),
        fixed1=lambda value: f"{value:.1f}",
        ends=lambda one: _ends(one, lambda end: f"{100 * end:.1f}"),
        p=numbers.p_value,
        point_ends=lambda one: _ends(one, numbers.points),
        word=lambda text: re.sub(r"\W", "_", str(text)),
        breakable=lambda text: Markup(escape(printable(str(text))).replace("_", Markup("_<wbr>"))),
        lower_first=lambda text: text if text == "F1" else text[:1].lower() + text[1:],
    )
    return made


def _visible(value: object) -> object:
    """Every text that a template prints loses its acting characters; autoescape follows."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _ends(result: MetricResult, words: Callable[[float], str]) -> str:
    if math.isnan(result.low) or math.isnan(result.high):
        return f"({result.reason})" if result.reason else ""
    return f"[{words(result.low)}, {words(result.high)}]"

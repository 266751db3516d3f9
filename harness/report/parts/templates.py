"""The templates of every page, in one environment.

Decides what a template may print: everything is escaped and loses its acting characters; a missing name is an error.
"""

from __future__ import annotations

import math
import re
from functools import cache

import jinja2
from markupsafe import Markup, escape

from harness.core.results import MetricResult
from harness.report.parts import numbers
from harness.report.parts.masking import printable
from harness.report.parts.words import enumerated, outcome_words, plural


@cache
def environment() -> jinja2.Environment:
    """Templates of the pages: everything printed is escaped and loses its acting characters."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=_visible,
    )
    made.filters.update(
        share=numbers.share,
        plural=plural,
        enumerated=enumerated,
        outcome=outcome_words,
        share0=lambda value: numbers.share(value, 0),
        share2=lambda value: numbers.share(value, 2),
        score=numbers.score,
        score_interval=numbers.score_with_interval,
        share_interval=numbers.share_with_interval,
        rate_interval=numbers.rate_with_interval,
        points=numbers.points,
        count=numbers.count,
        usd=numbers.usd,
        milliseconds=numbers.milliseconds,
        lines=lambda text: Markup("\n").join(escape(printable(line)) for line in str(text).split("\n")),
        fixed1=lambda value: f"{value:.1f}",
        ends=_ends,
        p=numbers.p_value,
        is_nan=math.isnan,
        point_ends=_point_ends,
        word=lambda text: re.sub(r"\W", "_", str(text)),
        breakable=lambda text: Markup(escape(printable(str(text))).replace("_", Markup("_<wbr>"))),
        lower_first=lambda text: text if text == "F1" else text[:1].lower() + text[1:],
    )
    return made


def _visible(value: object) -> object:
    """Every text that a template prints loses its acting characters; autoescape follows."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _ends(result: MetricResult) -> str:
    if math.isnan(result.low) or math.isnan(result.high):
        return f"({result.reason})" if result.reason else ""
    return f"[{100 * result.low:.1f}, {100 * result.high:.1f}]"


def _point_ends(result: MetricResult) -> str:
    if math.isnan(result.low) or math.isnan(result.high):
        return f"({result.reason})" if result.reason else ""
    return f"[{numbers.points(result.low)}, {numbers.points(result.high)}]"

"""The Jinja environment of prompts: which filters and tests exist, and bounded versions of those that can grow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct, structs

from harness.errors import FileError
from harness.files.text import shortened

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

FILTERS = (
    "capitalize", "count", "d", "default", "first", "int", "items", "join", "last", "length", "list", "lower", "map",
    "rejectattr", "replace", "reverse", "selectattr", "sort", "string", "title", "tojson", "trim", "truncate", "unique",
    "upper",
)  # fmt: skip
TESTS = (
    "defined", "undefined", "none", "string", "mapping", "sequence", "iterable", "number", "true", "false", "in",
    "equalto", "eq", "==", "ne", "!=", "gt", ">", "ge", ">=", "lt", "<", "le", "<=", "odd", "even", "divisibleby",
)  # fmt: skip
MAX_LOOP_ITEMS = 1_000
MAX_TEXT_CHARS = 2_000_000


class TemplateValueError(Exception):
    """A value met while rendering is refused; turned into a FileError with the template's line."""


def parse_template(path: Path, source: str, first_line: int) -> Any:
    """Syntax tree of a template; nothing is folded or compiled yet."""
    from jinja2 import TemplateSyntaxError

    try:
        return environment().parse(source)
    except TemplateSyntaxError as error:
        line, problem = error.lineno, shortened(error.message)
    except RecursionError:
        line, problem = 1, "it is nested too deep"
    raise FileError(
        str(path),
        f"has a template that cannot be read: {problem}",
        line=first_line + line - 1,
        allowed="Jinja: {{ value }}, {% if %} ... {% endif %}, {% for %} ... {% endfor %}",
        next_step="close what is open, or write {% raw %} around braces that are text",
    )


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """The one environment of all prompts: no globals, listed filters and tests only."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    jinja = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    jinja.globals.clear()
    own = {"tojson": _tojson, "replace": _replace, "join": _join, "_bounded": _bounded}
    jinja.filters = {name: jinja.filters[name] for name in FILTERS if name not in own} | own
    jinja.tests = {name: jinja.tests[name] for name in TESTS}
    return jinja


def _tojson(value: Any) -> str:
    """JSON as a model reads it: no HTML escapes."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return structs.asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _replace(value: Any, old: str, new: str) -> str:
    text = str(value)
    if not old:
        raise TemplateValueError("replace() of an empty string")
    if len(text) + text.count(old) * max(0, len(new) - len(old)) > MAX_TEXT_CHARS:
        raise TemplateValueError(f"replace() makes a text of more than {MAX_TEXT_CHARS:,} characters")
    return text.replace(old, new)


def _join(value: Any, d: str = "", attribute: str | None = None) -> str:
    parts = [str(part if attribute is None else _attribute(part, attribute)) for part in _bounded(value)]
    if sum(map(len, parts)) + len(d) * len(parts) > MAX_TEXT_CHARS:
        raise TemplateValueError(f"join() makes a text of more than {MAX_TEXT_CHARS:,} characters")
    return d.join(parts)


def _attribute(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = environment().getattr(value, name)
    return value


def _bounded(value: Any) -> Any:
    """What a loop may run over: a short list or mapping, never the characters of a text."""
    if isinstance(value, str):
        raise TemplateValueError("a loop or join() over the characters of a text")
    try:
        size = len(value)
    except TypeError:
        value = list(_first(value, MAX_LOOP_ITEMS + 1))
        size = len(value)
    if size > MAX_LOOP_ITEMS:
        raise TemplateValueError(f"a loop over more than {MAX_LOOP_ITEMS:,} entries")
    return value


def _first(values: Any, most: int) -> Iterable[Any]:
    for at, value in enumerate(cast("Iterable[Any]", values)):
        if at >= most:
            return
        yield value

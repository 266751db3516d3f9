"""Compiling and rendering of checked templates; what does not depend on the item is rendered once."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import FileError
from harness.files.sandbox.check import check_template
from harness.files.sandbox.environment import TemplateValueError, environment, parse_template
from harness.files.text import shortened

if TYPE_CHECKING:
    from jinja2 import Template as JinjaTemplate


_VALUE_ERRORS = (
    TemplateValueError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError
)  # fmt: skip


class Template:
    """A compiled template that still needs the item."""

    __slots__ = ("_first_line", "_known", "_limit", "_path", "_root", "_template")

    def __init__(
        self, path: Path, template: JinjaTemplate, known: Mapping[str, Any], first_line: int, limit: int
    ) -> None:
        self._path = path
        self._template = template
        self._root = template.root_render_func
        self._known = known
        self._first_line = first_line
        self._limit = limit

    def render(self, variables: Mapping[str, Any], item_id: str | None = None) -> str:
        """The text for these variables.

        Raises:
            FileError: A value is undefined or refused, or the text is longer than the limit.
        """
        try:
            context = self._template.new_context({**self._known, **variables}, shared=True)
            parts: list[str] = []
            size = 0
            for part in self._root(context):
                parts.append(part)
                size += len(part)
                if size > self._limit:
                    raise TemplateValueError(f"renders more than {self._limit:,} characters")
            return "".join(parts)
        except Exception as error:
            raise self._fault(error, item_id) from None

    def _fault(self, error: Exception, item_id: str | None) -> Exception:
        from jinja2 import TemplateError

        if not isinstance(error, (TemplateError, *_VALUE_ERRORS)):
            return error
        whom = "" if item_id is None else f" for item '{shortened(item_id)}'"
        frames = traceback.extract_tb(error.__traceback__)
        compiled = [frame.lineno or 1 for frame in frames if frame.filename == "<template>"]
        line = self._template.get_corresponding_lineno(compiled[-1]) if compiled else 1
        return FileError(
            str(self._path),
            f"cannot be rendered{whom}: {shortened(error)}",
            line=self._first_line + line - 1,
            allowed=f"values that every item has, and at most {self._limit:,} characters",
            next_step="give a fallback, such as {{ item.meta.lang|default('unknown') }}",
        )


def compile_template(
    path: Path, source: str, known: Mapping[str, Any], *, first_line: int, limit: int
) -> str | Template:
    """Compile a checked template; parts that do not depend on the item are rendered now.

    Args:
        path: File the template came from.
        source: Jinja source; it is checked again, so that an unchecked template cannot be compiled.
        known: Every variable but ``item``.
        first_line: Line of the file on which the source begins.
        limit: Most characters a rendered text may have.

    Returns:
        The text itself when it does not depend on the item.
    """
    checked = check_template(
        path, source, first_line=first_line, has_category="category" in known, has_examples=bool(known.get("examples"))
    )
    if checked.errors:
        raise checked.errors[0]
    tree: Any = parse_template(path, source, first_line)
    _bound_loops(tree)
    from jinja2 import nodes

    def text_of(parts: list[Any], *, is_output: bool) -> str:
        body = [nodes.Output(parts, lineno=parts[0].lineno)] if is_output else parts
        whole = nodes.Template(body, lineno=1)
        whole.set_environment(environment())
        return Template(path, environment().from_string(whole), known, first_line, limit).render({})

    if not _needs_item(tree):
        return text_of(tree.body, is_output=False) if tree.body else ""
    if not any(True for _ in tree.find_all(nodes.Assign)):
        tree.body = [_prerendered(node, text_of) for node in tree.body]
    tree.set_environment(environment())
    return Template(path, environment().from_string(tree), known, first_line, limit)


def _prerendered(node: Any, text_of: Any) -> Any:
    """The node with all that does not need the item replaced by its text."""
    from jinja2 import nodes

    def data(text: str) -> Any:
        return nodes.TemplateData(text, lineno=node.lineno)

    if isinstance(node, nodes.Output):
        merged: list[Any] = []
        for part in node.nodes:
            fixed = data(text_of([part], is_output=True)) if not _needs_item(part) else part
            if merged and isinstance(fixed, nodes.TemplateData) and isinstance(merged[-1], nodes.TemplateData):
                merged[-1] = data(merged[-1].data + fixed.data)
            else:
                merged.append(fixed)
        node.nodes = merged
        return node
    if not _needs_item(node):
        return nodes.Output([data(text_of([node], is_output=False))], lineno=node.lineno)
    return node


def _needs_item(node: Any) -> bool:
    from jinja2 import nodes

    is_item = isinstance(node, nodes.Name) and node.name == "item"
    return is_item or any(name.name == "item" for name in node.find_all(nodes.Name))


def _bound_loops(tree: Any) -> None:
    from jinja2 import nodes

    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, "_bounded", [], [], None, None, lineno=loop.lineno)

"""Static check of a prompt's template: what it may contain, decided before anything is compiled or run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import FileError
from harness.files.sandbox.environment import FILTERS, TESTS, parse_template
from harness.files.text import joined, shortened, suggestion
from harness.records import Category, Policy

if TYPE_CHECKING:
    from jinja2.nodes import Node

VARIABLES = ("item", "policy", "category", "categories", "examples")
ITEM_FIELDS = ("id", "text", "context", "meta", "slices", "group", "images", "modalities")
GOLD_FIELDS = ("labels", "label", "votes", "vote_counts", "weight", "gold")
METHODS = ("endswith", "get", "items", "keys", "lower", "startswith", "strip", "upper", "values")
NODES = frozenset({
    "Template", "Output", "TemplateData", "Name", "Const", "Getattr", "Getitem", "Filter", "Test", "For", "If",
    "CondExpr", "Compare", "Operand", "And", "Or", "Not", "Neg", "Pos", "Concat", "Add", "Sub", "List", "Tuple",
    "Slice", "Keyword", "Call", "Assign",
})  # fmt: skip
WORDS = {
    "Mul": "multiplication", "Pow": "power", "Div": "division", "FloorDiv": "division", "Mod": "the % operator",
    "Macro": "a macro", "CallBlock": "a call block", "Import": "an import", "FromImport": "an import",
    "Include": "an include", "Extends": "extends", "Block": "a block", "FilterBlock": "a filter block", "With": "with",
    "AssignBlock": "a set block", "NSRef": "a namespace", "Dict": "a mapping",
}  # fmt: skip
MAX_DEPTH = 50
MAX_LOOP_DEPTH = 2
MAX_FILTERS = 8
_FIELDS = {
    "item": ITEM_FIELDS,
    "policy": Policy.__struct_fields__,
    "category": Category.__struct_fields__,
}
_SHOWING = {"text", "images", "context", "modalities"}


@dataclass(frozen=True, slots=True)
class CheckedTemplate:
    """Result of the static check."""

    errors: list[FileError]
    shows_item: bool


def check_template(
    path: Path, source: str, *, first_line: int, has_category: bool, has_examples: bool = False
) -> CheckedTemplate:
    """Check a template against what is allowed, without compiling or running it."""
    try:
        tree = parse_template(path, source, first_line)
    except FileError as error:
        return CheckedTemplate([error], False)
    checker = _Checker(path, first_line)
    checker.walk(tree)
    if checker.errors:  # looking for undeclared variables folds constants, which only a safe template may do
        checker.errors.sort(key=lambda error: error.line or 0)
        return CheckedTemplate(checker.errors, checker.shows_item)
    from jinja2 import meta

    undeclared = meta.find_undeclared_variables(tree)
    known = [
        name for name in VARIABLES if (name != "category" or has_category) and (name != "examples" or has_examples)
    ]
    for name in sorted(undeclared - set(known)):
        line = checker.first_use.get(name, 1)
        if name == "category":
            checker.add(
                line, "uses 'category', which only a prompt per category has", joined(known), "add 'per: category'"
            )
        elif name == "examples":
            checker.add(line, "uses 'examples', which the front matter does not have", joined(known), "add 'examples:'")
        else:
            checker.add(
                line,
                f"uses the unknown variable '{shortened(name)}'",
                joined(known),
                suggestion(name, known, "use one of these, or write {% raw %} around text that is not a template"),
            )
    checker.errors.sort(key=lambda error: error.line or 0)
    return CheckedTemplate(checker.errors, checker.shows_item)


class _Checker:
    """Walks the syntax tree once; collects faults."""

    def __init__(self, path: Path, first_line: int) -> None:
        self.path = path
        self.first_line = first_line
        self.errors: list[FileError] = []
        self.first_use: dict[str, int] = {}
        self.shows_item = False
        self._assigned: set[str] = set()

    def add(self, line: int, found: str, allowed: str, next_step: str) -> None:
        self.errors.append(
            FileError(str(self.path), found, line=self.first_line + line - 1, allowed=allowed, next_step=next_step)
        )

    def walk(self, node: Node, *, loops: int = 0, filters: int = 0, depth: int = 0, parent: Node | None = None) -> None:
        from jinja2 import nodes

        kind, line = type(node).__name__, node.lineno
        if kind not in NODES:
            self.add(
                line,
                f"uses {WORDS.get(kind, kind)} in a template",
                "text, {{ values }}, if, for, and filters",
                "say it in plain text, or compute it outside the prompt",
            )
            return
        if depth > MAX_DEPTH:
            self.add(line, f"nests more than {MAX_DEPTH} expressions", f"at most {MAX_DEPTH}", "flatten the template")
            return
        if isinstance(node, nodes.For):
            loops += 1
            self._check_for(node, loops)
        elif isinstance(node, nodes.Name):
            self._check_name(node, parent)
        elif isinstance(node, nodes.Getattr):
            self._check_access(node.node, node.attr, line, is_method=isinstance(parent, nodes.Call))
        elif isinstance(node, nodes.Getitem):
            self._check_subscript(node)
        elif isinstance(node, nodes.Filter):
            filters += 1
            self._check_filter(node, filters)
        elif isinstance(node, nodes.Test):
            if node.name not in TESTS:
                self.add(line, f"uses the test '{shortened(node.name)}'", joined(TESTS, most=40), "use one of these")
        elif isinstance(node, nodes.Call):
            self._check_call(node)
        elif isinstance(node, nodes.Assign):
            self._check_assign(node)
        for child in node.iter_child_nodes():
            self.walk(child, loops=loops, filters=filters, depth=depth + 1, parent=node)

    def _check_for(self, node: Any, loops: int) -> None:
        if node.recursive:
            self.add(node.lineno, "uses a recursive loop", "plain loops", "remove 'recursive'")
        if loops > MAX_LOOP_DEPTH:
            self.add(
                node.lineno, f"nests {loops} loops", f"loops nested at most {MAX_LOOP_DEPTH} deep", "use fewer loops"
            )

    def _check_name(self, node: Any, parent: Node | None) -> None:
        from jinja2 import nodes

        name, line = node.name, node.lineno
        self.first_use.setdefault(name, line)
        if node.ctx == "store":
            if name in VARIABLES and name != "category":
                self.add(line, f"gives '{name}' another meaning", "names of your own", "choose another name")
        elif name == "item":
            is_access = isinstance(parent, nodes.Getattr | nodes.Getitem) and parent.node is node
            if not is_access:
                self.add(
                    line,
                    "uses 'item' as a whole",
                    ", ".join(f"item.{field}" for field in ITEM_FIELDS),
                    "name the part you mean, such as item.text",
                )

    def _check_access(self, owner: Any, name: str, line: int, *, is_method: bool = False) -> None:
        from jinja2 import nodes

        if name.startswith("_"):
            self.add(line, f"reaches for '{shortened(name)}'", "names that do not begin with '_'", "remove it")
            return
        if not isinstance(owner, nodes.Name):
            is_meta = isinstance(owner, nodes.Getattr) and owner.attr == "meta"
            if is_meta and name in GOLD_FIELDS:
                self._gold(line, f"item.meta.{name}")
            return
        if owner.name == "item" and name in _SHOWING:
            self.shows_item = True
        if owner.name == "item" and name in GOLD_FIELDS:
            self._gold(line, f"item.{name}")
        elif owner.name in _FIELDS and name not in _FIELDS[owner.name] and not is_method:
            known = _FIELDS[owner.name]
            self.add(
                line,
                f"uses {owner.name}.{shortened(name)}, which is not there",
                ", ".join(f"{owner.name}.{field}" for field in known),
                suggestion(name, known, "use one of these"),
            )
        elif owner.name == "item" and is_method:
            self.add(line, f"calls item.{shortened(name)}", "parts of the item, such as item.text", "name a part")

    def _gold(self, line: int, name: str) -> None:
        self.add(
            line,
            f"uses {name}, which is the gold answer",
            ", ".join(f"item.{field}" for field in ITEM_FIELDS),
            "remove it: a prompt that sees the labels measures nothing",
        )

    def _check_subscript(self, node: Any) -> None:
        from jinja2 import nodes

        key = node.arg
        if isinstance(key, nodes.Slice):
            return
        if isinstance(key, nodes.Const) and isinstance(key.value, str | int):
            if isinstance(key.value, str):
                self._check_access(node.node, key.value, node.lineno)
            return
        self.add(
            node.lineno,
            "looks a value up by a computed name",
            "a name or number written out, such as item.meta['lang']",
            "write the name out",
        )

    def _check_filter(self, node: Any, filters: int) -> None:
        from jinja2 import nodes

        if node.name not in FILTERS:
            self.add(
                node.lineno,
                f"uses the filter '{shortened(node.name)}'",
                joined(FILTERS, most=40),
                suggestion(node.name, FILTERS, "use one of these"),
            )
        if filters > MAX_FILTERS:
            self.add(node.lineno, f"chains {filters} filters", f"at most {MAX_FILTERS} in a row", "use fewer filters")
        names: list[Any] = []
        if node.name == "map":
            names = [keyword.value for keyword in node.kwargs if keyword.key == "attribute"]
            if node.args or len(names) != 1 or len(node.kwargs) != len(names):
                self.add(node.lineno, "uses map without attribute=", "map(attribute='name')", "write attribute='...'")
        elif node.name in ("selectattr", "rejectattr"):
            names = list(node.args[:1])
            tests = [arg.value if isinstance(arg, nodes.Const) else None for arg in node.args[1:2]]
            if any(test not in TESTS for test in tests) or node.kwargs or not names:
                self.add(
                    node.lineno, f"uses {node.name} with an unknown test", joined(TESTS, most=40), "use one of these"
                )
        elif node.name in ("join", "sort", "unique"):
            names = [keyword.value for keyword in node.kwargs if keyword.key == "attribute"]
            if node.name == "join":
                names += node.args[1:2]
            elif node.name == "sort":
                names += node.args[2:3]
            else:
                names += node.args[1:2]
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            self.add(node.lineno, "passes arguments by * or **", "arguments written out", "write them out")
        for name in names:
            if not isinstance(name, nodes.Const) or not isinstance(name.value, str) or "_" in _starts(name.value):
                self.add(
                    node.lineno,
                    f"gives {node.name} a computed or private name",
                    "a plain name in quotes",
                    "write it out",
                )

    def _check_call(self, node: Any) -> None:
        from jinja2 import nodes

        is_method = isinstance(node.node, nodes.Getattr) and node.node.attr in METHODS
        if not is_method or node.dyn_args is not None or node.dyn_kwargs is not None:
            name = getattr(node.node, "name", None) or getattr(node.node, "attr", "a value")
            self.add(
                node.lineno,
                f"calls '{shortened(name)}'",
                "the methods " + ", ".join(METHODS),
                "use a filter or plain text instead",
            )

    def _check_assign(self, node: Any) -> None:
        from jinja2 import nodes

        used = {name.name for name in node.node.find_all(nodes.Name)}
        target = {name.name for name in [node.target] if isinstance(name, nodes.Name)}
        if not target or used & (self._assigned | target):
            self.add(
                node.lineno,
                "sets a variable from another variable that was set",
                "set NAME = a value of item, policy, category or categories",
                "write the value out where it is needed",
            )
        self._assigned |= target


def _starts(name: str) -> set[str]:
    return {part[:1] for part in name.split(".")}

"""Counts what an earlier commit costs today: a tree that grew with its features does not say how each is written.

    python -m tests.same_features COMMIT [--folder tests] [--most 20]

Compared are the definitions (functions, methods, what of a class or a module stands outside them) that COMMIT and the
working tree hold under one name: of one module, else of modules called alike, else public names that nothing else
bears. Lines are those with code (neither blank nor comment nor docstring nor import); statements stand beside them,
since a line may be wrapped. Of the lines of then it says which stand, which were written anew and which went; what was
added beside them is what the definition does more. What has gone and what is new as a whole is told apart.
"""

import argparse
import ast
import io
import subprocess
import tarfile
import tokenize
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

ROOT = Path(__file__).parent.parent
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


@dataclass(frozen=True)
class Definition:
    """Code under one name, and how much of it there is."""

    module: str
    name: str
    lines: tuple[str, ...]
    n_statements: int

    @property
    def n_lines(self) -> int:
        return len(self.lines)


def owned(node: ast.AST, name: str) -> Iterator[tuple[str, ast.stmt]]:
    """Yield every statement that counts, outer before inner, with the name that it stands under."""
    for child in ast.iter_child_nodes(node):
        under = name
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and "()" not in name:
            is_class = isinstance(child, ast.ClassDef)
            under = f"{name}.{child.name}".strip(".") + ("" if is_class else "()")
        is_text = (
            isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant) and isinstance(child.value.value, str)
        )
        if is_text or isinstance(child, ast.Import | ast.ImportFrom):
            yield "-", child
            continue
        if isinstance(child, ast.stmt):
            yield under, child
        yield from owned(child, under)


def definitions(module: str, source: str) -> list[Definition]:
    """Return what a module defines."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    coded = {line for one in tokens if one.type not in LAYOUT for line in range(one.start[0], one.end[0] + 1)}
    name_at: dict[int, str] = {}
    n_statements: Counter[str] = Counter()
    for name, statement in owned(ast.parse(source), ""):
        first = min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", ()))])
        name_at |= dict.fromkeys(range(first, (statement.end_lineno or first) + 1), name)
        n_statements[name] += 1
    lines: dict[str, list[str]] = defaultdict(list)
    written = source.splitlines()
    for line in sorted(coded & name_at.keys()):
        lines[name_at[line]].append(written[line - 1].strip())
    return [Definition(module, name, tuple(own), n_statements[name]) for name, own in lines.items() if name != "-"]


def at_commit(commit: str, folder: str) -> list[Definition]:
    """Return what a folder of a commit defines."""
    packed = subprocess.run(["git", "archive", commit, folder], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = {one.name: archive.extractfile(one) for one in archive if one.name.endswith(".py")}
        return [one for name, file in files.items() if file for one in definitions(name, file.read().decode())]


def today(folder: str) -> list[Definition]:
    """Return what a folder of the working tree defines."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return [one for path in paths for one in definitions(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))]


def paired(before: list[Definition], after: list[Definition]) -> list[tuple[Definition, Definition]]:
    """Pair definitions of one name and module, then those whose public name nothing else bears, then or now."""
    pairs: list[tuple[Definition, Definition]] = []

    def pair_by(key: Callable[[Definition], str]) -> None:
        taken = {id(one) for pair in pairs for one in pair}
        left = [defaultdict(list), defaultdict(list)]
        for side, side_left in zip((before, after), left, strict=True):
            for one in side:
                if id(one) not in taken and key(one):
                    side_left[key(one)].append(one)
        pairs.extend((one[0], left[1][name][0]) for name, one in left[0].items() if len(one) == len(left[1][name]) == 1)

    pair_by(lambda one: f"{one.module}:{one.name}")
    pair_by(lambda one: f"{Path(one.module).stem}:{one.name}")
    pair_by(lambda one: "" if one.name.startswith("_") else one.name)
    return pairs


def became(pairs: list[tuple[Definition, Definition]]) -> Counter[str]:
    """Count the lines of then by what became of them, and those that were added."""
    found: Counter[str] = Counter()
    for one, other in pairs:
        for what, start, end, begin, stop in SequenceMatcher(
            None, one.lines, other.lines, autojunk=False
        ).get_opcodes():
            found[what] += end - start
            found["new" if what == "replace" else "added"] += stop - begin if what in ("replace", "insert") else 0
    return found


def main() -> None:
    """Print the count."""
    parser = argparse.ArgumentParser(description="Count what an earlier commit's features cost today.")
    parser.add_argument("commit")
    parser.add_argument("--folder", default="harness")
    parser.add_argument("--most", type=int, default=20, help="definitions to name")
    given = parser.parse_args()
    before, after = at_commit(given.commit, given.folder), today(given.folder)
    pairs = paired(before, after)
    for unit in ("n_lines", "n_statements"):
        then, now = (sum(getattr(pair[side], unit) for pair in pairs) for side in (0, 1))
        gone, new = (sum(getattr(one, unit) for one in side) for side in (before, after))
        told = f"{then} then, {now} now ({now / then - 1:+.1%}); gone {gone - then}, new {new - now}"
        print(f"{len(pairs)} definitions in both, {unit[2:]}: {told}")
    of = became(pairs)
    told = f"{of['equal']} stand, {of['replace']} became {of['new']}, {of['delete']} went"
    print(f"of the lines of then {told}; {of['added']} were added beside them")
    for one, other in sorted(pairs, key=lambda pair: pair[0].n_lines - pair[1].n_lines)[: given.most]:
        change = f"{other.n_lines - one.n_lines:+4d}  {one.n_lines:3d} -> {other.n_lines:3d}"
        print(f"{change}  {other.module}: {other.name or 'outside definitions'}")


if __name__ == "__main__":
    main()

"""What cannot be told of a foreign file, or is probably not meant: said before anything is written.

Decides which guesses are missing, and which are doubtful although they are complete.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from harness.errors import HarnessError
from harness.files.golden.values import meaning
from harness.files.text import counted, joined, shortened, suggestion
from harness.goldens.imports.account import plain_id
from harness.goldens.imports.flat import NoRow
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.guess_plan import has_lost_digits, is_named_like_ids
from harness.goldens.imports.plan import Plan


def missing_parts(plan: Plan, foreign: Foreign) -> Iterator[str]:
    """What has to be named before anything can be written, each with the option that names it."""
    why = ""
    for number, row in foreign.rows():
        if not isinstance(row, NoRow):
            break
        why = why or f": row {number} is {row.reason}"
    else:
        yield f"{foreign.path}: has a header and no rows that can be read{why}"
        return
    twice = [label.column for label in plan.labels if label.column == plan.text]
    if twice:
        yield f"{foreign.path}: column '{twice[0]}' is named as the text and as a label\n  name another for one of them"
    columns = joined([name for name in foreign.columns if name], most=30)
    if plan.text is None and plan.images is None:
        yield f"{foreign.path}: no column was recognised as the text\n  allowed: {columns}\n  name it: --text COLUMN"
    if not plan.categories:
        yield (
            f"{foreign.path}: no column was recognised as labels\n  allowed: {columns}\n"
            "  name them: --label COLUMN=CATEGORY for a column with 1 and 0 or yes and no (and --cut COLUMN=NUMBER for "
            "grades, shares and counts, --value WORD=1 for other words), or --labels COLUMN for one that names what is "
            "violated"
        )


def repeated_ids(foreign: Foreign, plan: Plan, repeated: Collection[str], *, is_table: bool) -> HarnessError:
    """Ids that stand at several items, with the rows of the first."""
    column = plan.id if plan.id is not None else "id"
    places: dict[str, list[int]] = {}
    for number, row in foreign.rows():
        item_id = "" if isinstance(row, NoRow) else plain_id(row.get(column))
        if item_id in repeated:
            places.setdefault(item_id, []).append(number)
    named = ", ".join(
        f"'{shortened(name)}'" + (f" (rows {', '.join(map(str, rows[:3]))})" if (rows := places.get(name)) else "")
        for name in list(repeated)[:3]
    )
    where = f" in column '{plan.id}'" if is_table else ""
    return HarnessError(
        f"{foreign.path}: {counted(len(repeated), 'id')}{where} stand in several rows: {named}",
        allowed="each id once",
        next_step="rows of several annotators: --annotator COLUMN; else number the rows: --id row"
        if is_table
        else "make the ids of the file differ (was one project exported twice?), or import its parts one by one",
    )


def unknown_categories(plan: Plan, unknown: Sequence[str], known: Sequence[str], policy: str) -> str:
    """Categories that the policy does not have, with what can be done about them."""
    first = unknown[0]
    word = next((name for name, category in plan.names.items() if category == first), None)
    column = next((label.column for label in plan.labels if label.category == first), None)
    option = (
        f"--label {shlex.quote(f'{column}=CATEGORY')}"
        if column
        else f"--rename {shlex.quote(f'{word or first}=CATEGORY')}"
    )
    return (
        f"{policy}: has no category {joined(unknown)}\n  allowed: {joined(known, most=40)}\n"
        f"  {suggestion(first, known, 'say which category it is')} {option}, leave the column out: --ignore COLUMN, or "
        "begin a policy of your own: --new-policy"
    )


def id_remarks(samples: Mapping[str, Sequence[Any]], plan: Plan) -> Iterator[str]:
    """Columns of ids that cannot serve as ids, and why."""
    for name, values in samples.items():
        if name not in plan.columns and is_named_like_ids(name) and len({*map(str, values)}) < len(values):
            yield (
                f"the values of column '{name}' repeat, so they are no ids: it is kept under meta, and rows are "
                "numbered instead; where a row is one annotator's vote, name the annotators: --annotator COLUMN"
            )
        elif name not in plan.columns and re.search(r"(?i)(^|[ _.-])id$", name) and has_lost_digits(values):
            yield (
                f"column '{name}' lost digits in a spreadsheet (as in 1.23E+15): it is kept under meta, and rows are "
                "numbered instead; export the ids as text to keep them"
            )


def opposites(plan: Plan, said: Plan) -> Iterator[str]:
    """Columns that were named as labels although their name reads as the opposite of a violation."""
    for label in plan.labels:
        if label in said.labels and _is_opposite(label.column) and not ({"0", "1"} & plan.values.keys()):
            yield (
                f"column '{label.column}' reads as the opposite of a violation, and its 1 is taken as a violation: "
                "turn it with --value 1=0 --value 0=1"
            )


def undecided(plan: Plan, said: Plan, path: str) -> Iterator[str]:
    """Guesses that may as well be wrong, so that somebody has to say: each with the options that would."""
    guessed = [label for label in plan.labels if label not in said.labels]
    for label in guessed:
        if _is_opposite(label.column) and not ({"0", "1"} & plan.values.keys()):
            column = shlex.quote(label.column)
            yield (
                f"{path}: column '{label.column}' reads as the opposite of a violation\n"
                f"  leave it out: --ignore {column}; or name every column of labels with --label COLUMN=CATEGORY, and "
                "turn its values with --value 1=0 --value 0=1"
            )
    columns: dict[str, list[str]] = {}
    for label in guessed:
        columns.setdefault(label.category, []).append(label.column)
    for category, names in columns.items():
        if len(names) > 1:
            yield (
                f"{path}: columns {joined(names)} would all be category '{category}'\n"
                f"  say which counts, such as --label {shlex.quote(f'{names[0]}={category}')} "
                f"--ignore {shlex.quote(names[1])}; given with --label each, a 1 in one of them violates"
            )


def _is_opposite(column: str) -> bool:
    words = column.replace("_", " ").strip().casefold().removeprefix("is ")
    return meaning(words, none_is_zero=True) == 0 or words.startswith(("not ", "non ", "no "))


def empty_columns(samples: Mapping[str, Sequence[Any]], kind: str) -> Iterator[str]:
    """Columns of a workbook without a single value: their formulas may never have been computed."""
    for name, values in samples.items():
        if kind == "xlsx" and name and values and all(value in (None, "") for value in values):
            yield (
                f"column '{name}' is empty in every row: where it holds formulas, open the file in a spreadsheet and "
                "save it, so that their values stand in it"
            )


def encoding_remarks(foreign: Foreign) -> Iterator[str]:
    """An encoding that nothing names: a few letters fit several, and a wrong one changes them without a fault."""
    if foreign.guessed_encoding is not None:
        other = "cp1250" if foreign.guessed_encoding == "cp1252" else "cp1252"
        yield (
            f"the file is not UTF-8 and names no encoding: {foreign.guessed_encoding} is the likeliest by its letters; "
            f"look at them (--show-text), and say --encoding {other} or another where they are wrong"
        )


def swallowed_rows(samples: Mapping[str, Sequence[Any]], kind: str) -> Iterator[str]:
    """A cell of a CSV file that holds lines with as many marks as a row has: a quote was probably never closed."""
    least = len(samples) - 1
    if kind != "csv" or least < 2:
        return
    for name, values in samples.items():
        for value in values:
            lines = value.splitlines()[1:-1] if isinstance(value, str) and "\n" in value else []
            alike = max((sum(line.count(mark) == least for line in lines) for mark in ",;\t|"), default=0)
            if alike >= 3 and alike >= 0.9 * len(lines):
                yield (
                    f"a cell of column '{name}' holds {counted(alike, 'line')} that look like rows of their own: a "
                    "quote that is not closed swallows rows up to the next; look for it, and compare the row count"
                )
                return

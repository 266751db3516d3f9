"""The numbers that surfaces share, read back from what each of them shows: quantity -> text as a reader sees it.

A quantity is a tuple, its first part the kind: ``value``, ``difference`` (95%), ``gate difference`` (90%), ``n``,
``newly``, ``p``, ``verdict``, ``a day``, ``outcome``, ``failed``, ``cost``, ``latency``, ``gold``, ``slice``,
``slice change``. Two surfaces that show one quantity must show one text; what is measured otherwise (the gate's 90%
interval) is another quantity, and labelled.
"""

from __future__ import annotations

import html
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from harness.core.gate import POOLED
from harness.core.results import MetricResult
from harness.gating.checks import TOGETHER
from harness.gating.findings.stored import NEWLY
from harness.report.comparison.data import METRIC_NAMES
from harness.report.parts import numbers
from harness.report.parts.finding_words import NEWLY_WORDS
from harness.report.parts.words import capital, outcome_words

Told = dict[tuple[str, ...], str]
METRIC_OF = {words: name for name, words in METRIC_NAMES.items()}
AMOUNTS = {"flagged": "Flags a day", "wrongly_flagged": "of them wrong", "missed": "Missed a day"}
ALL = "all categories"


def result(one: Any) -> MetricResult:
    """A stored result; null is NaN."""
    value, low, high = (math.nan if one[key] is None else float(one[key]) for key in ("value", "low", "high"))
    return MetricResult(value, low, high, one["n"], reason=one.get("reason"))


# ------------------------------------------------------------------------------------------------------------ JSON


def from_json(document: Any) -> Told:
    """All quantities, of the first pair."""
    pair, found = document["pairs"][0], Told()
    for row in document["pairs"][0]["rows"]:
        for metric, one in row["measures"].items():
            for side, who in (("baseline", pair["baseline"]), ("candidate", pair["candidate"])):
                found["value", metric, row["id"], who] = numbers.share_with_interval(result(one[side]))
            found["difference", metric, row["id"]] = numbers.points_with_interval(result(one["difference"]))
            found["n", metric, row["id"]] = numbers.count(one["difference"]["n"])
            found["p", metric, row["id"]] = numbers.p_value(one["p_holm"])
        for name, ids in row["newly"].items():
            found["newly", name, row["id"]] = numbers.count(len(ids))
        for name in ("n_violating", "n_not_violating", "n_unlabelled"):
            found["gold", name, row["id"]] = numbers.count(row[name])
    for check in pair["checks"]:
        at = (check["metric"], check["category"])
        found["verdict", *at] = check["verdict"].replace("_", " ")
        if check["difference"] is not None:
            found["gate difference", *at] = numbers.points_with_interval(result(check["difference"]))
    for row in document["outcomes"]:
        for name, n in row["counts"].items():
            found["outcome", name, row["candidate"]] = numbers.count(n)
        found["failed", row["candidate"]] = numbers.share_with_interval(result(row["failure_rate"]), 2)
    for row in document["economics"]:
        found["cost", row["candidate"]] = numbers.usd(row["cost_per_1000_usd"])
        found["latency", "p50", row["candidate"]] = numbers.milliseconds(row["latency_ms"]["p50"])
        found["latency", "p95", row["candidate"]] = numbers.milliseconds(row["latency_ms"]["p95"])
    production = document["production"]
    names = {name: one for one, name in document["categories"]}
    for row in [*production["rows"], *({**one, "name": ALL} for one in production["totals"])]:
        at = (names.get(row["name"], ALL), row["candidate"])
        for key in AMOUNTS:
            found["a day", key, *at] = numbers.amount_with_interval(result(row[key]), production["items_per_day"])
        hours = production["items_per_day"] * production["review_seconds"] / 3600
        found["a day", "hours", *at] = numbers.amount_with_interval(result(row["flagged"]), hours)
        found["a day", "precision", *at] = numbers.share_with_interval(result(row["precision"]))
    for table in document["slices"]:
        for row in table["rows"]:
            for metric, by_candidate in row["results"].items():
                for who, cells in by_candidate.items():
                    for category, one in cells.items():
                        at = (metric, table["name"], row["value"], category, who)
                        found["slice", *at] = numbers.share_with_interval(result(one))
            for metric, by_candidate in row["changes"].items():
                for category, one in by_candidate[pair["candidate"]].items():
                    at = (metric, table["name"], row["value"], category)
                    found["slice change", *at] = numbers.points_with_interval(result(one["difference"]))
    return found


# -------------------------------------------------------------------------------------------------------- Markdown


def markdown_tables(text: str) -> list[tuple[str, list[dict[str, str]]]]:
    """(heading, rows) of every table; cells without their escapes."""
    found: list[tuple[str, list[dict[str, str]]]] = []
    heading, columns = "", None
    for line in text.splitlines():
        if line.startswith("#"):
            heading, columns = _bare(line.lstrip("# ")), None
        elif line.startswith("| "):
            cells = [_bare(one) for one in re.split(r"(?<!\\)\|", line)[1:-1]]
            if columns is None:
                columns = cells
                found.append((heading, []))
            elif not set("".join(cells)) <= {"-", ":"}:
                found[-1][1].append(dict(zip(columns, cells, strict=True)))
        else:
            columns = None
    return found


def _bare(text: str) -> str:
    return html.unescape(re.sub(r"\\(.)", r"\1", text)).strip()


def from_markdown(text: str, ids: dict[str, str], baseline: str, candidate: str) -> Told:
    """The report as Markdown; a terminal's tables in the same form."""
    found = Told()
    for heading, rows in markdown_tables(text):
        if heading in METRIC_OF:
            for row in rows:
                category = ids.get(row["Category"], row["Category"])
                _measured(found, METRIC_OF[heading], category, row, baseline, candidate)
        elif heading == "Gate":
            for row in rows:
                category, metric = _check(row["Check"], ids)
                found["gate difference", metric, category] = row["Difference, points (90%)"]
                found["verdict", metric, category] = row["Verdict"]
        elif heading == "What came of the calls":
            for row in rows:
                found["failed", row["Candidate"]] = row["Failure rate"]
                found["outcome", "ok", row["Candidate"]] = row["ok"]
        elif heading == "Latency and cost":
            for row in rows:
                found["cost", row["Candidate"]] = row["Cost per 1,000 answered items"]
                found["latency", "p50", row["Candidate"]] = row["Median"]
                found["latency", "p95", row["Candidate"]] = row["p95"]
        elif heading == "Outcomes, cost and latency":
            for row in rows:
                found["cost", row["Candidate"]] = row["Per 1,000 answered items"]
                found["latency", "p50", row["Candidate"]] = row["Latency p50"]
                found["latency", "p95", row["Candidate"]] = row["p95"]
        elif heading.startswith(("In production", "A day in production")):
            for row in rows:
                _a_day(found, ids.get(row.get("Category", ""), ALL), row["Candidate"], row)
        elif heading == "Golden set":
            for row in rows:
                for name, head in (("n_violating", "Violating"), ("n_not_violating", "Not violating")):
                    found["gold", name, ids[row["Category"]]] = row[head]
    return found


def _measured(found: Told, metric: str, category: str, row: dict[str, str], baseline: str, candidate: str) -> None:
    if category == "all together":
        return
    found["value", metric, category, baseline] = row[baseline]
    found["value", metric, category, candidate] = row[candidate]
    found["difference", metric, category] = row.get("Difference, points") or row["Difference in points"]
    found["n", metric, category] = row["n"]
    if "p (Holm)" in row:
        found["p", metric, category] = row["p (Holm)"]
    for name in NEWLY.get(metric, ()):
        found["newly", name, category] = row[capital(NEWLY_WORDS[name])]


def _a_day(found: Told, category: str, candidate: str, row: dict[str, str]) -> None:
    heads = {**AMOUNTS, "hours": "Reviewer hours", "precision": "Precision"}
    for name, head in heads.items():
        for column, cell in row.items():
            if column == head or column.startswith(f"{head} "):
                found["a day", name, category, candidate] = cell


def from_comment(text: str, ids: dict[str, str], baseline: str, candidate: str) -> Told:
    """The comment on a pull request, or the job summary."""
    found, words = Told(), {words: name for name, words in NEWLY_WORDS.items()}
    for heading, rows in markdown_tables(text):
        for row in rows:
            if heading in ("What changed", "All checks") and "Check" in row:
                category, metric = _check(row["Check"], ids)
                found["verdict", metric, category] = row["Verdict"].replace("_", " ")
                if "Difference" in row and row["Difference"] not in ("", "vs floor"):
                    found["gate difference", metric, category] = row["Difference"]
                if row["Baseline"] and category != "*":  # the failure rate of all items stands in no other table
                    found["value", metric, category, baseline] = row["Baseline"]
                    found["value", metric, category, candidate] = row["Candidate"]
                    found["n", metric, category] = row["n"]
            elif "Ids" in row:
                found["newly", words[row["Items"]], ids[row["Category"]]] = row["Count"]
            elif heading == "Cost and latency":
                found["latency", "p50", row["Candidate"]] = row["Latency p50"]
                found["latency", "p95", row["Candidate"]] = row["p95"]
    return found


def _check(name: str, ids: dict[str, str]) -> tuple[str, str]:
    """Category and metric of a check as its line names it."""
    words = next(one for one in ("failure rate", *METRIC_NAMES) if name.endswith(one))
    category = name.removesuffix(words).strip(" ,")
    return _subject(category, ids), words.replace(" ", "_")


def _verdict(cell: str) -> str:
    """The verdict of a cell, without its icon and what is remarked after it."""
    found = re.match(r"\W*(PASS|REGRESSION|INCONCLUSIVE|NOT EVALUABLE|INVALID)", cell)
    return found[1] if found else cell


def _subject(category: str, ids: dict[str, str]) -> str:
    """The id that the JSON gives to what the surfaces name in words."""
    together = {"all items": "*", TOGETHER: POOLED}.get(category[:1].lower() + category[1:])
    return together or ids.get(category, category)


# ------------------------------------------------------------------------------------------------------------ page


class _Tables(HTMLParser):
    """Tables of a page: the name of the region around each, and its rows of cell texts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, list[list[str]]]] = []
        self.region, self.is_cell = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if "aria-label" in named and tag == "div":
            self.region = named["aria-label"] or ""
        elif tag == "table":
            self.found.append((self.region, []))
            self.region = ""
        elif tag == "tr" and self.found:
            self.found[-1][1].append([])
        elif tag in ("td", "th") and self.found and self.found[-1][1]:
            self.found[-1][1][-1].append("")
            self.is_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.is_cell = self.is_cell and tag not in ("td", "th", "table")

    def handle_data(self, data: str) -> None:
        if self.is_cell:
            self.found[-1][1][-1][-1] += f"{data} "


SHARE = r"(?:[\d.]+% \[[\d.]+, [\d.]+\]|n/a \([^)]*\))"
POINTS = r"[+-]?[\d.]+ \[[+-]?[\d.]+, [+-]?[\d.]+\]"
COUNTS = r"[\d,.]+ \[[\d,.]+, [\d,.]+\]"


def from_page(page: str, ids: dict[str, str], baseline: str, candidate: str) -> Told:
    """The page, also where a choice must be made to see a table."""
    reader = _Tables()
    reader.feed(re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL))
    found, by_name = Told(), {f"{words} per category, {candidate}": name for name, words in METRIC_NAMES.items()}
    for region, cells in reader.found:
        texts = [[" ".join(re.sub("[\u00ad\u200b]", "", one).split()) for one in row] for row in cells]
        rows = [dict(zip(texts[0], row, strict=False)) for row in texts[1:]]
        if metric := by_name.get(region.split(":")[0]):
            for row in rows:
                _page_row(found, metric, _category(row["Category"], ids), row, baseline, candidate)
        elif region == "Workload a day" or region.startswith("Production view, "):
            for row in rows:
                who = region.removeprefix("Production view, ") if "Category" in row else row["Candidate"].split(" (")[0]
                _page_day(found, _category(row["Category"], ids) if "Category" in row else ALL, who, row)
        elif region == "Labels of the golden set":
            for row in rows:
                for name, head in (("n_violating", "Violating"), ("n_not_violating", "Not violating")):
                    found["gold", name, _category(row["Category"], ids)] = row[head]
        elif region.startswith("Checks over all categories"):
            for row in rows:
                category, metric = _check(f"{row['Category']}, {row['Metric']}", ids)
                found["verdict", metric, category] = _verdict(row["Verdict"])
                found["gate difference", metric, category] = row["Difference, 90% interval"]
        elif rows and "Per 1,000 answered items" in rows[0]:
            for row in rows:
                found["cost", row["Candidate"]] = row["Per 1,000 answered items"]
                found["latency", "p50", row["Candidate"]] = row["p50"]
                found["latency", "p95", row["Candidate"]] = row["p95"]
    return found


def _category(text: str, ids: dict[str, str]) -> str:
    name = max((one for one in ids if text.startswith(one)), key=len)
    return ids[name]


def _page_row(found: Told, metric: str, category: str, row: dict[str, str], baseline: str, candidate: str) -> None:
    values = re.findall(rf"({re.escape(baseline)}|{re.escape(candidate)}) ({SHARE}|n/a)", row["Values"])
    for who, text in values:
        if text != "n/a":
            found["value", metric, category, who] = text
    (head,) = (one for one in row if one.startswith("Difference, points"))
    for text in re.findall(POINTS, row[head])[:1]:
        found["difference", metric, category] = text
    found["n", metric, category] = row["Support"].split()[0]
    for n, words in re.findall(r"([\d,]+) ((?:newly|no longer) [a-z ]+?)(?= \d|$)", row["Items"]):
        found["newly", next(name for name, one in NEWLY_WORDS.items() if one == words), category] = n


def _page_day(found: Told, category: str, who: str, row: dict[str, str]) -> None:
    for name, head in {**AMOUNTS, "hours": "Reviewer hours a day"}.items():
        found["a day", name, category, who] = row[head]
    head = "Precision" if "Precision" in row else "Precision in production"
    found["a day", "precision", category, who] = row[head]


# ----------------------------------------------------------------------------------------------------- spreadsheet


def from_xlsx(path: Path, ids: dict[str, str], baseline: str, candidate: str) -> Told:
    """The workbook's numbers, written as the other surfaces write them."""
    book, found = load_workbook(path), Told()
    for row in _sheet(book, "Categories"):
        metric, category = METRIC_OF[row["Metric"]], row["Category"]
        for who, side in ((baseline, "Baseline"), (candidate, "Candidate")):
            found["value", metric, category, who] = numbers.share_with_interval(_ends(row, f"{side} value", f"{side} "))
        ends = _ends(row, "Difference, points", "Difference ", 100)
        found["difference", metric, category] = numbers.points_with_interval(ends)
        found["n", metric, category] = numbers.count(row["Items"])
        found["p", metric, category] = numbers.p_value(row["p (Holm)"])
        for name in NEWLY.get(metric, ()):
            found["newly", name, category] = numbers.count(row[capital(NEWLY_WORDS[name])])
    for row in _sheet(book, "Checks"):
        at = (METRIC_OF.get(row["Metric"], "failure_rate"), _subject(row["Category"], ids))
        found["verdict", *at] = row["Verdict"]
        ends = _ends(row, "Difference, points", "90% interval ", 100)
        found["gate difference", *at] = numbers.points_with_interval(ends)
    for row in _sheet(book, "Workload"):
        at = (ids.get(row["Category"], ALL), row["Candidate"])
        for name, head in (("flagged", "Flags"), ("wrongly_flagged", "Wrong flags"), ("missed", "Missed")):
            found["a day", name, *at] = _three(row, f"{head} a day")
        found["a day", "hours", *at] = _three(row, "Reviewer hours a day")
        precision = "Precision in production"
        found["a day", "precision", *at] = numbers.share_with_interval(_ends(row, precision, f"{precision}, "))
    for row in _sheet(book, "Outcomes"):
        found["outcome", "ok", row["Candidate"]] = numbers.count(row[outcome_words("ok")])
        found["failed", row["Candidate"]] = numbers.share_with_interval(_ends(row, "Failure rate", "Failure rate, "), 2)
        found["cost", row["Candidate"]] = numbers.usd(row["Cost per 1,000 answered items"])
        found["latency", "p50", row["Candidate"]] = numbers.milliseconds(row["Latency median, ms"])
        found["latency", "p95", row["Candidate"]] = numbers.milliseconds(row["Latency p95, ms"])
    for row in _sheet(book, "Slices"):
        at = (row["Slice"], row["Value"], ids.get(row["Category"], row["Category"]), row["Candidate"])
        for metric, head in (("recall", "Recall"), ("fpr", "False positive rate")):
            if row[head] is not None:
                found["slice", metric, *at] = numbers.share_with_interval(_ends(row, head, f"{head} "))
    for row in _sheet(book, "Slice changes"):
        at = (METRIC_OF[row["Metric"]], row["Slice"], row["Value"], ids.get(row["Category"], "*"))
        ends = _ends(row, "Difference, points", "Difference ", 100)
        found["slice change", *at] = numbers.points_with_interval(ends)
    return found


def _three(row: dict[str, Any], head: str) -> str:
    return numbers.amount_with_interval(_ends(row, head, f"{head}, "), 1)


def _sheet(book: Any, name: str) -> list[dict[str, Any]]:
    """Rows as head -> cell."""
    if name not in book.sheetnames:
        return []
    rows = list(book[name].iter_rows(values_only=True))
    at = next(index for index, row in enumerate(rows) if "Candidate" in row)
    assert len(set(rows[at])) == len(rows[at]), "two columns of one name"
    return [dict(zip(rows[at], row, strict=True)) for row in rows[at + 1 :]]


def _ends(row: dict[str, Any], head: str, ends: str, factor: float = 1) -> MetricResult:
    """Value and interval from three cells; an empty one is NaN."""
    value, low, high = (
        math.nan if row[one] is None else row[one] / factor for one in (head, f"{ends}low", f"{ends}high")
    )
    return MetricResult(value, low, high, 0)


# ------------------------------------------------------------------------------------------------------------ plots


def from_plot(data: Any, kind: str, metric: str) -> list[str]:
    """Texts of the dots with intervals that a picture shows, in the order of drawing."""
    from harness.report.comparison.plots import PLOTS
    from harness.report.parts.plots import style

    with style() as pyplot:
        figure = PLOTS[kind](pyplot, data, metric)
        lines = [list(map(float, line.get_xdata())) for line in figure.axes[0].get_lines()]
        pyplot.close(figure)
    write = numbers.points_with_interval if kind == "differences" else numbers.share_with_interval
    found, ends = [], (math.nan, math.nan)
    for one in lines[kind == "differences" :]:  # the first line of differences is that of none
        if len(one) == 2:
            ends = (one[0], one[1])
        elif len(one) == 1:
            found.append(write(MetricResult(one[0], *ends, 0)))
            ends = (math.nan, math.nan)
    return found

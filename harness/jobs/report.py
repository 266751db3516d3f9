"""From stored runs to the comparison report: what ``harness report``, ``plot``, ``view`` and notebooks share.

Decides who is in a report, whose item texts it may show, and which files are written. What it says is ``report``'s.
"""

from __future__ import annotations

import datetime
import os
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from harness import __version__
from harness.core.metric_table import metrics_on
from harness.errors import HarnessError, writing
from harness.gating.choose import choose_several
from harness.jobs.texts import read_golden
from harness.report.comparison.build import build_report
from harness.report.comparison.from_run import Choice, choices, source_from_run
from harness.report.comparison.plots import PLOTS, PlotFormat, plot
from harness.report.comparison.renderers import RENDERERS
from harness.report.comparison.workload import ITEMS_PER_DAY, REVIEW_SECONDS
from harness.report.parts.masking import UNDER_THE_MASKS, TextMode, default_text_mode

if TYPE_CHECKING:
    from harness.report.comparison.source import ReportSource
    from harness.runs import Run
from harness.runs.commands import home_of

MAX_CANDIDATES = 21
"""Candidates of one report, the baseline included; beyond eight, colours repeat."""
REPORTS_DIR = Path("reports")

Note = Callable[[str], None]
"""Takes what a reader should know beside the result."""


def silent(_message: str) -> None:
    """Takes notes that nobody reads."""


def report_files(
    run: Run,
    baseline: str | None = None,
    candidates: Sequence[str] = (),
    baseline_run: Run | None = None,
    *,
    formats: Sequence[str] = ("html",),
    out: Path | None = None,
    text_mode: TextMode | None = None,
    items_per_day: float = ITEMS_PER_DAY,
    review_seconds: float = REVIEW_SECONDS,
    review_usd_per_hour: float | None = None,
    points: Sequence[str] = (),
    note: Note = silent,
    hint: Note = silent,
) -> list[Path]:
    """Write the comparison report; the file to open of each format.

    ``note`` takes what is out of the ordinary, ``hint`` what holds of every such file and its sender should know.

    Raises:
        HarnessError: A format or a candidate is unknown, or the folder cannot be written.
    """
    unknown = [one for one in formats if one not in RENDERERS]
    if unknown or not formats:
        raise HarnessError(f"no report format '{', '.join(unknown)}'", allowed=", ".join(RENDERERS))
    source, mode = load_source(run, baseline, candidates, baseline_run or run, text_mode, points=points, note=note)
    source = replace(source, review_seconds=review_seconds, review_usd_per_hour=review_usd_per_hour)
    data = build_report(
        source, generated_at=now_text(), version=__version__, items_per_day=items_per_day, review_seconds=review_seconds
    )
    for one in data.banners:
        note(f"{one.word}: {one.text}")
    folder = out or REPORTS_DIR / run.meta.run_id
    with writing(f"{folder}: the report", next_step="name another folder with --out"):
        folder.mkdir(parents=True, exist_ok=True)
        written = [RENDERERS[name](source, data, folder, mode) for name in dict.fromkeys(formats)]
    for files in written:
        if len(files) > 1:
            note(f"{files[0].name} needs the {len(files) - 1} files in {files[1].parent} beside it")
    if mode == "masked" and "html" in formats:
        hint(UNDER_THE_MASKS.format("report.html"))
    return [files[0] for files in written]


_UNDRAWN = re.compile("missing from font|does not support Arabic")
"""What the drawing library says of names whose letters its font lacks."""


def picture(
    run: Run,
    kind: str = "categories",
    plot_format: PlotFormat = "png",
    *,
    metric: str = "recall",
    baseline: str | None = None,
    candidates: Sequence[str] = (),
    baseline_run: Run | None = None,
    review_seconds: float = REVIEW_SECONDS,
    review_usd_per_hour: float | None = None,
    note: Note = silent,
) -> bytes:
    """One plot of a stored run, as the bytes of a PNG or SVG file.

    Raises:
        HarnessError: There is no such plot or metric, or the run has no data for it.
    """
    for what, name, known in (("plot", kind, tuple(PLOTS)), ("metric of a plot", metric, metrics_on("compare"))):
        if name not in known:
            raise HarnessError(f"no {what} '{name}'", allowed=", ".join(known))
    source, _ = load_source(run, baseline, candidates, baseline_run or run, "none", note=note)
    source = replace(source, review_seconds=review_seconds, review_usd_per_hour=review_usd_per_hour)
    data = build_report(source, generated_at="", version=__version__)
    for one in data.banners:
        note(f"{one.word}: {one.text}")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        drawn = plot(data, kind, plot_format, metric=metric)
    undrawn = [warned for warned in found if _UNDRAWN.search(str(warned.message))]
    for warned in found:
        if warned not in undrawn:
            warnings.warn_explicit(warned.message, warned.category, warned.filename, warned.lineno)
    if undrawn:
        note("Pictures have no letters for the script of some names and show boxes for them: the page shows them.")
    return drawn


def load_source(
    run: Run,
    baseline: str | None,
    candidates: Sequence[str],
    baseline_run: Run,
    text_mode: TextMode | None,
    *,
    points: Sequence[str] = (),
    note: Note = silent,
) -> tuple[ReportSource, TextMode]:
    """The source of a report over stored runs, and how text is shown in it."""
    chosen, has_baseline = choose(run, baseline, candidates, baseline_run, note=note)
    mode = text_mode or default_text_mode(os.environ)
    if mode not in (known := get_args(TextMode)):
        raise HarnessError(f"texts are not shown as '{mode}'", allowed=", ".join(known))
    golden = read_golden(run, mode)
    if mode != "none" and not golden.texts:
        note("The golden set of this run is not at hand or has changed: the report shows no item texts.")
        mode = "none"
    source = source_from_run(
        chosen, golden.texts, has_baseline=has_baseline, votes=golden.votes, agreement=golden.agreement,
        points=points, runs_dir=home_of(run),
    )  # fmt: skip
    return replace(source, pictures=golden.pictures), mode


def choose(
    run: Run, baseline: str | None, candidates: Sequence[str], baseline_run: Run, *, note: Note = silent
) -> tuple[list[Choice], bool]:
    """Who is in the report: the baseline first; one candidate alone has none."""
    chosen, others = choose_several(run, baseline, candidates, baseline_run)
    if not others:
        return choices(run, None, [chosen]), False
    if len(others) >= MAX_CANDIDATES:
        note(f"Only the first {MAX_CANDIDATES - 1} candidates are reported; choose others with --candidate.")
        others = others[: MAX_CANDIDATES - 1]
    return choices(run, chosen, others, baseline_run), True


def now_text() -> str:
    """The time of writing; ``SOURCE_DATE_EPOCH`` sets it, so that a report can be rebuilt byte by byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC) if epoch else datetime.datetime.now(datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M UTC")

"""The public functions: run, open, score, compare, gate, plot, report.

Decides how a script's arguments become those of the jobs; every default is the command line's.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Literal

from harness.api.place import Place, place
from harness.api.results import Comparison, Gate, Picture, Run, Score
from harness.runs.find import LATEST, find_run, unfinished

if TYPE_CHECKING:
    from harness.records.base import FailOn
    from harness.report.parts.masking import TextMode
    from harness.runner import RunSummary

PathLike = str | Path


def run(
    eval: PathLike,  # noqa: A002 - the noun of the files
    *,
    candidates: Sequence[str] = (),
    limit: int | None = None,
    balanced: bool = False,
    repeats: int | None = None,
    wave: str | None = None,
    max_cost_usd: float | None = None,
    max_tokens: int | None = None,
    gguf: PathLike | None = None,
    cache: PathLike | None = None,
    runs_dir: PathLike | None = None,
    progress: bool = True,
) -> Run:
    """Run the candidates of an eval over its golden set, as ``harness run`` does.

    Answers are kept: the same call again asks only what is missing, also after an interrupt. Works in a notebook, where
    an interrupt of the cell ends the run in order.

    Args:
        eval: The eval's file.
        candidates: Run only these; all for none.
        limit: A fixed random sample of this many items.
        balanced: Share the sample out between the categories.
        repeats: Ask every item this often; the eval's for None.
        wave: Ask the models again under this label, say the ISO week.
        max_cost_usd: Stop before the run spends more US dollars.
        max_tokens: Stop before the run uses more tokens.
        gguf: Any GGUF file as the embedded model.
        cache: Journal of answers, a file or an fsspec address; ``HARNESS_CACHE``, else the user's cache folder.
        runs_dir: Folder or fsspec address of the runs; ``HARNESS_RUNS_DIR``, else ``reports/runs``.
        progress: Whether to show progress on stderr.

    Raises:
        HarnessError: A file is at fault, a candidate is unknown, a key is missing, an endpoint refuses every call.
    """
    from harness.jobs.run import RunOptions, execute, prepare_run

    with place() as here:
        options = RunOptions(
            runs_dir=_runs_dir(runs_dir, here),
            cache_path=here.journal(cache),
            candidates=_names(candidates),
            limit=limit,
            is_balanced=balanced,
            repeats=repeats,
            wave=wave,
            max_cost_usd=max_cost_usd,
            gguf=Path(here.path(gguf)) if gguf is not None else None,
            max_tokens=max_tokens,
        )
        path, stream = Path(here.path(eval)), sys.stderr if progress else None

        def work(on_stoppable: Callable[[Callable[[], None]], None] | None) -> RunSummary:
            prepared = prepare_run(path, options, os.environ)
            return execute(prepared, stream=stream, on_stoppable=on_stoppable)

        summary = in_a_notebook_too(work)
    return open_run(summary.path)


def open_run(name: PathLike = LATEST, *, runs_dir: PathLike | None = None) -> Run:
    """Open a stored run: its id or the beginning of one, its folder or address, or ``latest``.

    Raises:
        HarnessError: There is no such run, or it cannot be read.
    """
    with place() as here:
        found = Run(find_run(_runs_dir(runs_dir, here), here.path(name), note=_warn))
    for one in unfinished(found.stored):
        _warn(one)
    return found


def score(run: Run | PathLike = LATEST, *, slices: bool = True) -> Score:
    """Precision, recall and more per category, as ``harness score`` does.

    Args:
        run: A run, or what ``open_run`` takes.
        slices: Whether to score every slice too.
    """
    from harness.measure.score import score_run

    return Score(score_run(_opened(run).stored, with_slices=slices))


def compare(
    run: Run | PathLike = LATEST,
    *,
    baseline: str | None = None,
    candidate: str | None = None,
    baseline_run: Run | PathLike | None = None,
) -> Comparison:
    """Two candidates item by item, as ``harness compare`` does.

    Args:
        run: A run, or what ``open_run`` takes.
        baseline: The candidate to compare against; the eval's baseline for None.
        candidate: The candidate to judge; the only other one for None.
        baseline_run: Take the baseline from another run.
    """
    from harness.gating.choose import choose_pair
    from harness.jobs.compare import compare_candidates

    judged = _opened(run).stored
    other = None if baseline_run is None else _opened(baseline_run).stored
    with place() as here:
        candidate = candidate or here.defaults.get("candidate")
    return Comparison(compare_candidates(*choose_pair(judged, baseline, candidate, other)))


def gate(
    run: Run | PathLike = LATEST,
    *,
    candidate: str | None = None,
    baseline: str | None = None,
    across_versions: bool = False,
    second_look: bool = False,
    fail_on: FailOn | None = None,
    baselines: PathLike | None = None,
    runs_dir: PathLike | None = None,
    log: bool = True,
) -> Gate:
    """May this candidate replace the baseline? As ``harness gate`` decides; raises nothing for a REGRESSION.

    Args:
        run: A run, or what ``open_run`` takes.
        candidate: The candidate to judge; the only other one for None.
        baseline: A candidate of the run, ``RUN[:candidate]``, or ``promoted``; the eval's baseline for None.
        across_versions: Allow another golden-set version; the change is split.
        second_look: Judge at half of alpha, where the log cannot know of the first look.
        fail_on: ``inconclusive`` or ``regression``; the eval's for None.
        baselines: Folder of the promoted baselines; ``evals/baselines`` for None.
        runs_dir: Where ``RUN`` of a baseline is looked for.
        log: Whether this gate is counted in the golden set's log. Looks that are counted there already tighten the
            gate either way; a look that is not counted is one that the next gate cannot know of.
    """
    from harness.gating.baselines import DEFAULT_ROOT
    from harness.jobs.gate import card_of, gate_stored
    from harness.jobs.run_options import GateOptions

    judged = _opened(run, runs_dir).stored
    with place() as here:
        candidate = candidate or here.defaults.get("candidate")
        report = gate_stored(
            judged,
            GateOptions(candidate, baseline, across_versions, is_second_look=second_look, fail_on=fail_on),
            runs_dir=_runs_dir(runs_dir, here),
            root=Path(here.path(baselines)) if baselines is not None else DEFAULT_ROOT,
            card=card_of(judged),
            now=datetime.now(UTC),
            is_counted=log,
        )
    if report.reuse is not None and report.reuse.warning:
        _warn(report.reuse.warning)
    return Gate(report)


def plot(
    run: Run | PathLike = LATEST,
    kind: str = "categories",
    *,
    metric: str = "recall",
    format: Literal["png", "svg"] = "png",  # noqa: A002 - as --format
    baseline: str | None = None,
    candidates: Sequence[str] = (),
    baseline_run: Run | PathLike | None = None,
) -> Picture:
    """One plot of a stored run with its intervals, as ``harness plot`` draws it.

    Args:
        run: A run, or what ``open_run`` takes.
        kind: categories, differences, curves, reliability or slices.
        metric: For categories, differences and slices.
        format: png or svg.
        baseline: The candidate to compare against; the eval's baseline for None.
        candidates: Candidates to show; all others for none.
        baseline_run: Take the baseline from another run.
    """
    from harness.jobs.report import picture

    other = None if baseline_run is None else _opened(baseline_run).stored
    content = picture(
        _opened(run).stored,
        kind,
        format,
        metric=metric,
        baseline=baseline,
        candidates=_names(candidates),
        baseline_run=other,
        note=_warn,
    )
    return Picture(content, format)


def write_report(
    run: Run | PathLike = LATEST,
    *,
    formats: Sequence[str] = ("html",),
    out: PathLike | None = None,
    baseline: str | None = None,
    candidates: Sequence[str] = (),
    baseline_run: Run | PathLike | None = None,
    text: TextMode | None = None,
) -> list[Path]:
    """Write the comparison report, as ``harness report`` does; returns the file to open of each format.

    Args:
        run: A run, or what ``open_run`` takes.
        formats: html, md, xlsx, json.
        out: Folder; ``reports/RUN`` for None.
        baseline: The candidate to compare against; the eval's baseline for None.
        candidates: Candidates to judge; all others for none.
        baseline_run: Take the baseline from another run.
        text: How item text is shown: masked, full or none; masked for None, and none where CI is set. A masked
            page holds the texts in full under its masks.
    """
    from harness.jobs.report import report_files

    judged = _opened(run).stored
    other = None if baseline_run is None else _opened(baseline_run).stored
    with place() as here:
        written = report_files(
            judged,
            baseline,
            _names(candidates),
            other,
            formats=_names(formats),
            out=here.new_path(out) if out is not None else None,
            text_mode=text or here.defaults.get("text"),
            note=_warn,
        )
        return written if here.root == here.start else [path.absolute() for path in written]


def _opened(run: Run | PathLike, runs_dir: PathLike | None = None) -> Run:
    return run if isinstance(run, Run) else open_run(run, runs_dir=runs_dir)


def _runs_dir(given: PathLike | None, here: Place) -> str:
    return here.runs_dir if given is None else str(given) if "://" in str(given) else str(here.new_path(given))


def _names(given: Sequence[str]) -> tuple[str, ...]:
    """One name stands for a list of one; its letters are never names."""
    return (given,) if isinstance(given, str) else tuple(given)


def _warn(message: str) -> None:
    depth = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith("harness."):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=depth)


def in_a_notebook_too(work: Callable[[Callable[[Callable[[], None]], None] | None], RunSummary]) -> RunSummary:
    """Run here, or in a thread where an event loop has this one already."""
    return _beside_a_loop(work) if _is_in_a_loop() else work(None)


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


LISTEN_S = 0.5


def _beside_a_loop(work: Callable[[Callable[[Callable[[], None]], None]], RunSummary]) -> RunSummary:
    """Run in a thread where an event loop has this one already; an interrupt ends the run in order."""
    stops: list[Callable[[], None]] = []
    is_waited_for = threading.Event()

    def begin() -> RunSummary:
        is_waited_for.wait()
        return work(stops.append)

    with ThreadPoolExecutor(1, thread_name_prefix="harness-run") as pool:
        done = pool.submit(begin)
        while True:
            try:
                is_waited_for.set()
                while not done.done():  # an interrupt just before a wait without end would be heard after it
                    wait([done], timeout=LISTEN_S)
                return done.result()
            except KeyboardInterrupt:
                for stop in stops:
                    stop()

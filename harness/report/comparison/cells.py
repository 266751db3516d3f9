"""What the page's template reads: the report's values as cells, drawings, labels and links.

Decides what the page may load: nothing but itself and its folder, which a content security policy with hashes says.
Numbers are rounded by ``report.numbers``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from markupsafe import Markup

from harness.core.metric_table import METRIC_MEANINGS
from harness.gating.findings.pair import SAME_WITHIN
from harness.gating.findings.stored import NEWLY
from harness.measure.score import UNDECIDED
from harness.report.comparison import items, svg
from harness.report.comparison.change_signs import CHANGE_WORDS, TONES
from harness.report.comparison.data import (
    ERROR_KINDS,
    METRIC_NAMES,
    CategoryRow,
    CheckRow,
    Economics,
    Measure,
    OutcomeRow,
    Pair,
    ReportData,
    ScoredCategory,
    TargetRow,
    VerdictLine,
)
from harness.report.comparison.explorer import explorer_data
from harness.report.comparison.heatmaps import HeatMaps
from harness.report.comparison.long_table import LONG_TABLE, NOTHING_COMPARED, told_and_still
from harness.report.comparison.many import (
    LEGEND_FROM,
    colour_numbers,
    decisions,
    drawn_candidates,
    drawn_words,
    first_pair,
    is_many,
    standing_words,
)
from harness.report.comparison.matrix import (
    MatrixRow,
    baseline_cells,
    candidate_matrix,
    matrix_caption,
    matrix_columns,
    printed_rows,
)
from harness.report.comparison.names import names_of
from harness.report.comparison.source import OUTCOME_NAMES
from harness.report.comparison.strip import strips
from harness.report.comparison.tiles import fold_words, tiles_of
from harness.report.comparison.workday import Workday
from harness.report.parts import numbers
from harness.report.parts.assets import asset, script, script_data, sha256_source
from harness.report.parts.decision_words import screen_told
from harness.report.parts.finding_words import NEWLY_WORDS, Told
from harness.report.parts.isolation import isolated
from harness.report.parts.masking import TextMode, printable
from harness.report.parts.words import capital, compared_words, outcome_words

_ICONS = {"good": "✓", "bad": "✗", "open": "?", "neutral": "·"}
_VERDICT_ICONS = {"PASS": "✓", "REGRESSION": "✗", "INVALID": "✗", "INCONCLUSIVE": "?", "NOT_EVALUABLE": "?"}
_STILL_SIGNS = {"same": "=", "unclear": "?", "undefined": "–"}
_CHANGE_WORDS = CHANGE_WORDS | {change: f"{sign} {CHANGE_WORDS[change]}" for change, sign in _STILL_SIGNS.items()}


def _measured(pair: Pair, metric: str) -> list[Measure]:
    return [row.measures[metric] for row in pair.rows if metric in row.measures]


class Page:
    """What the template reads: the data, and its values as cells."""

    undecided = UNDECIDED
    nothing_compared = NOTHING_COMPARED
    metric_names = METRIC_NAMES
    meanings = METRIC_MEANINGS
    error_kinds = ERROR_KINDS
    change_words = _CHANGE_WORDS
    same_within = f"{100 * SAME_WITHIN:g}"
    legend_from = LEGEND_FROM

    def __init__(
        self, data: ReportData, text_mode: TextMode, blocks: list[tuple[str, str]], folder: str | None
    ) -> None:
        self.data = data
        self.text_mode = text_mode
        self.blocks = [(name, Markup(content)) for name, content in blocks]
        self.css = Markup(asset("report.css"))
        self.script = Markup(script("comparison"))
        scripts = sha256_source(self.script) + (" 'self' file:" if folder else "")
        self.policy = (
            f"default-src 'none'; script-src {scripts}; style-src {sha256_source(self.css)}; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        )
        self._class_of = {name: svg.ARM_CLASSES[number] for name, number in colour_numbers(data).items()}
        self.column = {one: index for index, (one, _) in enumerate(data.categories)}
        self.is_many = is_many(data)
        self.drawn = drawn_candidates(data)
        self.drawn_words = drawn_words(data)
        self.metrics = list(METRIC_NAMES.items())[: 2 if self.is_many else None]
        self.pair_options = [(index, pair.candidate) for index, pair in enumerate(data.pairs)]
        self.maps = HeatMaps(data)
        self.day = Workday(data, self.drawn)
        self.strips = partial(strips, data)
        self.first_pair = first_pair(data)
        self.standing = standing_words(data)
        self.decisions = decisions(data)
        self.printed = printed_rows(data)
        self.baseline_cells = baseline_cells(data)
        self.tiles = tiles_of(data)
        self.matrix_caption = matrix_caption(data)
        self.fold_words = fold_words(data)
        self.about = self._about(folder)
        self.explorer = explorer_data(data)
        self._limits: dict[tuple[int, str], float] = {}

    def _about(self, folder: str | None) -> Markup:
        data = self.data
        position: dict[str | None, int] = {name: index for index, name in enumerate(data.candidates)}
        return script_data(
            {
                "n": data.n_items,
                "first": self.first_pair,
                "chunk": items.CHUNK,
                "folder": folder,
                "categories": [
                    {"id": one, "name": printable(name)}
                    | ({"definition": printable(data.definitions[one])} if one in data.definitions else {})
                    for one, name in data.categories
                ],
                "runs": data.runs,
                "n_repeats": data.n_repeats,
                "candidates": [printable(name) for name in data.candidates],
                "pairs": [
                    {"baseline": position.get(pair.baseline), "candidate": position[pair.candidate]}
                    for pair in data.pairs
                ],
                "n_changes": sum(pair.baseline is not None for pair in data.pairs),
                "outcomes": OUTCOME_NAMES,
            }
        )

    def told_and_still(self, pair: Pair, metric: str) -> tuple[list[CategoryRow], list[CategoryRow]]:
        """Rows that stay in view, and those that are folded."""
        return told_and_still(pair, metric, 0 if self.is_many else LONG_TABLE)

    # ------------------------------------------------------------------------------------------------ the head

    @property
    def heading(self) -> str:
        """What is compared."""
        return compared_words([pair.candidate for pair in self.data.pairs], self.data.baseline)

    @staticmethod
    def icon(line: VerdictLine) -> str:
        """A sign beside the verdict, so that colour is never alone."""
        return _ICONS[line.tone]

    @property
    def sections(self) -> list[tuple[str, str]]:
        """Links at the top: the sections that are there."""
        data = self.data
        possible: list[tuple[str, str, object]] = [
            ("categories", "Categories", True),
            ("checks", "Checks", self.has_other_checks),
            ("inputs", "Inputs", self.has_inputs),
            ("items", "Items", True),
            ("curves", "Curves", data.scored),
            ("calibration", "Calibration", self.calibrated),
            ("confusion", "Confusion", data.confusions),
            ("slices", "Slices", data.slices),
            ("outcomes", "Outcomes", True),
            *((one.id, one.link, True) for one in data.sections),
            ("cost", "Cost", data.economics),
            ("production", "Production", data.production),
            ("gold", "Golden set", True),
            ("reproduce", "Reproduce", True),
        ]
        return [(name, text) for name, text, has_data in possible if has_data]

    @staticmethod
    def newly(row: CategoryRow, metric: str) -> list[tuple[str, str, int]]:
        """What became of the items that a metric counts: name, words, how many; what counts against it first."""
        return [(name, NEWLY_WORDS[name], len(getattr(row.newly, name))) for name in NEWLY.get(metric, NEWLY_WORDS)]

    def packed(self, keep: bool = False, *, caller: Callable[[], str]) -> Markup:
        """A part that does not stand in view at once: packed on a page of many figures, being most of its bytes."""
        content = str(caller())
        if not self.is_many or keep or not content.strip():
            return Markup(content)
        return items.packed_part(isolated(content, names_of(self.data)))

    @property
    def screens(self) -> list[list[tuple[str, list[Told]]]]:
        """The first screen of each candidate: heading and findings, the statistics apart."""
        return [screen_told(pair.decision) for pair in self.data.pairs]

    @property
    def matrix_names(self) -> list[str]:
        """Heads of the matrix of candidates: the categories."""
        return [name for _, name in matrix_columns(self.data)]

    @property
    def matrix(self) -> list[MatrixRow]:
        """Candidates by category, where there are three or more."""
        return candidate_matrix(self.data)

    def marker(self, candidate: str) -> Markup:
        """The mark of a candidate in every drawing."""
        return Markup(
            '<svg viewBox="0 0 22 14" width="22" height="14" aria-hidden="true">'
            f'<line x1="1" x2="21" y1="7" y2="7" class="curve {self._class_of[candidate]}"/>'
            f'<circle cx="11" cy="7" r="4" class="dot {self._class_of[candidate]}"/></svg>'
        )

    # ------------------------------------------------------------------------------------------------ categories

    def _limit(self, pair: Pair, metric: str) -> float:
        key = (self.data.pairs.index(pair), metric)
        if key not in self._limits:
            self._limits[key] = svg.scale_limit([one.difference for one in _measured(pair, metric)])
        return self._limits[key]

    def limit(self, pair: Pair, metric: str) -> str:
        """End of the difference scale, in points."""
        return f"{100 * self._limit(pair, metric):g}"

    def _scale(self, pair: Pair, metric: str) -> tuple[float, float]:
        measured = _measured(pair, metric)
        return svg.proportion_scale([result for one in measured for result in (one.baseline, one.candidate)])

    def scale(self, pair: Pair, metric: str) -> str:
        """Ends of the value scale: ``60 to 100%``."""
        low, high = self._scale(pair, metric)
        return f"{100 * low:.0f} to {100 * high:.0f}%"

    def whiskers(self, pair: Pair, one: Measure) -> Markup:
        """Both values with their intervals."""
        drawn = [] if pair.baseline is None else [(one.baseline, self._class_of[pair.baseline])]
        return svg.whiskers([*drawn, (one.candidate, self._class_of[pair.candidate])], self._scale(pair, one.metric))

    def difference(self, pair: Pair, one: Measure) -> Markup:
        """The difference with its interval."""
        return svg.difference(one.difference, self._limit(pair, one.metric), f"t-{TONES.get(one.change, 'neutral')}")

    @staticmethod
    def has_checks(pair: Pair, metric: str) -> bool:
        """Whether the gate checks this metric in any category."""
        return any(check.metric == metric for row in pair.rows for check in row.checks)

    @staticmethod
    def other_checks(pair: Pair) -> list[CheckRow]:
        """Checks that no table of categories shows."""
        shown = {(row.id, metric) for row in pair.rows for metric in row.measures}
        return [check for check in pair.checks if (check.category, check.metric) not in shown]

    @staticmethod
    def check_subject(check: CheckRow) -> str:
        """What a check is about, at the beginning of a line."""
        return capital(check.subject)

    @property
    def has_other_checks(self) -> bool:
        """Whether any pair has such checks."""
        return any(self.other_checks(pair) for pair in self.data.pairs)

    @staticmethod
    def target_words(row: TargetRow) -> str:
        """The policy's target and whether the interval reaches it."""
        words = {"met": "✓ target {}: met", "missed": "✗ target {}: missed", "open": "? target {}: not proven"}
        return words[row.state].format(numbers.share(row.target, 0))

    @staticmethod
    def verdict_icon(verdict: str) -> str:
        """A sign beside a check's verdict."""
        return _VERDICT_ICONS.get(verdict, "·")

    @staticmethod
    def moved(pair: Pair) -> list[tuple[CategoryRow, Measure]]:
        """Recall and precision that moved, proven ones first."""
        rank = {"worse": 0, "better": 1, "leans_worse": 2, "leans_better": 3}
        measured = [(row, row.measures.get(metric)) for row in pair.rows for metric in ("recall", "precision")]
        found = [(row, one) for row, one in measured if one and one.change in rank]
        return sorted(found, key=lambda one: rank[one[1].change])

    @property
    def has_inputs(self) -> bool:
        """Whether any pair has input files to compare."""
        return any(pair.inputs for pair in self.data.pairs)

    # --------------------------------------------------------------------------------------------------- charts

    def precision_recall(self, one: ScoredCategory) -> Markup:
        """Curves of one category."""
        drawn = [curve for curve in one.curves if curve.candidate in self.drawn]
        return svg.precision_recall(one.name, drawn, self._class_of)

    def reliability(self, one: ScoredCategory) -> Markup:
        """Calibration of one category."""
        drawn = [each for each in one.calibration if each.candidate in self.drawn]
        return svg.reliability(one.name, drawn, self._class_of)

    @property
    def calibrated(self) -> list[str]:
        """Candidates whose scores can be read as probabilities."""
        found = {c.candidate for one in self.data.scored for c in one.calibration}
        return [name for name in self.drawn if name in found]

    # ---------------------------------------------------------------------------------- outcomes, cost, production

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        """Outcomes that occur, and how they are called."""
        found = {name for row in self.data.outcomes for name in row.counts}
        return [(name, outcome_words(name)) for name in OUTCOME_NAMES if name in found]

    @staticmethod
    def _outcome_class(name: str) -> str:
        return f"o{OUTCOME_NAMES.index(name)}" if name in OUTCOME_NAMES else "o4"

    def outcome_bar(self, row: OutcomeRow) -> Markup:
        """One bar of outcomes."""
        return svg.stacked(row.counts, {name: self._outcome_class(name) for name in row.counts})

    def outcome_key(self, name: str) -> Markup:
        """The colour of an outcome."""
        return Markup(
            '<svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">'
            f'<rect width="10" height="10" class="{self._outcome_class(name)}"/></svg>'
        )

    def latency(self, row: Economics) -> Markup:
        """Latency range on a scale shared by the candidates."""
        known = [value for one in self.data.economics for value in one.latency_ms.values() if value is not None]
        return svg.latency_range(row, max(known, default=0.0), self._class_of[row.candidate])

    def cost_quality(self) -> Markup:
        """Macro F1 against cost."""
        return svg.cost_quality(self.data.economics, self._class_of)

    # ------------------------------------------------------------------------------------- golden set, signature

    @property
    def has_margins(self) -> bool:
        """Whether the smallest provable margin is known."""
        return any(row.provable_margin is not None for row in self.data.gold.rows)

    @property
    def has_alpha(self) -> bool:
        """Whether votes gave an agreement."""
        return any(row.alpha is not None for row in self.data.gold.rows)

    @property
    def provenance(self) -> list[tuple[str, str]]:
        """What was run on what."""
        data, golden = self.data, self.data.golden_set
        return [
            ("Run", data.run_id),
            ("Golden set", f"{golden.name} version {golden.version}, sha256 {golden.hash}"),
            ("Policy", f"{data.policy_name} version {data.policy_version}"),
            *(one for one in data.facts if one[0] != "Run"),
        ]

    @property
    def input_files(self) -> list[tuple[str, str, str, str]]:
        """Candidate, kind, name and hash of every input."""
        return [(candidate, *one) for candidate, files in self.data.inputs.items() for one in files]

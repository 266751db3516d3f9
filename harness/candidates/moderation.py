"""A ``/moderations`` endpoint as a candidate.

Decides how the endpoint's own categories become the policy's: by a written crosswalk, many to many. A category's
decision is 1 when any of its names is flagged and its score is the highest of theirs; with a threshold the score
decides. A category that the crosswalk does not cover is not decided. Scores move with the endpoint's model version, so
a threshold belongs to one version: name it in models.yaml.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.candidates.chat import encode_body
from harness.candidates.names import NameIndex, apply_thresholds, crosswalk_of, loose, map_decisions, map_scores
from harness.candidates.responses import read_document
from harness.files.kinds import Doubt
from harness.files.text import shortened, words
from harness.files.yaml import read_yaml
from harness.records import Item, Model
from harness.records.answers import Answer, Decide, Request, Response

if TYPE_CHECKING:
    from harness.files.evals import LoadedEval

ROUTE = "/moderations"
ENDPOINT_NAMES = words(  # platform.openai.com/docs/guides/moderation
    "harassment harassment/threatening hate hate/threatening illicit illicit/violent self-harm self-harm/intent "
    "self-harm/instructions sexual sexual/minors violence violence/graphic"
)
"""What OpenAI's endpoint calls its categories; other servers add names of their own."""
VERSION = 1


class ModerationCandidate:
    """One call per item.

    Args:
        candidate_id: Name in the eval file.
        model_id: Name in models.yaml.
        model: Endpoint and parameters.
        names: Names of the endpoint -> categories.
        thresholds: Categories decided by ``score >= threshold`` instead of the endpoint's own flag.
        inputs: Further facts for the fingerprint.
    """

    needs_text = True

    def __init__(
        self,
        candidate_id: str,
        model_id: str,
        model: Model,
        names: NameIndex,
        *,
        thresholds: Mapping[str, float] | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = candidate_id
        self.models_used = (model_id,)
        self.categories = names.categories
        self._model_id = model_id
        self._model_name = model.model or model_id
        self._params = {name: model.params[name] for name in sorted(model.params)}
        self._names = names
        self._thresholds = dict(thresholds or {})
        self.fingerprint: Mapping[str, Any] = {
            "kind": "moderation",
            "categories": list(self.categories),
            "moderation": self._model_name,
            "params": self._params,
            "reader": VERSION,
            "thresholds": self._thresholds,
            **(inputs or {}),
        }

    def prepare(self, items: Sequence[Item]) -> None:
        """Nothing to prepare."""

    def decide(self, item: Item) -> Decide:
        """Ask about the item's text; an item without text is an abstention."""
        if item.text is None:
            return Answer("abstained", dict.fromkeys(self.categories), error="the item has no text")
        body = encode_body({"model": self._model_name, "input": item.text, **self._params})
        (response,) = yield [Request(self._model_id, ROUTE, body)]
        return self._read(response, item.text)

    def _read(self, response: Response, text: str) -> Answer:
        document = read_document(response, text)
        undecided: dict[str, int | None] = dict.fromkeys(self.categories)
        if isinstance(document, Answer):
            return Answer(document.outcome, undecided, error=document.error)
        results = document.get("results")
        result = results[0] if isinstance(results, list) and len(results) == 1 else None
        if not isinstance(result, dict):
            return Answer("unparsed", undecided, error="the response does not hold one result")
        flags, scores = _values(result.get("categories")), _values(result.get("category_scores"))
        if not all(isinstance(flag, bool) for flag in flags.values()):
            return Answer("unparsed", undecided, error="a flag is neither true nor false")
        if not all(type(score) in (int, float) and 0 <= score <= 1 for score in scores.values()):
            return Answer("unparsed", undecided, error="a score is not a number from 0 to 1")
        known_scores = map_scores(self._names, {name: float(score) for name, score in scores.items()})
        known_flags = map_decisions(self._names, {name: int(flag) for name, flag in flags.items()})
        decisions = apply_thresholds(undecided | known_flags, known_scores, self._thresholds)
        missing = [category for category, decision in decisions.items() if decision is None]
        if missing:
            return Answer("unparsed", decisions, known_scores, error=f"nothing in the response maps to {missing[0]}")
        return Answer("ok", decisions, known_scores)


def name_doubts(loaded: LoadedEval, candidate: ModerationCandidate) -> list[Doubt]:
    """Names of the crosswalk that are nearly, and not quite, names of the endpoint: nothing would ever map to them."""
    spec = loaded.eval.value.candidates[candidate.id]
    crosswalk = crosswalk_of(loaded.policy.value, spec.crosswalk) or {}
    known = {loose(name) for name in ENDPOINT_NAMES}
    found = []
    for category, names in crosswalk.items():
        for name in names:
            near = difflib.get_close_matches(name, ENDPOINT_NAMES, n=1, cutoff=0.8)
            if loose(name) not in known and near:
                line = read_yaml(loaded.policy.path, what="policy").line(("crosswalks", spec.crosswalk or "", category))
                said = f"crosswalk '{spec.crosswalk}' has the target '{shortened(name)}'"
                said += ", which OpenAI's endpoint never gives"
                found.append(Doubt(loaded.policy.path, line, said, f"did you mean '{near[0]}'?"))
    return found


def _values(found: Any) -> dict[str, Any]:
    """Values by name; a null is a category that this version of the endpoint does not have."""
    return {name: value for name, value in found.items() if value is not None} if isinstance(found, dict) else {}

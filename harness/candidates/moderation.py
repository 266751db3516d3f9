"""A moderation endpoint as a candidate: OpenAI's and Mistral's ``/moderations``, Azure Content Safety.

Decides how the endpoint's own categories become the policy's: by a written crosswalk, many to many. A category's
decision is 1 when any of its names is flagged and its score is the highest of theirs; with a threshold the score
decides. Azure's severities are cut per category (``cuts``), and give severity / highest level as the score. Scores move
with the endpoint's model version, so a threshold belongs to one version: name it in models.yaml.

Three ways of not deciding, and none is a "no". A category that the crosswalk maps to null, or does not name, is not
one of the candidate's: it is not counted for it. One whose names all came back as null is one that this version of the
endpoint has no category for, and one that was not judged on this kind of input (hate on an image alone) was not looked
at: the item is then ``abstained``, and the reason says which of the two.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.candidates.chat import encode_body
from harness.candidates.moderation_shapes import BLOCKLIST, SHAPES, Judged, highest_severity, merged, takes_pictures
from harness.candidates.names import NameIndex, apply_thresholds, crosswalk_of, loose, map_decisions, map_scores
from harness.candidates.pictures import PictureParts, nothing_to_send, unread
from harness.candidates.responses import read_document, worst
from harness.errors import FileError, HarnessError
from harness.files.kinds import Doubt, Kind, SpecCheck, not_decided
from harness.files.pictures import IMAGES
from harness.files.schema import Loc
from harness.files.text import joined, shortened
from harness.files.yaml import read_yaml
from harness.records import CandidateSpec, Item, Model, Policy
from harness.records.answers import Answer, Decide, Request, Response
from harness.records.evals import Threshold

if TYPE_CHECKING:
    from harness.candidates.build import Builder
    from harness.files.evals import LoadedEval

VERSION = 2
DEFAULT_CUT = 4
"""Medium: where Azure's own content filters stop a text unless they are told otherwise."""


class ModerationCandidate:
    """One call per item, and one more for each further picture.

    Args:
        names: Names of the endpoint -> categories.
        thresholds: Categories decided by ``score >= threshold`` instead of the endpoint's own flag.
        cuts: Categories decided by ``severity >= cut``, where the endpoint gives severities.
        pictures: How an item's pictures are sent; None where the text alone is.
    """

    needs_text = True

    def __init__(
        self,
        candidate_id: str,
        model_id: str,
        model: Model,
        names: NameIndex,
        *,
        thresholds: Mapping[str, Threshold] | None = None,
        cuts: Mapping[str, int] | None = None,
        pictures: PictureParts | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = candidate_id
        self.models_used = (model_id,)
        self.categories = names.categories
        self._model_id = model_id
        self._model_name = model.model or model_id
        self._shape = SHAPES[model.provider]
        self._params = {name: model.params[name] for name in sorted(model.params)}
        self._names = names
        self._thresholds = dict(thresholds or {})
        self._cuts = dict.fromkeys(self.categories, DEFAULT_CUT) | dict(cuts or {})
        self._pictures = pictures
        self._highest = highest_severity(self._params)
        self.fingerprint: Mapping[str, Any] = {
            "kind": "moderation",
            "categories": list(self.categories),
            "moderation": self._model_name,
            "params": self._params,
            "reader": VERSION,
            "thresholds": self._thresholds,
            **({} if self._shape.names_model else {"provider": model.provider, "cuts": self._cuts}),
            **({"media": list(pictures.media)} if pictures is not None else {}),
            **(inputs or {}),
        }

    def prepare(self, items: Sequence[Item]) -> None:
        """Nothing to prepare."""

    def decide(self, item: Item) -> Decide:
        """Ask about the item's text and pictures; an item with nothing that can be sent is an abstention."""
        undecided: dict[str, int | None] = dict.fromkeys(self.categories)
        try:
            pictures = [] if self._pictures is None else self._pictures.read(self._pictures.named(item))
        except FileError as error:
            return Answer("error", undecided, error=unread(error))
        if item.text is None and not pictures:
            return Answer("abstained", undecided, error=nothing_to_send(self._pictures, shows_text=True))
        responses = yield [
            Request(self._model_id, route, encode_body(body))
            for route, body in self._shape.asked(self._model_name, item.text, pictures, self._params)
        ]
        return self._read(responses, item.text or "", shows_inputs=bool(pictures))

    def _read(self, responses: Sequence[Response], text: str, *, shows_inputs: bool) -> Answer:
        read = [self._judged(response, text) for response in responses]
        failed = [one for one in read if isinstance(one, Answer)]
        if failed:
            outcome = worst([one.outcome for one in failed])
            error = next(one.error for one in failed if one.outcome == outcome)
            return Answer(outcome, dict.fromkeys(self.categories), error=error)
        judged = merged([one for one in read if isinstance(one, Judged)])
        return self._decided(judged, _inputs(judged) if shows_inputs else None)

    def _judged(self, response: Response, text: str) -> Judged | Answer:
        document = read_document(response, text)
        found = document if isinstance(document, Answer) else self._shape.read(document)
        return Answer("unparsed", error=found) if isinstance(found, str) else found

    def _decided(self, judged: Judged, rationale: str | None) -> Answer:
        flags = {f"{BLOCKLIST}{name}": 0 for name in self._params.get("blocklistNames") or ()}
        flags |= {name: int(flag) for name, flag in judged.flags.items() if name not in judged.not_applied}
        given = {name: score for name, score in judged.scores.items() if name not in judged.not_applied}
        given |= {name: min(severity / self._highest, 1.0) for name, severity in judged.severities.items()}
        scores = map_scores(self._names, given)
        found = map_decisions(self._names, flags)
        for name, severity in judged.severities.items():
            for category in self._names.resolve(name) or ():
                found[category] = int(found.get(category) == 1 or severity >= self._cuts[category])
        decisions = apply_thresholds(dict.fromkeys(self.categories) | found, scores, self._thresholds)
        missing = [category for category, decision in decisions.items() if decision is None]
        if not missing:
            return Answer("ok", decisions, scores, rationale)
        outcomes = {category: self._why(category, judged) for category in missing}
        is_known = all(known for known, _ in outcomes.values())
        reasons = [reason for known, reason in outcomes.values() if known == is_known]
        return Answer("abstained" if is_known else "unparsed", decisions, scores, rationale, "; ".join(reasons))

    def _why(self, category: str, judged: Judged) -> tuple[bool, str]:
        """Whether the endpoint itself says why a category is open, and the reason."""
        names = {loose(name) for name in self._names.sources(category)}
        if names & {loose(name) for name in judged.not_applied}:
            return True, f"the endpoint does not judge {category} on this kind of input"
        if names & {loose(name) for name in judged.no_such}:
            return True, f"this version of the endpoint has no such category as {category}"
        return False, f"nothing in the response maps to {category}"


def _inputs(judged: Judged) -> str | None:
    """Which kinds of input the endpoint judged, in one line."""
    by_kinds: dict[str, list[str]] = {}
    for name, kinds in judged.inputs.items():
        by_kinds.setdefault(" and ".join(kinds), []).append(name)
    return "; ".join(f"judged on {kinds}: {', '.join(names)}" for kinds, names in by_kinds.items()) or None


def moderation_doubts(loaded: LoadedEval, candidate: ModerationCandidate) -> list[Doubt]:
    """What nothing would ever map to, what the endpoint does not have, and pictures that nobody looks at."""
    return [*_name_doubts(loaded, candidate), *_coverage_doubts(loaded, candidate)]


def _name_doubts(loaded: LoadedEval, candidate: ModerationCandidate) -> list[Doubt]:
    """Names of the crosswalk that are nearly, and not quite, names of the endpoint."""
    spec = loaded.eval.value.candidates[candidate.id]
    models = loaded.models.value if loaded.models is not None else {}
    shape = SHAPES[models[spec.value].provider if spec.value in models else "openai"]
    whose = "OpenAI's endpoint" if shape.names_model else "Azure Content Safety"
    crosswalk = crosswalk_of(loaded.policy.value, spec.crosswalk) or {}
    known = {loose(name) for name in shape.names}
    found = []
    for category, names in crosswalk.items():
        for name in names:
            near = difflib.get_close_matches(name, shape.names, n=1, cutoff=0.8)
            is_strange = not shape.names_model and not name.startswith(BLOCKLIST)
            if loose(name) not in known and (near or is_strange):
                line = read_yaml(loaded.policy.path, what="policy").line(("crosswalks", spec.crosswalk or "", category))
                said = f"crosswalk '{spec.crosswalk}' has the target '{shortened(name)}', which {whose} never gives"
                hint = f"did you mean '{near[0]}'?" if near else f"it gives {joined(shape.names)}"
                found.append(Doubt(loaded.policy.path, line, said, hint))
    return found


def _coverage_doubts(loaded: LoadedEval, candidate: ModerationCandidate) -> list[Doubt]:
    """Categories that the golden set labels and the endpoint has not."""
    labelled = [name for name in loaded.golden.categories if name not in candidate.categories]
    if not labelled:
        return []
    crosswalk = loaded.policy.value.crosswalks.get(loaded.eval.value.candidates[candidate.id].crosswalk or "", {})
    nulls = [name for name in labelled if name in crosswalk]
    found = "its endpoint has no such category as" if nulls else "its crosswalk does not name"
    return [not_decided(loaded, candidate.id, f"{found} {joined(nulls or labelled, most=5)}")]


def build_moderation(builder: Builder, candidate_id: str, spec: CandidateSpec) -> ModerationCandidate:
    """A /moderations endpoint."""
    names = builder.names(spec)
    builder.require_decided(candidate_id, spec, names)
    model, media = builder.model(spec.value), spec.options.get("media")
    if media is None:
        media = [IMAGES] if takes_pictures(model.provider, model.model or spec.value) else []
    return ModerationCandidate(
        candidate_id,
        spec.value,
        model,
        names,
        thresholds=spec.thresholds,
        cuts=spec.options.get("cuts"),
        pictures=builder.pictures(media, partial(_fault_in, builder.loaded.eval.path, candidate_id)) if media else None,
        inputs=builder.mapping(spec),
    )


def _fault_in(path: Path, candidate_id: str, place: Loc, found: str, *, allowed: str, next_step: str) -> HarnessError:
    """A fault of a candidate in the eval, with its line."""
    document = read_yaml(path, what="eval")
    return document.error(("candidates", candidate_id, *place), found, allowed=allowed, next_step=next_step)


def _has_route(check: SpecCheck, models: Mapping[str, Model]) -> None:
    name = check.spec.value
    if name not in models:
        return
    provider = models[name].provider
    if provider not in SHAPES:
        check.add(
            ("moderation",),
            f"is '{shortened(name)}', {'an embedded model' if provider == 'embedded' else f'of provider {provider}'}",
            "an endpoint with a /v1/moderations route, or azure_content_safety",
            "use the embedded model with a prompt" if provider == "embedded" else "ask this model by a prompt",
        )
        return
    cuts, most = check.spec.options.get("cuts") or {}, highest_severity(models[name].params)
    if cuts and provider != "azure_content_safety":
        check.add(("cuts",), f"is given for provider {provider}", "cuts with azure_content_safety", "use thresholds")
    for category, cut in cuts.items():
        if not 1 <= cut <= most:
            hint = "0 would flag everything" if cut == 0 else "correct the cut"
            check.add(("cuts", category), f"is {cut}", f"a severity from 1 to {most}", hint)
        if category in check.spec.thresholds:
            check.add(("cuts", category), "has a threshold too", "a cut or a threshold", "remove one of the two")


def _cuts_fit(check: SpecCheck, policy: Policy) -> None:
    for category in check.spec.options.get("cuts") or {}:
        where = f"policy '{policy.policy}'"
        check.require(("cuts", category), [category], policy.category_ids, noun="category", where=where)


MODERATION = Kind(
    build_moderation,
    takes=frozenset(("crosswalk", "thresholds")),
    fields={"cuts": dict[str, int], "media": list[str]},
    models=lambda spec: [("moderation", spec.value)] if spec.value else [],
    check_policy=_cuts_fit,
    check_models=_has_route,
    doubts=moderation_doubts,
)

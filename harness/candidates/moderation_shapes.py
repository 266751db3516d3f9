"""What moderation endpoints are asked, and the shapes of what they answer -> one ``Judged``.

Decides body and route of a request and where flags, scores and severities stand: OpenAI's ``/moderations``, which
Mistral and others answer in the same shape with names of their own, and Azure Content Safety's ``text:analyze`` and
``image:analyze``. What that means for the policy is left to ``moderation``.

Sources: platform.openai.com/docs/guides/moderation, docs.mistral.ai (guardrailing),
learn.microsoft.com/azure/ai-services/content-safety (reference of text:analyze, version 2024-09-01).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.files.pictures import Picture
from harness.files.text import words

OPENAI_NAMES = words(
    "harassment harassment/threatening hate hate/threatening illicit illicit/violent self-harm self-harm/intent "
    "self-harm/instructions sexual sexual/minors violence violence/graphic"
)
_SPELT = {name.replace("/", "_").replace("-", "_"): name for name in OPENAI_NAMES}
"""What a gateway sends that writes OpenAI's answer by the attributes of its client: ``hate_threatening``."""
MISTRAL_NAMES = words(
    "sexual hate_and_discrimination violence_and_threats dangerous criminal selfharm health financial law pii "
    "jailbreaking"
)
"""Of mistral-moderation-2603; the model before it said dangerous_and_criminal_content for two of them."""
MISTRAL_BEFORE = words("dangerous_and_criminal_content")
AZURE_NAMES = words("Hate SelfHarm Sexual Violence")
BLOCKLIST = "blocklist/"
"""Before the name of a block list of Azure Content Safety, as a crosswalk writes it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What one answer says, by the endpoint's own names.

    Attributes:
        scores: From 0 to 1.
        severities: Ordinal levels, where the endpoint gives these in place of flags.
        no_such: Names that the answer gives as null: this version of the endpoint has no such category.
        not_applied: Names that the endpoint has, and did not judge on this kind of input.
        inputs: Kinds of input that were judged, by name; empty where the endpoint does not say.
    """

    flags: Mapping[str, bool] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    severities: Mapping[str, int] = field(default_factory=dict)
    no_such: frozenset[str] = frozenset()
    not_applied: frozenset[str] = frozenset()
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shape:
    """An endpoint's language.

    Attributes:
        asked: (model, text, pictures, params) -> routes and bodies, one for each call.
        read: An answer's document -> what it says, or why it cannot be read.
        names: Names it is known to answer, for messages.
    """

    asked: Callable[[str, str | None, Sequence[Picture], Mapping[str, Any]], list[tuple[str, dict[str, Any]]]]
    read: Callable[[Mapping[str, Any]], Judged | str]
    names: tuple[str, ...]
    names_model: bool = True


def _openai_asked(
    model: str, text: str | None, pictures: Sequence[Picture], params: Mapping[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    """The text alone as a string; with pictures as parts, one picture a call since the endpoint takes no second one."""
    if not pictures:
        return [("/moderations", {"model": model, "input": text, **params})]
    parts = [{"type": "text", "text": text}] if text else []
    asked = []
    for picture in pictures:
        image = {"type": "image_url", "image_url": {"url": picture.data_url}}
        asked.append(("/moderations", {"model": model, "input": [*parts, image], **params}))
        parts = []
    return asked


def _openai_read(document: Mapping[str, Any]) -> Judged | str:
    results = document.get("results")
    result = results[0] if isinstance(results, list) and len(results) == 1 else None
    if not isinstance(result, dict):
        return "the response does not hold one result"
    flags, scores = _named(result.get("categories")), _named(result.get("category_scores"))
    no_such = frozenset(name for name, flag in flags.items() if flag is None)
    flags = {name: flag for name, flag in flags.items() if flag is not None}
    scores = {name: score for name, score in scores.items() if score is not None}
    if not all(isinstance(flag, bool) for flag in flags.values()):
        return "a flag is neither true nor false"
    if not all(type(score) in (int, float) and 0 <= score <= 1 for score in scores.values()):
        return "a score is not a number from 0 to 1"
    applied = {
        name: tuple(str(kind) for kind in kinds)
        for name, kinds in _named(result.get("category_applied_input_types")).items()
        if isinstance(kinds, list)
    }
    not_applied = frozenset(name for name, kinds in applied.items() if not kinds)
    return Judged(
        flags=flags,
        scores={name: float(score) for name, score in scores.items()},
        no_such=no_such,
        not_applied=not_applied,
        inputs={name: kinds for name, kinds in applied.items() if kinds},
    )


FOUR, EIGHT = "FourSeverityLevels", "EightSeverityLevels"
HIGHEST = {FOUR: 6, EIGHT: 7}
"""Of the two output types: 0, 2, 4, 6 and 0 to 7."""


def highest_severity(params: Mapping[str, Any]) -> int:
    """The highest level that answers to these parameters have."""
    return HIGHEST.get(params.get("outputType", FOUR), HIGHEST[FOUR])


def _azure_asked(
    model: str, text: str | None, pictures: Sequence[Picture], params: Mapping[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    of_images = {name: params[name] for name in ("categories",) if name in params}
    asked = [("/text:analyze", {"text": text, **params})] if text is not None else []
    asked += [("/image:analyze", {"image": {"content": picture.base64}, **of_images}) for picture in pictures]
    return asked


def _azure_read(document: Mapping[str, Any]) -> Judged | str:
    found = document.get("categoriesAnalysis")
    if not isinstance(found, list):
        return "the response holds no categoriesAnalysis"
    severities: dict[str, int] = {}
    for one in found:
        name, severity = (one.get("category"), one.get("severity")) if isinstance(one, dict) else (None, None)
        if not isinstance(name, str) or type(severity) is not int or not 0 <= severity <= HIGHEST[EIGHT]:
            return "a severity is not a whole number from 0 to 7"
        if severities.setdefault(name, severity) != severity:
            return "a category is given twice"
    hits = document.get("blocklistsMatch")
    flags = {
        f"{BLOCKLIST}{one['blocklistName']}": True
        for one in (hits if isinstance(hits, list) else ())
        if isinstance(one, dict) and isinstance(one.get("blocklistName"), str)
    }
    return Judged(flags=flags, severities=severities)


def _named(found: Any) -> dict[str, Any]:
    """What is told by name, under OpenAI's own spelling; where both are there, that one counts."""
    told = _mapping(found)
    return {_SPELT[name]: value for name, value in told.items() if name in _SPELT} | {
        name: value for name, value in told.items() if _SPELT.get(name, name) == name
    }


def _mapping(found: Any) -> dict[str, Any]:
    return dict(found) if isinstance(found, dict) else {}


OPENAI = Shape(_openai_asked, _openai_read, (*OPENAI_NAMES, *MISTRAL_NAMES, *MISTRAL_BEFORE))
AZURE_CONTENT_SAFETY = Shape(_azure_asked, _azure_read, AZURE_NAMES, names_model=False)
SHAPES: Mapping[str, Shape] = {"openai": OPENAI, "azure": OPENAI, "azure_content_safety": AZURE_CONTENT_SAFETY}
"""Provider of a model -> how its moderation endpoint is asked."""


def takes_pictures(provider: str, model: str) -> bool:
    """Whether an endpoint is known to judge pictures: OpenAI's omni models and Azure Content Safety."""
    return provider == "azure_content_safety" or model.startswith("omni-moderation")


def merged(parts: Sequence[Judged]) -> Judged:
    """Several calls about one item as one: any flag, the highest score and severity, everything that was judged."""
    if len(parts) == 1:
        return parts[0]
    flags: dict[str, bool] = {}
    scores: dict[str, float] = {}
    severities: dict[str, int] = {}
    inputs: dict[str, tuple[str, ...]] = {}
    for part in parts:
        judged = {name for name in (*part.flags, *part.scores) if name not in part.not_applied}
        for name in judged & set(part.flags):
            flags[name] = flags.get(name, False) or part.flags[name]
        for name in judged & set(part.scores):
            scores[name] = max(scores.get(name, 0.0), part.scores[name])
        for name, severity in part.severities.items():
            severities[name] = max(severities.get(name, 0), severity)
        for name, kinds in part.inputs.items():
            inputs[name] = tuple(dict.fromkeys((*inputs.get(name, ()), *kinds)))
    never = frozenset.intersection(*(part.not_applied for part in parts))
    return Judged(flags, scores, severities, frozenset().union(*(part.no_such for part in parts)), never, inputs)

"""What a prompt leaves unsaid or says as it was once: labels, fields, categories, repeated examples, old policy text.

Decides what deserves a warning. Texts are looked at as a model sees them: rendered under the policy, with an item that
has no words of its own. A model may know its format without being told (a trained guard does), so nothing is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import structs

from harness.candidates.prompt_parts import StaleText, stale_texts
from harness.errors import HarnessError
from harness.files.kinds import Doubt
from harness.files.prompt_header import header_document
from harness.files.prompt_messages import compile_prompt
from harness.files.text import joined, shortened
from harness.records import Item, Loaded, Policy, Prompt

if TYPE_CHECKING:
    from harness.candidates.names import Crosswalk
    from harness.files.evals import LoadedEval

JSON_FIELDS = ("categories", "violates")
"""One of these makes an object a verdict; ``parsers.json_answer`` reads them."""
LATE_CHARACTERS = 1000
"""Fewer are no matter: providers keep beginnings of a thousand tokens and more."""


def prompt_doubts(loaded: LoadedEval, candidate: Any) -> list[Doubt]:
    """Warnings about the prompt of a candidate, at their lines."""
    from harness.candidates.names import crosswalk_of

    spec = loaded.eval.value.candidates[candidate.id]
    prompt, policy = loaded.prompts[spec.value], loaded.policy.value
    crosswalk = crosswalk_of(policy, spec.crosswalk)
    found = [*_unsaid(prompt, policy, crosswalk, candidate), *_repeated_examples(prompt), *_late(prompt, policy)]
    if loaded.golden.pictures and not prompt.value.header.media:
        said = (
            f"is shown no picture, and items of golden set '{loaded.golden.name}' have {len(loaded.golden.pictures):,}"
        )
        found.append(("media", said, "add 'media: [images]', or leave it out where texts alone are to be judged"))
    hint = "bring it up to date, or print it: {{ category.definition }}"
    doubts = [
        Doubt(
            prompt.path, one.line, f"says the policy's text of '{one.category}' as it is not (any more): {said}", hint
        )
        for one in stale_texts(prompt.value, policy)
        for said in [_changes(one)]
    ]
    if not found:
        return doubts
    document = header_document(prompt)
    return [Doubt(prompt.path, document.line((field,)), text, hint) for field, text, hint in found] + doubts


def _changes(stale: StaleText) -> str:
    removed = [f"without '{shortened(one)}'" for one in stale.removed]
    return ", ".join([*removed, *(f"with '{shortened(one)}'" for one in stale.added)][:4])


def same_version_doubts(prompts: Iterable[Loaded[Prompt]]) -> list[Doubt]:
    """Two prompt files of one name and version over different texts: their runs could not be told apart."""
    seen: dict[tuple[str, int | None], Loaded[Prompt]] = {}
    found = []
    for one in sorted(prompts, key=lambda prompt: prompt.path):
        header = one.value.header
        first = seen.setdefault((header.prompt, header.version), one)
        if first is one or header.version is None or _sent(first.value) == _sent(one.value):
            continue
        said = f"says prompt '{shortened(header.prompt)}' version {header.version}"
        said += f", as {first.path.name} does over another text"
        hint = "give the newer one the next version: harness prompts diff shows what differs"
        found.append(Doubt(one.path, header_document(one).line(("version",)), said, hint))
    return found


def _sent(prompt: Prompt) -> tuple[Any, ...]:
    header = structs.replace(prompt.header, description="")
    return header, tuple((message.role, message.template) for message in prompt.messages)


def _unsaid(
    prompt: Loaded[Prompt], policy: Policy, crosswalk: Crosswalk | None, candidate: Any
) -> Iterator[tuple[str, str, str]]:
    header = prompt.value.header
    if header.answer not in ("label", "json"):
        return
    if header.answer == "json" and candidate.fingerprint.get("structured_output") == "json_schema":
        return  # the schema that is sent names them all
    text = _shown(prompt, policy)
    if text is None:
        return
    if header.answer == "label":
        labels = list(header.labels or {})
        missing = [label for label in labels if not names(text, label)]
        if missing and len(missing) == len(labels):
            said = f"never names its labels ({joined(labels, most=5)}) to the model"
            yield "labels", said, "write in the text which of them the model is to answer with"
        elif missing:
            said = f"never names the label{'s' if len(missing) > 1 else ''} {joined(missing, most=5)} to the model"
            yield "labels", said, "name it where the text lists the answers, or remove it from 'labels'"
        return
    if not any(_asks_for(text, field) for field in JSON_FIELDS):
        said = f"asks for JSON and never names the field that is read: {' or '.join(map(repr, JSON_FIELDS))}"
        yield "answer", said, 'show the object in the text, such as {"categories": ["hate"], "rationale": "..."}'
    if header.per == "category":
        return
    missing = [
        category
        for category in candidate.categories
        if not any(names(text, one) for one in (crosswalk or {}).get(category, (category,)))
    ]
    if missing:
        said = f"never names {joined(missing, most=5)} to the model, whose answer is read by these names"
        yield "answer", said, "list the categories in the text: {% for category in categories %}{{ category.id }} ..."


def _asks_for(text: str, field: str) -> bool:
    """Whether a text asks for a field of an object: in quotes, or as it is spelled beside the word JSON."""
    is_quoted = re.search(rf"""["'`]{field}["'`]""", text) is not None
    return is_quoted or ("json" in text.casefold() and re.search(rf"\b{field}\b", text) is not None)


def names(text: str, name: str) -> bool:
    """Whether a text holds a name as a word of its own; dashes, underscores and case are disregarded.

    >>> names("Answer UNSAFE.", "safe"), names("answer with self-harm", "self_harm")
    (False, True)
    """
    parts = [re.escape(part) for part in re.split(r"[\s_-]+", name.strip()) if part]
    if not parts:
        return True
    before, after = (r"(?<!\w)" if name.strip()[0].isalnum() else ""), (r"(?!\w)" if name.strip()[-1].isalnum() else "")
    return re.search(before + r"[\s_-]*".join(parts) + after, text, re.IGNORECASE) is not None


def _late(prompt: Loaded[Prompt], policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Text that is the same in every request and stands behind the item: only what they begin with is kept."""
    one, other = _shown(prompt, policy, "a"), _shown(prompt, policy, "b")
    if one is None or other is None or one == other:
        return
    before = next(at for at, (here, there) in enumerate(zip(one, other, strict=False)) if here != there)
    behind = next(at for at, (here, there) in enumerate(zip(one[::-1], other[::-1], strict=False)) if here != there)
    if behind >= LATE_CHARACTERS and behind > before:
        said = f"shows the item before {behind:,} characters that are the same in every request: no provider can take "
        said += "them from its prompt cache"
        yield "prompt", said, "write policy and instructions first and the item last: it is cheaper and quicker"


def _shown(prompt: Loaded[Prompt], policy: Policy, words: str = "") -> str | None:
    """All that the messages show of an item of these words; None where they cannot be rendered for it."""
    try:
        compiled = compile_prompt(prompt, policy)
        per_category = prompt.value.header.per == "category"
        asked: Sequence[str | None] = compiled.category_ids if per_category else (None,)
        item = Item(id="", text=words, labels={})
        return "\n".join(one["content"] for category in asked for one in compiled.render(item, category))
    except HarnessError:
        return None  # a template that needs a field of real items


def _repeated_examples(prompt: Loaded[Prompt]) -> Iterator[tuple[str, str, str]]:
    """Examples of the header with the same text: once is enough, and two answers for one text teach nothing."""
    seen: dict[str, list[int]] = {}
    examples = prompt.value.header.examples
    for at, example in enumerate(examples):
        seen.setdefault(" ".join(str(example.get("text", "")).split()).casefold(), []).append(at)
    for places in seen.values():
        if len(places) < 2:
            continue
        numbers = " and ".join(str(at + 1) for at in places)
        answers = {frozenset(examples[at].get("categories") or ()) for at in places}
        if len(answers) > 1:
            said, hint = "the same text with different categories", "keep the one that is right"
        else:
            said, hint = "the same text", "remove the copies: each is paid for in every call"
        yield "examples", f"has {said} in its examples {numbers}", hint

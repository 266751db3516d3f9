"""Prompts looked at without asking a model: two versions against each other, and a request as it would be sent.

Decides what counts as a difference between two prompt files, and what of an item's text a shown request holds.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.candidates.build import Builder
from harness.candidates.guard import form_of
from harness.candidates.prompt_parts import example_turns, part_sizes
from harness.errors import HarnessError
from harness.files.evals import LoadedEval
from harness.files.prompts import load_prompt
from harness.jobs.prompt_tokens import ESTIMATED, Counter, counter_of
from harness.jobs.texts import no_item
from harness.records import Item, Loaded, Prompt
from harness.records.answers import Request
from harness.report.item.masked import seen_item
from harness.report.parts.masking import TextMode
from harness.runner.budget import BYTES_PER_TOKEN


@dataclass(frozen=True, slots=True)
class PromptDiff:
    """Two prompt files.

    Attributes:
        header: Fields of the front matter that differ: name -> before, after.
        examples: Few-shot examples before, after, removed and added.
        is_same_version: Whether both say the same name and version over different texts.
    """

    names: tuple[str, str]
    header: Mapping[str, tuple[Any, Any]]
    lines: tuple[str, ...]
    examples: tuple[int, int, int, int]
    bytes: tuple[int, int]
    is_same_version: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``--json``."""
        before, after, removed, added = self.examples
        return {
            "baseline": self.names[0],
            "candidate": self.names[1],
            "header": {name: {"baseline": a, "candidate": b} for name, (a, b) in self.header.items()},
            "diff": list(self.lines),
            "examples": {"baseline": before, "candidate": after, "removed": removed, "added": added},
            "tokens": {"baseline": tokens(self.bytes[0]), "candidate": tokens(self.bytes[1])},
            "same_version": self.is_same_version,
        }


def tokens(n_bytes: int) -> int:
    """Estimated tokens of so many bytes, by the rule of ``harness run --dry-run``."""
    return -(-n_bytes // BYTES_PER_TOKEN)


def diff_prompts(before_path: Path, after_path: Path) -> PromptDiff:
    """What changed from one prompt file to another."""
    before, after = load_prompt(before_path), load_prompt(after_path)
    fields = before.value.header.__struct_fields__
    header = {
        name: (a, b)
        for name in fields
        if name != "examples" and (a := _plain(before, name)) != (b := _plain(after, name))
    }
    texts = [_text(one.value) for one in (before, after)]
    lines = tuple(difflib.unified_diff(texts[0], texts[1], before_path.name, after_path.name, lineterm="", n=1))
    examples = [_examples(one.value) for one in (before, after)]
    removed = sum(one not in examples[1] for one in examples[0])
    added = sum(one not in examples[0] for one in examples[1])
    identity = [(one.value.header.prompt, one.value.header.version) for one in (before, after)]
    is_other = bool(lines) or bool(removed + added) or any(name not in ("description",) for name in header)
    return PromptDiff(
        (str(before_path), str(after_path)),
        header,
        lines,
        (len(examples[0]), len(examples[1]), removed, added),
        (_bytes(before.value), _bytes(after.value)),
        identity[0] == identity[1] and is_other,
    )


def _plain(prompt: Loaded[Prompt], name: str) -> Any:
    return json.loads(json.dumps(getattr(prompt.value.header, name), default=dict))


def _text(prompt: Prompt) -> list[str]:
    lines: list[str] = []
    for message in prompt.messages:
        lines += [f"# {message.role}", *message.template.split("\n"), ""]
    return lines


def _examples(prompt: Prompt) -> list[str]:
    turns = [f"{asked.template}\n{answered.template}" for asked, answered in example_turns(prompt)]
    return turns + [json.dumps(dict(one), sort_keys=True, default=str) for one in prompt.header.examples]


def _bytes(prompt: Prompt) -> int:
    shown = sum(len(message.template.encode()) for message in prompt.messages)
    return shown + sum(
        len(json.dumps(dict(one), ensure_ascii=False, default=str).encode()) for one in prompt.header.examples
    )


@dataclass(frozen=True, slots=True)
class ShownCandidate:
    """The first requests of a candidate about one item, and the tokens of their parts.

    Attributes:
        parts: Part -> tokens, over all the requests, of the text as it is, however it is shown; empty for no prompt.
    """

    candidate: str
    requests: tuple[Request, ...]
    parts: Mapping[str, int]
    note: str = ""
    counted: Counter = ESTIMATED


def show_requests(loaded: LoadedEval, item_id: str, mode: TextMode, chosen: Sequence[str] = ()) -> list[ShownCandidate]:
    """What each candidate that asks a model would send about an item; nothing is sent.

    Raises:
        HarnessError: There is no such item or candidate, or none of them asks anything.
    """
    whole = _item(loaded, item_id)
    item = seen_item(whole, mode)
    builder = Builder(loaded)
    names = list(chosen) or list(loaded.eval.value.candidates)
    shown = [one for name in names if (one := _shown(builder, name, item, whole)) is not None]
    if not shown:
        raise HarnessError(
            f"no candidate of {loaded.eval.path.name} asks a model",
            allowed="an eval with a prompt, guard or moderation candidate",
            next_step="show a stored item instead: harness show RUN ITEM",
        )
    return shown


def _item(loaded: LoadedEval, item_id: str) -> Item:
    found = next((one for one in loaded.golden.items() if one.id == item_id), None)
    if found is None:
        raise no_item(f"golden set {loaded.golden.name}", item_id, [one.id for one in loaded.golden.items()])
    return found


def without_pictures(value: Any) -> Any:
    """A request's body with each picture named by type and size: its bytes are as much the item's as its text.

    >>> without_pictures({"url": "data:image/png;base64,AAAA"}), without_pictures({"image": {"content": "AAAA"}})
    ({'url': '[image/png, 3 bytes]'}, {'image': {'content': '[image, 3 bytes]'}})
    """
    if isinstance(value, str) and value.startswith("data:image/") and "," in value:
        head, _, body = value.partition(",")
        return f"[{head.removeprefix('data:').removesuffix(';base64')}, {len(body) * 3 // 4:,} bytes]"
    if isinstance(value, list):
        return [without_pictures(one) for one in value]
    if not isinstance(value, dict):
        return value
    shown = {name: without_pictures(one) for name, one in value.items()}
    image = value.get("image")
    if isinstance(image, dict) and isinstance(image.get("content"), str):
        shown["image"] = {**image, "content": f"[image, {len(image['content']) * 3 // 4:,} bytes]"}
    return shown


def _shown(builder: Builder, name: str, item: Item, whole: Item) -> ShownCandidate | None:
    candidate = builder.candidate(name)
    if not candidate.models_used:
        return None
    candidate.prepare([item])
    decision = candidate.decide(item)
    try:
        requests = tuple(next(decision))
    except StopIteration as ended:
        return ShownCandidate(name, (), {}, f"nothing is asked: {ended.value.error or ended.value.outcome}")
    finally:
        decision.close()
    spec = builder.loaded.eval.value.candidates[name]
    prompt = {"prompt": lambda: builder.loaded.prompts[spec.value], "guard": lambda: form_of(spec.value)}.get(spec.kind)
    if prompt is None:
        return ShownCandidate(name, requests, {})
    found, policy = prompt(), builder.loaded.policy.value
    asked = candidate.categories if found.value.header.per == "category" else (None,)
    models = builder.loaded.models
    model = None if models is None else models.value.get(requests[0].model_id)
    counted = counter_of(model, Path() if models is None else models.path.parent)
    sizes = [part_sizes(found, policy, whole, category, measure=counted.count) for category in asked]
    return ShownCandidate(name, requests, {part: sum(one[part] for one in sizes) for part in sizes[0]}, counted=counted)

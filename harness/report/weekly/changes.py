"""What changed between two runs for one candidate, in phrases a reader knows: prompt, rules, model, policy, labels.

Reads the hashes that runs keep of their inputs; a text difference is shown where the text was kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from harness.records import RunInput
from harness.report.comparison.input_changes import diff_lines
from harness.report.parts import numbers
from harness.report.parts.masking import shorten
from harness.report.parts.words import plural
from harness.report.weekly.data import Change
from harness.runs import Run, RunMeta

OWN_KINDS = ("prompt", "rules", "settings", "policy", "failures", "repeats", "harness")
"""Kinds of change that are ours and can move a candidate's decisions."""
_FILES = {"prompt": "prompt", "rules": "rule set"}
MOST_SETTINGS = 6
"""Settings that are told one by one; the rest is counted."""
_HIDDEN = frozenset({"sha256", "prompt", "rules", "categories"})
_PHRASES = {
    "temp": "temperature",
    "params.temperature": "temperature",
    "params.max_tokens": "most output tokens",
    "params.seed": "model seed",
    "structured_output": "structured output",
    "engine": "version of the rules engine",
}


def fingerprint_of(meta: RunMeta, candidate: str) -> bytes:
    """Everything that can change the candidate's decisions, as comparable bytes."""
    content = [meta.fingerprint(candidate), meta.on_failure(candidate)]
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def gold_key(meta: RunMeta) -> str:
    """What the labels depend on: golden set, version, hash, and the parents that a child's 1 implies."""
    parents = {one: entry.parent for one, entry in meta.policy.categories.items()}
    tree = orjson.dumps({one: parent for one, parent in sorted(parents.items()) if parent})
    suffix = f"/{hashlib.sha256(tree).hexdigest()[:4]}" if tree != b"{}" else ""
    return f"{meta.golden_set.title}@{meta.golden_set.hash[:8]}{suffix}"


def changes_between(old: Run, new: Run, candidate: str) -> tuple[Change, ...]:
    """Every recorded difference between two runs that can move the candidate's numbers."""
    found = [
        *_files(old, new, candidate),
        *_settings(old.meta, new.meta, candidate),
        *_text_change("policy", "policy", old, new, "policy"),
        *_targets(old, new),
        *(_card(old.meta, new.meta) if _same_labels(old, new) else _golden(old.meta, new.meta)),
        *_labels(old, new),
        *_sample(old.meta, new.meta),
    ]
    if old.meta.harness_version != new.meta.harness_version:
        found.append(Change("harness", f"harness {old.meta.harness_version} became {new.meta.harness_version}"))
    return tuple(found)


def versions_between(old: RunMeta, new: RunMeta, candidate: str) -> tuple[str, ...]:
    """What of the candidate's own inputs and of the labels became another version, told from the records alone."""
    told = [
        _named(noun, before, after)
        for key, noun in (*((f"{kind}:{candidate}", noun) for kind, noun in _FILES.items()), ("policy", "policy"))
        if (before := old.inputs.get(key)) and (after := new.inputs.get(key)) and before.sha256 != after.sha256
    ]
    own = (one for one in (*_settings(old, new, candidate), *_golden(old, new)) if one.kind != "recorded")
    return (*told, *(one.phrase for one in own))


def _files(old: Run, new: Run, candidate: str) -> Iterator[Change]:
    for kind, noun in _FILES.items():
        key = f"{kind}:{candidate}"
        there = [one for run in (old, new) if (one := run.meta.inputs.get(key)) is not None]
        if len(there) == 1:
            yield Change(kind, f"{noun} {there[0].title} was {'removed' if key in old.meta.inputs else 'added'}")
        yield from _text_change(kind, noun, old, new, key)


def _targets(old: Run, new: Run) -> Iterator[Change]:
    for category in new.categories:
        if category in old.meta.policy.categories:
            was, now = (run.meta.policy.targets(category) for run in (old, new))
            for metric in sorted({*was, *now}):
                if was.get(metric) != now.get(metric):
                    name = new.meta.policy.category_name(category)
                    then, since = (_target(one.get(metric)) for one in (was, now))
                    yield Change("targets", f"{metric} target of {name} {then} became {since}")


def _target(value: float | None) -> str:
    return "unset" if value is None else numbers.share(value, 0)


def _text_change(kind: str, noun: str, old: Run, new: Run, key: str) -> Iterator[Change]:
    """An input that both runs have and that is another one now, with its lines where both texts were kept."""
    before, after = old.meta.inputs.get(key), new.meta.inputs.get(key)
    if before is None or after is None or before.sha256 == after.sha256:
        return
    texts = [run.input_text(key) for run in (old, new)]
    lines = () if None in texts else tuple(diff_lines(*((text or "").split("\n")[:2_000] for text in texts)))
    n_added, n_removed = (sum(line.kind == kind for line in lines) for kind in ("added", "removed"))
    size = f" ({plural(n_added, 'line')} added, {numbers.count(n_removed)} removed)" if lines else ""
    yield Change(kind, _named(noun, before, after) + size, lines)


def _named(noun: str, before: RunInput, after: RunInput) -> str:
    if before.title == after.title:
        return f"{noun} {after.title} was edited without a new version"
    if before.name == after.name and None not in (before.version, after.version):
        return f"{noun} {after.name} v{before.version} became v{after.version}"
    return f"{noun} {before.title} became {after.title}"


def _settings(old: RunMeta, new: RunMeta, candidate: str) -> Iterator[Change]:
    before, after = (dict(_flat(meta.fingerprint(candidate))) for meta in (old, new))
    if after.get("kind") == "recorded":
        if before.get("sha256") != after.get("sha256"):
            yield Change("recorded", "its decisions were recorded anew")
            return
        for of in (before, after):
            of.pop("recorded", None)  # the same rows under another name of their file
    n_more = 0
    shown: dict[str, None] = {}
    for key in sorted({*before, *after} - _HIDDEN):
        was, now = before.get(key), after.get(key)
        if was == now or (key == "params.temperature" and "temp" in after):
            continue
        if len(shown) < MOST_SETTINGS:
            shown[f"{_phrase(key)} {_value(was)} became {_value(now)}"] = None
        else:
            n_more += 1
    yield from (Change("settings", phrase) for phrase in shown)
    if n_more:
        yield Change("settings", f"{n_more} more settings")
    failures = [meta.on_failure(candidate) for meta in (old, new)]
    if failures[0] != failures[1]:
        yield Change("failures", f"what failed answers count as: {failures[0]} became {failures[1]}")
    if old.repeats != new.repeats:
        yield Change("repeats", f"repeats {old.repeats} became {new.repeats}")


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _flat(one, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(one, Mapping | list) for one in value):
        for position, one in enumerate(value):
            yield from _flat(one, f"{prefix}.{position + 1}")
    else:
        yield prefix, tuple(value) if isinstance(value, list) else value


def _phrase(key: str) -> str:
    if key in _PHRASES:
        return _PHRASES[key]
    if key.startswith("thresholds."):
        return f"threshold of {key.removeprefix('thresholds.')}"
    return key.replace("_", " ").replace(".", " ")


def _value(value: Any) -> str:
    if value is None:
        return "unset"
    return shorten(", ".join(map(str, value)) if isinstance(value, tuple) else str(value), 60)


def _golden(old: RunMeta, new: RunMeta) -> Iterator[Change]:
    if old.golden_set.hash == new.golden_set.hash:
        return
    before, after = (numbers.count(meta.golden_set.n_items_in_set or meta.n_items) for meta in (old, new))
    size = f" ({before} items became {after})" if before != after else ""
    change = f"{old.golden_set.title} became {new.golden_set.title}"
    if old.golden_set.title == new.golden_set.title:
        policies = [one.sha256 if (one := meta.inputs.get("policy")) else None for meta in (old, new)]
        how = "without a new version" if policies[0] == policies[1] else "with the policy"
        change = f"{new.golden_set.title} was edited {how}"
    yield Change("golden_set", f"golden set {change}{size}")


def _same_labels(old: Run, new: Run) -> bool:
    """Whether two golden sets hold the same texts, labels and weights, whatever their cards say."""
    return (
        old.categories == new.categories
        and old.item_ids == new.item_ids
        and old.text_hashes == new.text_hashes
        and np.array_equal(old.y_true, new.y_true)
        and np.array_equal(old.weights, new.weights, equal_nan=True)
    )


def _card(old: RunMeta, new: RunMeta) -> Iterator[Change]:
    """A new version or card of a golden set that moves no figure."""
    title = new.golden_set.title
    for one in _golden(old, new):
        what = f"the card of golden set {title} was edited" if old.golden_set.title == title else one.phrase
        yield Change("card", f"{what}, with the same texts and labels")


def _labels(old: Run, new: Run) -> Iterator[Change]:
    """Labels that differ although the golden set is the same: an edited policy implies other parents."""
    if old.meta.golden_set.hash != new.meta.golden_set.hash or gold_key(old.meta) == gold_key(new.meta):
        return
    place = {item_id: index for index, item_id in enumerate(old.item_ids)}
    pairs = [(place[one], index) for index, one in enumerate(new.item_ids) if one in place]
    kept = [one for one in new.categories if one in old.categories]
    if not pairs or not kept:
        return
    before, after = (
        run.y_true[np.ix_(at, [run.categories.index(one) for one in kept])]
        for run, at in zip((old, new), zip(*pairs, strict=True), strict=True)
    )
    if n_labels := int((before != after).sum()):
        yield Change("golden_set", f"{numbers.count(n_labels)} labels follow from the edited policy")


def _sample(old: RunMeta, new: RunMeta) -> Iterator[Change]:
    before, after = ((meta.limit, meta.seed) if meta.limit is not None else None for meta in (old, new))
    if before != after and old.golden_set.hash == new.golden_set.hash:
        yield Change("sample", f"another sample: {_sampled(old)} became {_sampled(new)}")


def _sampled(meta: RunMeta) -> str:
    n_items = numbers.count(meta.n_items)
    return f"all {n_items} items" if meta.limit is None else f"{n_items} items drawn with seed {meta.seed}"

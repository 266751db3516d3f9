"""What deserves a remark in a golden set although it is allowed, and the images it names that are not there.

Decides leakage into prompts, duplicates and near duplicates, contradicting labels, categories without positives, blank
and damaged texts, and slices that no item has. What a row may hold is decided by its reader.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.errors import FileError, GroupedError, HarnessError
from harness.files.golden.sets import GoldenSet
from harness.files.pictures import PictureFolder, is_address, pictures_of
from harness.files.policy import implied_parents
from harness.files.text import counted, joined, nearest, shortened
from harness.files.yaml import read_yaml
from harness.goldens.contents import Contents
from harness.goldens.published import changed_since_published
from harness.records import Item, Loaded, Policy, Prompt, RuleSet, Split

if TYPE_CHECKING:
    from harness.goldens.hygiene import Hygiene

MIN_QUOTED_CHARS = 20
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Remark:
    """Something allowed that probably should not be."""

    path: str
    line: int | None
    found: str
    next_step: str

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.found}\n  {self.next_step}"


def check_items(
    golden: GoldenSet,
    policy: Policy | None,
    prompts: Sequence[Loaded[Prompt]],
    rules: Sequence[Loaded[RuleSet]] = (),
    *,
    is_thorough: bool = False,
    split: Split | None = None,
) -> tuple[list[HarnessError], list[Remark]]:
    """Faults and remarks that only the items themselves can show; they are read once.

    Near duplicates and damaged characters are looked for where ``is_thorough``; copies on both sides of ``split`` are
    leakage.
    """
    leaks, sought, pictures, contents = _Leaks(prompts), _Sought(rules), _Pictures(golden), Contents(golden)
    hashes = array("q")
    seen: set[str] = set()
    empty: list[str] = []
    hygiene = None
    if is_thorough:
        from harness.goldens.hygiene import Hygiene

        hygiene = Hygiene()
    try:
        for item in golden.items():
            shown = contents.of(item)
            hashes.append(0 if shown is None else hash(shown))
            leaks.look(item)
            sought.look(item)
            if hygiene is not None and item.text is not None:
                hygiene.look(item.id, item.text)
            seen.update(name for name, values in item.slices.items() if values)
            if item.text is not None and not item.text.strip():
                empty.append(item.id)
            if item.images or item.modalities:
                pictures.look(item)
    except HarnessError as error:
        return list(error.errors) if isinstance(error, GroupedError) else [error], []
    changed = changed_since_published(golden)
    errors: list[HarnessError] = [*([] if changed is None else [changed]), *pictures.errors()]
    remarks = [*pictures.remarks(), *leaks.remarks(golden), *sought.remarks(golden)]
    remarks += _duplicates(golden, hashes, contents)
    if hygiene is not None:
        remarks += _nearly_the_same(golden, split)
        remarks += _damaged(golden, hygiene)
    remarks += _without_positives(golden, policy)
    remarks += _without_values(golden, empty, seen)
    return errors, remarks


class _Leaks:
    """Finds golden texts inside prompts."""

    def __init__(self, prompts: Sequence[Loaded[Prompt]]) -> None:
        self._prompts = prompts
        self._examples: dict[str, list[int]] = {}
        self._bodies = [_plain(" ".join(message.template for message in prompt.value.messages)) for prompt in prompts]
        self._found: list[list[str]] = [[] for _ in prompts]
        for at, prompt in enumerate(prompts):
            for example in prompt.value.header.examples:
                self._examples.setdefault(_plain(str(example["text"])), []).append(at)

    def look(self, item: Item) -> None:
        if not self._prompts or item.text is None:
            return
        text = _plain(item.text)
        hits = set(self._examples.get(text, ()))
        if len(text) >= MIN_QUOTED_CHARS:
            hits.update(at for at, body in enumerate(self._bodies) if text in body)
        for at in hits:
            self._found[at].append(item.id)

    def remarks(self, golden: GoldenSet) -> Iterator[Remark]:
        for prompt, ids in zip(self._prompts, self._found, strict=True):
            if ids:
                found = f"shows the model {counted(len(ids), 'text')} of golden set '{golden.name}' ({_some(ids)})"
                hint = "use examples that are not in the golden set: the score would measure memory"
                yield Remark(str(prompt.path), None, found, hint)


class _Sought:
    """Slice values that rules are restricted to: a rule whose values no item has never applies here."""

    def __init__(self, rules: Sequence[Loaded[RuleSet]]) -> None:
        self._rules = rules
        names = {name for one in rules for rule in one.value.rules for name in rule.when}
        self._seen: dict[str, set[str]] = {name: set() for name in names}

    def look(self, item: Item) -> None:
        for name, values in self._seen.items():
            values.update(item.slices.get(name, ()))

    def remarks(self, golden: GoldenSet) -> Iterator[Remark]:
        for one in self._rules:
            for at, rule in enumerate(one.value.rules):
                for name, values in rule.when.items():
                    if not self._seen[name].isdisjoint(values):
                        continue
                    there = sorted(self._seen[name])
                    near = nearest(values[0], there)
                    yield Remark(
                        str(one.path),
                        read_yaml(one.path, what="rule set").line(("rules", at)),
                        f"rule '{shortened(rule.id)}' never applies to golden set '{golden.name}': "
                        f"no item has the {shortened(name)} {joined(values, most=5)}",
                        f"the items have {joined(there)}" + (f"; did you mean '{shortened(near)}'?" if near else ""),
                    )


class _Pictures:
    """Pictures that cannot be sent: missing, damaged, too large, or addresses."""

    def __init__(self, golden: GoldenSet) -> None:
        self._path = str(golden.items_path or golden.path)
        self._folder = PictureFolder(None if golden.items_path is None else golden.items_path.parent)
        self._found: dict[str, list[str]] = {}
        self._addresses: list[str] = []

    def look(self, item: Item) -> None:
        for one in pictures_of(item):
            if is_address(one.name):
                self._addresses.append(f"{shortened(one.name)} (item {shortened(item.id)})")
                continue
            try:
                self._folder.read(one.name)
            except FileError as error:
                found = f"{shortened(one.name)} (item {shortened(item.id)})"
                self._found.setdefault(f"{one.part}\n{error.found}\n{error.next_step or ''}", []).append(found)

    def errors(self) -> Iterator[FileError]:
        for key, names in self._found.items():
            part, found, next_step = key.split("\n")
            first, _, rest = found.partition(" ")
            verb = first if len(names) == 1 else {"is": "are", "has": "have", "leaves": "leave"}.get(first, first)
            said = f"names {counted(len(names), 'image')} that {verb} {rest}: {_some(names)}"
            allowed = "PNG, JPEG, WebP or GIF files beside the items, up to 20 MB"
            yield FileError(self._path, said, field=part, allowed=allowed, next_step=next_step)

    def remarks(self) -> Iterator[Remark]:
        if self._addresses:
            n_images = counted(len(self._addresses), "image")
            found = f"names {n_images} by address: what stands there may change, and none is sent"
            mend = "save the images beside the items and name the files"
            yield Remark(self._path, None, f"{found} ({_some(self._addresses)})", mend)


def _duplicates(golden: GoldenSet, hashes: array[int], contents: Contents) -> Iterator[Remark]:
    """Texts that occur more than once: with contradicting labels, or without a common group."""
    often = {one for one, following in pairwise(sorted(hashes)) if one == following != 0}
    repeated = [index for index, one in enumerate(hashes) if one in often]
    same: dict[tuple[str | None, str], list[Item]] = {}
    for item in golden.items(repeated):
        if (shown := contents.of(item)) is not None:
            same.setdefault(shown, []).append(item)
    contradicting, apart = [], []
    n_rows = 0
    for members in same.values():
        if len(members) < 2:
            continue
        ids = " = ".join(item.id for item in members[:4])
        if any({0, 1} <= {item.labels[name] for item in members} for name in golden.categories):
            contradicting.append(ids)
        if len({item.group for item in members}) > 1 or members[0].group is None:
            apart.append(ids)
            n_rows += len(members)
    path = str(golden.items_path or golden.path)
    if contradicting:
        found = f"has {counted(len(contradicting), 'repeated text')} with different labels ({_some(contradicting)})"
        yield Remark(path, None, found, "review the labels: no candidate can be right about both")
    if apart:
        found = f"has {counted(len(apart), 'repeated text')} without a common group, {n_rows:,} rows ({_some(apart)})"
        hint = "remove the copies, or give copies one group so that intervals count them together"
        yield Remark(path, None, found, hint)


def _nearly_the_same(golden: GoldenSet, split: Split | None) -> Iterator[Remark]:
    """Texts that differ in a few characters: with contradicting labels, in both parts of a split, or in no group."""
    from harness.goldens.near_duplicates import near_duplicates_of
    from harness.runs.split import is_dev as parts_of  # runs load pyarrow

    labels, across = golden.labels(), []
    is_dev = None if split is None else parts_of(golden.ids(), [item.group for item in golden.items()], split)
    contradicting, apart, n_rows = [], [], 0
    for group in near_duplicates_of(golden):
        members = list(golden.items(group))
        if is_dev is not None and 0 < is_dev[group].sum() < len(group):
            across.append(" ~ ".join(item.id for item in members[:4]))
        if len({item.text for item in members}) < 2:
            continue  # copies, which have a remark of their own
        ids = " ~ ".join(item.id for item in members[:4])
        rows = labels[group]
        if bool(((rows == 1).any(axis=0) & (rows == 0).any(axis=0)).any()):
            contradicting.append(ids)
        if len({item.group for item in members}) > 1 or members[0].group is None:
            apart.append(ids)
            n_rows += len(members)
    path = str(golden.items_path or golden.path)
    if across:
        found = f"has {counted(len(across), 'group')} of (nearly) equal texts in both the dev and the gate part"
        hint = "harness golden release --group-duplicates keeps each group on one side (the split's 'by: group')"
        yield Remark(path, None, f"{found} ({_some(across)})", hint)
    if contradicting:
        found = f"has {counted(len(contradicting), 'group')} of nearly equal texts with different labels"
        hint = "review the labels: one of them may be wrong, or the difference matters"
        yield Remark(path, None, f"{found} ({_some(contradicting)})", hint)
    if apart:
        found = f"has {counted(len(apart), 'group')} of nearly equal texts without a common group, {n_rows:,} rows"
        hint = "harness golden release --group-duplicates gives each one group, so that intervals count them together"
        yield Remark(path, None, f"{found} ({_some(apart)})", hint)


def _damaged(golden: GoldenSet, hygiene: Hygiene) -> Iterator[Remark]:
    from harness.goldens.hygiene import KINDS, MENDS

    hygiene.finish()
    for kind, ids in hygiene.found.items():
        words = KINDS[kind] if kind != "cut" else f"cut at the same length ({hygiene.cut_length} characters)"
        found = f"has {counted(len(ids), 'text')} {words} ({_some(ids)})"
        yield Remark(str(golden.items_path or golden.path), None, found, MENDS[kind])


def _without_positives(golden: GoldenSet, policy: Policy | None) -> Iterator[Remark]:
    without = [name for name, n in zip(golden.categories, golden.n_violating(), strict=True) if n == 0]
    card = str(golden.path)
    if without:
        hint = "add items: recall and precision are undefined without them"
        if golden.card.cut is not None and len(without) == len(golden.categories):
            cut = f" of {golden.card.cut:g}" if isinstance(golden.card.cut, int | float) else ""
            hint = f"no label reaches the card's cut{cut}: write a cut that lies within the labels' own values"
        yield Remark(card, None, f"has no violating item for {joined(without)}", hint)
    unlabelled = [] if policy is None else [name for name in policy.category_ids if name not in golden.categories]
    if unlabelled:
        found = f"does not label {joined(unlabelled)} of policy '{golden.card.policy.name}'"
        hint = "what candidates decide on them is neither stored nor scored: label them, or use another golden set"
        yield Remark(card, None, found, f"{hint} for these categories")
    parents = {} if policy is None else implied_parents(policy)
    inside = [name for name in unlabelled if not set(parents[name]).isdisjoint(golden.categories)]
    if inside:
        found = f"labels a wider category than {joined(inside)}: a candidate that flags the narrower one alone is"
        hint = "let prompts and rules flag the wider category too"
        yield Remark(card, None, f"{found} scored as not flagging the wider one", hint)


def _without_values(golden: GoldenSet, empty: Sequence[str], seen: Collection[str]) -> Iterator[Remark]:
    """Items with blank text, and slices that no item has."""
    if empty:
        found = f"has {counted(len(empty), 'item')} with blank text ({_some(empty)})"
        hint = "write null where a text is withheld, or remove the items"
        yield Remark(str(golden.items_path or golden.path), None, found, hint)
    for name, path in golden.card.slices.items():
        if name not in seen:
            found = f"declares the slice '{shortened(name)}', but no item has {shortened(path)}"
            yield Remark(str(golden.path), None, found, "correct the path, or remove the slice")


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _some(ids: Sequence[str]) -> str:
    more = f", ... ({len(ids):,} in all)" if len(ids) > _SHOWN else ""
    return ", ".join(shortened(name) for name in ids[:_SHOWN]) + more

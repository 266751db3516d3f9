"""Imported items -> the card and the files of a new golden set, all of them or none.

Decides what stands in the card (where the items come from and what turned their values into labels), that each id
stands once, and that nothing which exists is overwritten. The items are written first and the card last: without it
they are no golden set.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from harness.errors import FileError, HarnessError
from harness.files.decode import NAME, NAME_ALLOWED
from harness.files.golden.values import yaml_key
from harness.files.text import counted, reason, shortened
from harness.goldens.imports.account import Account, Ids

_DECISIONS = ".decisions.jsonl"
_LONGEST_STEM = 60


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the card says besides its items."""

    name: str
    version: int
    policy: str
    policy_version: int
    categories: tuple[str, ...]
    slices: Mapping[str, str]
    source: str
    licence: str
    provenance: Mapping[str, Any]
    modalities: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Places:
    """The files of an import; those of recorded decisions are known once the items are read."""

    card: Path
    items: Path
    policy: Path | None = None
    decisions: Mapping[str, Path] = field(default_factory=dict)

    def every(self) -> list[Path]:
        """All of them, the card last."""
        return [self.items, *self.decisions.values(), *([self.policy] if self.policy else []), self.card]


def card_text(facts: CardFacts, items: str) -> str:
    """The card as it is written and shown before."""
    lines = [
        f"golden_set: {yaml_key(facts.name)}",
        f"version: {facts.version}",
        f"policy: {{name: {yaml_key(facts.policy)}, version: {facts.policy_version}}}",
        f"items: {json.dumps(items, ensure_ascii=False) if items != yaml_key(items) else items}",
        f"labels: [{', '.join(map(yaml_key, facts.categories))}]",
        "absent_labels: unknown",
    ]
    for field_name, paths in (("slices", facts.slices), ("modalities", facts.modalities)):
        if paths:
            inner = ", ".join(f"{yaml_key(name)}: {yaml_key(path)}" for name, path in paths.items())
            lines.append(f"{field_name}: {{{inner}}}")
    if facts.source:
        lines.append(f"source: {json.dumps(facts.source, ensure_ascii=False)}")
    if facts.licence:
        lines.append(f"licence: {json.dumps(facts.licence, ensure_ascii=False)}")
    if facts.provenance:
        lines.append("provenance:")
        lines += [f"  {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.provenance.items()]
    return "\n".join(lines) + "\n"


def policy_text(name: str, categories: Iterable[str]) -> str:
    """A policy to be written: every category with a definition that is still missing."""
    lines = [f"policy: {yaml_key(name)}", "version: 1", "categories:"]
    for category in categories:
        lines += [
            f"  {yaml_key(category)}:",
            f"    name: {json.dumps(category.replace('_', ' ').capitalize(), ensure_ascii=False)}",
            "    definition: >  # to be written: reviewers read it, and prompts can print it",
            f"      To be written: what violates {category.replace('_', ' ')}, and what only looks like it.",
        ]
    return "\n".join(lines) + "\n"


def require_free(places: Places) -> None:
    """Refuse to write where something is, or two files to one place."""
    taken: set[str] = set()
    for path in places.every():
        if str(path).casefold() in taken:
            raise FileError(str(path), "would be written twice", allowed="a file of its own for each part",
                            next_step="give the candidates names that differ in letters or digits")  # fmt: skip
        taken.add(str(path).casefold())
        if path.exists() or path.is_symlink():
            raise FileError(
                str(path),
                "is there already",
                allowed="a new golden set: a set that was used once stays as it is",
                next_step="give the new set another name: --name NAME",
            )


def decision_paths(items: Path, candidates: Iterable[str]) -> dict[str, Path]:
    """A file of recorded decisions beside the items for each candidate: named after it, and unlike any other's.

    >>> from pathlib import Path
    >>> [path.name for path in decision_paths(Path("s_v1.jsonl"), ["acme/gpt 4.1", "acme_gpt_4.1"]).values()]
    ['s_v1.acme_gpt_4.1.decisions.jsonl', 's_v1.acme_gpt_4.1-2.decisions.jsonl']
    """
    paths: dict[str, Path] = {}
    taken: set[str] = set()
    for candidate in candidates:
        stem = re.sub(r"[^A-Za-z0-9.-]+", "_", candidate).strip("_.-")[:_LONGEST_STEM].rstrip("_.-") or "candidate"
        name, n = stem, 1
        while name.casefold() in taken:
            n += 1
            name = f"{stem}-{n}"
        taken.add(name.casefold())
        paths[candidate] = items.with_name(f"{items.stem}.{name}{_DECISIONS}")
    return paths


def candidate_name(items: Path, decisions: Path) -> str:
    """The candidate's name in the file's, as an eval can use it."""
    return decisions.name.removeprefix(f"{items.stem}.").removesuffix(_DECISIONS)


@contextmanager
def _work_beside(path: Path) -> Iterator[Path]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=path.parent) as work:
            yield Path(work)
    except OSError as error:
        raise FileError(str(path), f"cannot be written: {reason(error)}", allowed="a folder to write in",
                        next_step="free some room, or name another folder: --to FOLDER") from None  # fmt: skip


def write_items(items: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Items as JSONL, one after the other."""
    with path.open("wb", buffering=1 << 20) as file:
        for item in items:
            file.write(orjson.dumps(item, option=orjson.OPT_NON_STR_KEYS) + b"\n")


def _repeated_ids(repeated: Mapping[str, int]) -> HarnessError:
    named = ", ".join(f"'{shortened(name)}' ({n} times)" for name, n in list(repeated.items())[:3])
    return HarnessError(
        f"{counted(len(repeated), 'id')} would stand at several items: {named}",
        allowed="each id once",
        next_step="make the ids differ",
    )


def publish(
    places: Places,
    items: Iterable[Mapping[str, Any]],
    decisions: Mapping[str, list[dict[str, Any]]],
    card: Callable[[Account], str],
    policy: str | None,
    account: Account,
    *,
    repeated_ids: Callable[[Mapping[str, int]], HarnessError] = _repeated_ids,
) -> Places:
    """Write everything beside its place and then put it there; nothing is left when anything fails.

    ``items`` are read once; then ``decisions`` and ``account`` are complete, and ``card`` makes the text of the card.
    ``repeated_ids`` words the refusal of ids that stand several times (id -> how often).

    Returns:
        Where all files are.

    Raises:
        HarnessError: An id stands twice, a place is taken or cannot be written, or there is no item.
    """
    require_free(places)
    with _work_beside(places.card) as work:
        ids = Ids()
        write_items(_noted(items, ids), work / "items")
        if account.n_items == 0:
            raise FileError(
                str(places.items),
                "would hold no item: " + "; ".join(f"{n:,} rows: {why}" for why, n in account.left_out.counts.items()),
                allowed="at least one row with a text",
                next_step="name the column of texts: --text COLUMN",
            )
        account.require_every_row()
        if twice := _repeated(ids, work / "items"):
            raise repeated_ids(twice)
        places = replace(places, decisions=decision_paths(places.items, decisions))
        require_free(places)
        made = {places.items: work / "items"}
        for at, (name, path) in enumerate(places.decisions.items()):
            made[path] = work / f"decisions-{at}"
            write_items(decisions[name], made[path])
        if places.policy is not None and policy is not None:
            made[places.policy] = work / "policy"
            made[places.policy].write_text(policy, encoding="utf-8")
        made[places.card] = work / "card"
        made[places.card].write_text(card(account), encoding="utf-8")
        put: list[Path] = []
        try:
            for path, source in made.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                os.link(source, path) if source.stat().st_dev == path.parent.stat().st_dev else _copied(source, path)
                put.append(path)
        except BaseException:
            for path in put:
                path.unlink(missing_ok=True)
            raise
    return places


def _noted(items: Iterable[Mapping[str, Any]], ids: Ids) -> Iterator[Mapping[str, Any]]:
    for item in items:
        ids.add(item["id"])
        yield item


def _repeated(ids: Ids, written: Path) -> dict[str, int]:
    """Id -> how often it stands, of those that stand several times."""
    wanted = set(ids.repeated())
    if not wanted:
        return {}
    with written.open("rb") as file:
        counts = Counter(str(orjson.loads(line)["id"]) for at, line in enumerate(file) if at in wanted)
    return {name: n for name, n in counts.items() if n > 1}


def _copied(source: Path, target: Path) -> None:
    with target.open("xb") as file:
        file.write(source.read_bytes())


def default_paths(folder: Path, name: str, version: int) -> tuple[Path, Path]:
    """Card and items of a version.

    Raises:
        HarnessError: The name is none: it might lead into another folder.
    """
    if not NAME.fullmatch(name) or len(name) > 100:
        raise HarnessError(
            f"'{shortened(name)}' is no name of a golden set", allowed=NAME_ALLOWED, next_step="rename it"
        )
    return folder / f"{name}_v{version}.yaml", folder / f"{name}_v{version}.jsonl"

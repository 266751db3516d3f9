"""A foreign file -> a proposal that can be looked at, and then a golden set: card, items, recorded decisions, policy.

Decides which format a file is of, which policy its labels belong to, where the new files go, and the options that say
everything about an import, so that it can be repeated without a question.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.files.decode import NAME, NAME_ALLOWED
from harness.files.permissions import no_more_readable_than
from harness.files.policy import load_policy
from harness.files.text import joined, shortened, suggestion
from harness.goldens.imports.account import Account
from harness.goldens.imports.convert import converted, meta_name
from harness.goldens.imports.doubts import (
    empty_columns,
    encoding_remarks,
    id_remarks,
    missing_parts,
    opposites,
    repeated_ids,
    swallowed_rows,
    undecided,
    unknown_categories,
)
from harness.goldens.imports.foreign import Foreign, Reading, open_foreign
from harness.goldens.imports.guess_plan import category_id, proposed, samples_of
from harness.goldens.imports.importers import Imported, Importer, file_stem, importer_of, recognised
from harness.goldens.imports.plan import Plan
from harness.goldens.imports.write import CardFacts, Places, card_text, default_paths, policy_text, publish


@dataclass(frozen=True, slots=True)
class Request:
    """What the user said."""

    path: Path
    plan: Plan = field(default_factory=Plan)
    reading: Reading = field(default_factory=Reading)
    format: str | None = None
    name: str | None = None
    version: int = 1
    folder: Path = Path("golden_sets")
    policy: Path | None = None
    new_policy: bool = False
    row_ids: bool = False
    licence: str | None = None
    source: str | None = None
    unescape: bool | None = None
    repair: bool | None = None


@dataclass(frozen=True)
class Proposal:
    """What an import would do; complete where ``missing`` is empty."""

    request: Request
    foreign: Foreign
    samples: Mapping[str, Sequence[Any]]
    format: str | None
    importer: Importer | None
    plan: Plan
    policy_name: str
    policy_version: int
    policy_path: Path | None
    is_new_policy: bool
    policy_categories: tuple[str, ...]
    missing: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def is_read_by_importer(self) -> bool:
        """Whether the importer makes the items itself."""
        return self.importer is not None and self.importer.read is not None

    @property
    def name(self) -> str:
        """The golden set's name."""
        return self.request.name or set_name(self.request.path)

    @cached_property
    def made(self) -> tuple[Imported, Account]:
        """What the file becomes, with the account of its rows: the items stream, and are there once."""
        account, plan = Account(), self.plan
        if self.importer is not None and self.importer.read is not None:
            return self.importer.read(self.foreign, plan, account), account
        items = converted(self.foreign, plan, account)
        return Imported(items, plan.categories, _slices(plan), plan.rules()), account


@dataclass(frozen=True, slots=True)
class Result:
    """What an import wrote."""

    places: Places
    account: Account
    categories: tuple[str, ...]


@contextmanager
def opened(request: Request) -> Iterator[tuple[Foreign, Mapping[str, Sequence[Any]]]]:
    """The file, and a sample of each column."""
    with open_foreign(request.path, request.reading) as foreign:
        yield foreign, {} if foreign.kind == "inspect" else samples_of(foreign)


def propose(
    request: Request, foreign: Foreign, samples: Mapping[str, Sequence[Any]], *, is_known_format: bool = True
) -> Proposal:
    """Everything that can be found out without a question; ``is_known_format`` False: the format was ruled out."""
    _require_name(request)
    _require_columns(request.plan, foreign)
    found = recognised(foreign, samples) if is_known_format and not request.format else None
    if request.format:
        found = request.format, importer_of(request.format)
    format_name, importer = found or (None, None)
    reads_itself = importer is not None and importer.read is not None
    policies = [request.policy] if request.policy else [] if request.new_policy else _policies(request.folder)
    policy_path = policies[0] if len(policies) == 1 else None
    policy = None if policy_path is None or request.new_policy else load_policy(policy_path).value
    categories = () if policy is None else policy.category_ids
    plan = request.plan
    remarks = [*encoding_remarks(foreign), *swallowed_rows(samples, foreign.kind)]
    doubts: list[str] = []
    if importer is None or importer.plan is not None:
        if importer is not None and importer.plan is not None:
            plan = _merged(importer.plan(samples), plan)
        said = plan
        plan = proposed(samples, plan, categories=categories)
        if request.row_ids:
            plan = replace(plan, id=None)
        remarks += [*id_remarks(samples, plan), *opposites(plan, said), *empty_columns(samples, foreign.kind)]
        doubts = list(undecided(plan, said, str(foreign.path)))
    plan = replace(
        plan,
        unescape=plan.unescape if request.unescape is None else request.unescape,
        repair=plan.repair if request.repair is None else request.repair,
    )
    missing = [] if reads_itself else [*missing_parts(plan, foreign), *doubts]
    if len(policies) > 1:
        missing.append(
            f"{policies[0].parent}: holds several policies\n  allowed: {joined([str(path) for path in policies])}\n"
            "  say which one the labels belong to: --policy PATH, or begin one: --new-policy"
        )
    if policy is not None and not reads_itself:
        unknown = [name for name in plan.categories if name not in categories]
        if unknown:
            missing.append(unknown_categories(plan, unknown, categories, str(policy_path)))
    name = set_name(request.path) if request.name is None else request.name
    return Proposal(
        request,
        foreign,
        samples,
        format_name,
        importer,
        plan,
        name if policy is None else policy.policy,
        1 if policy is None else policy.version,
        request.folder.parent / "evals" / "policies" / f"{name}.yaml" if policy is None else policy_path,
        policy is None,
        tuple(categories),
        tuple(missing),
        tuple(remarks),
    )


def perform(proposal: Proposal) -> Result:
    """Write the set of a complete proposal.

    Raises:
        HarnessError: Something is missing, or a value, an id or a category of the file is not covered; nothing is
            written then.
    """
    if proposal.missing:
        raise HarnessError(proposal.missing[0])
    request, (imported, account) = proposal.request, proposal.made
    categories = imported.categories
    unknown = [name for name in categories if not proposal.is_new_policy and name not in proposal.policy_categories]
    if unknown:
        raise HarnessError(
            unknown_categories(proposal.plan, unknown, proposal.policy_categories, str(proposal.policy_path))
        )
    card, items = default_paths(request.folder, proposal.name, request.version)
    places = Places(card, items, proposal.policy_path if proposal.is_new_policy else None)
    facts = _facts(proposal, imported)
    policy = policy_text(proposal.policy_name, categories) if proposal.is_new_policy else None

    def card_of(finished: Account) -> str:
        provenance = {**facts.provenance, **finished.as_dict()}
        return card_text(replace(facts, provenance=provenance), items.name)

    with no_more_readable_than(proposal.request.path):
        places = publish(
            places,
            imported.items,
            imported.decisions,
            card_of,
            policy,
            account,
            repeated_ids=lambda found: repeated_ids(
                proposal.foreign, proposal.plan, found, is_table=not proposal.is_read_by_importer
            ),
        )
    return Result(places, account, categories)


def preview(proposal: Proposal) -> str:
    """The card as it would be written, as far as it is known before the rows are read."""
    imported, _ = proposal.made
    _, items = default_paths(proposal.request.folder, proposal.name, proposal.request.version)
    return card_text(_facts(proposal, imported), items.name)


def _slices(plan: Plan) -> dict[str, str]:
    return {meta_name(name): f"meta.{meta_name(column)}" for name, column in plan.slices.items()}


def _facts(proposal: Proposal, imported: Imported) -> CardFacts:
    request, importer = proposal.request, proposal.importer
    provenance: dict[str, Any] = {"file": request.path.name, "sha256": proposal.foreign.sha256}
    if proposal.format is not None and importer is not None:
        provenance |= {"format": proposal.format, "described_at": importer.source}
    provenance["rules"] = list(imported.rules)
    provenance["command"] = command_of(proposal)
    return CardFacts(
        proposal.name,
        request.version,
        proposal.policy_name,
        proposal.policy_version,
        imported.categories,
        imported.slices,
        request.source or (importer.title if importer is not None else ""),
        request.licence or (importer.licence if importer is not None else ""),
        provenance,
        imported.modalities,
    )


def _require_name(request: Request) -> None:
    if request.name is not None and (not NAME.fullmatch(request.name) or len(request.name) > 100):
        raise HarnessError(
            f"the name '{shortened(request.name)}' cannot be a golden set's",
            allowed=NAME_ALLOWED,
            next_step="choose another: --name NAME",
        )


def _require_columns(plan: Plan, foreign: Foreign) -> None:
    if not foreign.columns:
        return
    for name in [*plan.columns, *plan.slices.values(), *plan.ignore, *plan.cuts, *plan.blank_is_zero]:
        if name not in foreign.columns:
            raise HarnessError(
                f"{foreign.path}: has no column '{name}'",
                allowed=joined([one for one in foreign.columns if one], most=40),
                next_step=suggestion(name, foreign.columns, "name a column of the file"),
            )


def _merged(known: Plan, said: Plan) -> Plan:
    """The plan of a format, with what the user said instead or besides."""
    changes: dict[str, Any] = {}
    for name in Plan.__dataclass_fields__:
        value = getattr(said, name)
        if value == getattr(Plan(), name):
            continue
        own = getattr(known, name)
        changes[name] = {**own, **value} if isinstance(own, Mapping) else value
    merged = replace(known, **changes)
    taken = {label.column for label in merged.labels}
    return replace(merged, ignore=merged.ignore, cuts={name: cut for name, cut in merged.cuts.items() if name in taken})


def _policies(folder: Path) -> list[Path]:
    """The policies of the project that the set will lie in."""
    places = (folder.parent / "evals" / "policies", folder.parent / "policies")
    return [path for place in places for end in ("*.yaml", "*.yml") for path in sorted(place.glob(end))]


def set_name(path: Path) -> str:
    """A golden set's name from a file's.

    >>> set_name(Path("Comments export (2).csv"))
    'comments_export_2'
    """
    return category_id(file_stem(path)).replace("/", "_").replace("-", "_")


def command_of(proposal: Proposal) -> str:
    """The command that repeats the import without a question."""
    request, plan = proposal.request, proposal.plan
    parts = ["harness golden import", shlex.quote(str(request.path)), "--yes"]

    def add(flag: str, value: Any) -> None:
        if value not in (None, ""):
            parts.append(f"{flag} {shlex.quote(str(value))}")

    add("--format", proposal.format)
    add("--name", proposal.name)
    add("--version", None if request.version == 1 else request.version)
    add("--to", None if request.folder == Path("golden_sets") else request.folder)
    add("--licence", request.licence)
    add("--source", request.source)
    add("--delimiter", request.reading.delimiter)
    add("--encoding", request.reading.encoding or proposal.foreign.guessed_encoding)
    add("--sheet", request.reading.sheet)
    add("--records", request.reading.records)
    add("--text", plan.text)
    if not proposal.is_read_by_importer:
        add("--id", "row" if plan.id is None else plan.id)
    for label in plan.labels:
        add("--label", f"{label.column}={label.category}")
    add("--labels", plan.listed)
    add("--separator", plan.separator)
    for name, category in plan.names.items():
        add("--rename", f"{name}={category}")
    for value, code in plan.values.items():
        add("--value", f"{value}={'null' if code is None else code}")
    for name, cut in plan.cuts.items():
        add("--cut", f"{name}={cut:g}")
    if plan.listed is not None:
        add("--absent", plan.absent)
    for name in plan.blank_is_zero:
        add("--blank-is-zero", name)
    for vote in plan.votes:
        add("--vote", f"{vote.column}={vote.annotator}" + (f":{vote.category}" if vote.category else ""))
    add("--annotator", plan.annotator)
    if plan.votes or plan.annotator or proposal.is_read_by_importer:
        add("--vote-rule", plan.vote_rule)
    add("--group", plan.group)
    add("--images", plan.images)
    for name, column in plan.slices.items():
        add("--slice", f"{name}={column}")
    for name in plan.ignore:
        add("--ignore", name) if name else None
    parts.append("--unescape" if plan.unescape else "--no-unescape")
    parts.append("--repair" if plan.repair else "--no-repair")
    if proposal.is_new_policy:
        parts.append("--new-policy")
    elif proposal.policy_path is not None:
        add("--policy", proposal.policy_path)
    return " ".join(parts)

"""A loaded eval -> its candidates, ready to decide.

Decides which kind a candidate is and what it is built from; every kind comes in by the entry point group
``harness.candidates``. Whether the eval's files fit together was decided by ``evalspec``; here only what needs more
than the files is refused: a parser, a package or a crosswalk that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import TYPE_CHECKING, Any

from harness.candidates.cascade import CascadeCandidate, Stage
from harness.candidates.chat import ChatCandidate
from harness.candidates.classifier import ClassifierCandidate
from harness.candidates.installed import InstalledCandidate, require_candidate
from harness.candidates.moderation import ModerationCandidate
from harness.candidates.names import NameIndex, crosswalk_of
from harness.candidates.parsers import Parser, load_parser
from harness.candidates.plugins import find_plugin, import_object, source_hash
from harness.candidates.recorded import RecordedCandidate, RecordedRows, read_recorded
from harness.candidates.rule_set import RuleSetCandidate
from harness.errors import HarnessError
from harness.files.prompts import compile_prompt, header_document
from harness.files.text import a, listed, shortened, suggestion
from harness.records import CandidateSpec, Loaded, Model, Prompt
from harness.records.answers import Candidate

if TYPE_CHECKING:
    from harness.files.evals import LoadedEval

GROUP = "harness.candidates"


@dataclass(slots=True)
class Builder:
    """Builds the candidates of one eval, each at most once."""

    loaded: LoadedEval
    recorded_rows: dict[str, RecordedRows] = field(default_factory=dict)
    _built: dict[str, Candidate] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def candidate(self, candidate_id: str) -> Candidate:
        """The candidate with this name."""
        specs = self.loaded.eval.value.candidates
        if candidate_id not in specs:
            raise HarnessError(
                f"there is no candidate '{candidate_id}' in {self.loaded.eval.path}",
                allowed=listed(specs),
                next_step=suggestion(candidate_id, specs, "name one of the eval's candidates"),
            )
        if candidate_id in self._open:
            raise HarnessError(
                f"{self.loaded.eval.path}: cascades close a circle: {' -> '.join([*self._open, candidate_id])}",
                allowed="cascades without circles",
                next_step="remove one of the stages",
            )
        if candidate_id not in self._built:
            spec = specs[candidate_id]
            kind = kind_of(spec)
            build, _ = find_plugin(GROUP, kind, KINDS, what="kind of candidate")
            self._open.append(candidate_id)
            try:
                self._built[candidate_id] = build(self, candidate_id, spec)
            finally:
                self._open.pop()
        return self._built[candidate_id]

    def model(self, model_id: str) -> Model:
        """A model of models.yaml."""
        models = self.loaded.models.value if self.loaded.models is not None else {}
        if model_id not in models:
            raise HarnessError(
                f"there is no model '{model_id}' in {self.loaded.eval.value.models}",
                allowed=listed(models),
                next_step=suggestion(model_id, models, "add the model"),
            )
        return models[model_id]

    def names(self, spec: CandidateSpec) -> NameIndex:
        """Names a candidate may use for the categories of the policy."""
        policy = self.loaded.policy.value
        return NameIndex(policy.category_ids, crosswalk_of(policy, spec.crosswalk))

    def mapping(self, spec: CandidateSpec) -> dict[str, Any]:
        """The crosswalk as part of a fingerprint."""
        found = crosswalk_of(self.loaded.policy.value, spec.crosswalk)
        if found is None:
            return {}
        return {"crosswalk": spec.crosswalk, "mapping": {name: list(names) for name, names in found.items()}}


def build_candidates(loaded: LoadedEval, chosen: Sequence[str] | None = None) -> list[Candidate]:
    """Candidates of an eval in the order of the file; only the chosen ones when ids are given.

    Raises:
        HarnessError: An id is unknown, or something a candidate needs is missing.
    """
    builder = Builder(loaded)
    wanted = set(loaded.eval.value.candidates if chosen is None else chosen)
    for candidate_id in chosen or ():
        builder.candidate(candidate_id)
    return [builder.candidate(name) for name in loaded.eval.value.candidates if name in wanted]


def kind_of(spec: CandidateSpec) -> str:
    """The one kind whose field is set."""
    kinds = [kind for kind in KINDS if getattr(spec, kind) is not None]
    if len(kinds) != 1:
        raise HarnessError(
            f"a candidate has {len(kinds)} kinds",
            allowed=f"exactly one of {listed(KINDS)}",
            next_step="say what decides",
        )
    return kinds[0]


def parser_of(prompt: Loaded[Prompt]) -> Parser:
    """How the answers to a prompt are read; that there is no such parser is a fault of the prompt's ``answer``."""
    answer = prompt.value.header.answer
    try:
        return load_parser(answer)
    except HarnessError as error:
        raise header_document(prompt).error(
            ("answer",),
            f"is '{shortened(answer)}': {error.message}",
            allowed=error.allowed,
            next_step=error.next_step,
        ) from error


def build_chat(builder: Builder, candidate_id: str, spec: CandidateSpec) -> ChatCandidate:
    """Prompt x model."""
    prompt = builder.loaded.prompts[spec.prompt or ""]
    policy = builder.loaded.policy
    header = prompt.value.header
    name = header.prompt if header.version is None else f"{header.prompt}_v{header.version}"
    return ChatCandidate(
        candidate_id,
        compile_prompt(prompt, policy.value),
        spec.model or "",
        builder.model(spec.model or ""),
        parser_of(prompt),
        crosswalk=crosswalk_of(policy.value, spec.crosswalk),
        thresholds=spec.thresholds,
        inputs={
            "prompt": f"{name}@{prompt.sha256[:8]}",
            "prompt_sha256": prompt.sha256,
            "policy_sha256": policy.sha256,
            **builder.mapping(spec),
        },
    )


def build_moderation(builder: Builder, candidate_id: str, spec: CandidateSpec) -> ModerationCandidate:
    """A /moderations endpoint."""
    names = builder.names(spec)
    _require_decided(candidate_id, spec, names)
    model_id = spec.moderation or ""
    return ModerationCandidate(
        candidate_id,
        model_id,
        builder.model(model_id),
        names,
        thresholds=spec.thresholds,
        inputs=builder.mapping(spec),
    )


def build_rules(builder: Builder, candidate_id: str, spec: CandidateSpec) -> RuleSetCandidate:
    """A rule set."""
    rules = builder.loaded.rules[spec.rules or ""]
    name = f"{rules.value.rule_set}_v{rules.value.version}"
    return RuleSetCandidate(
        candidate_id,
        rules.value,
        category_order=builder.loaded.policy.value.category_ids,
        inputs={"rules": f"{name}@{rules.sha256[:8]}", "sha256": rules.sha256},
    )


def build_recorded(builder: Builder, candidate_id: str, spec: CandidateSpec) -> RecordedCandidate:
    """Recorded decisions."""
    names = builder.names(spec)
    _require_decided(candidate_id, spec, names)
    rows = read_recorded(builder.loaded.recorded[spec.recorded or ""], names, spec.thresholds)
    builder.recorded_rows[candidate_id] = rows
    candidate = RecordedCandidate(candidate_id, rows, names, thresholds=spec.thresholds, inputs=builder.mapping(spec))
    candidate.check_ids(builder.loaded.golden.ids())
    return candidate


def build_classifier(builder: Builder, candidate_id: str, spec: CandidateSpec) -> ClassifierCandidate:
    """A Python callable. Without a crosswalk, thresholds name the categories it decides; all of the policy if none."""
    path = spec.classifier or ""
    classify = import_object(path, what="classifier")
    if not callable(classify):
        raise HarnessError(
            f"classifier '{path}' is a {type(classify).__name__}",
            allowed="a callable of a list of texts",
            next_step="name a function",
        )
    names = builder.names(spec)
    _require_decided(candidate_id, spec, names)
    single = None
    if spec.crosswalk is None:
        categories = [name for name in names.categories if not spec.thresholds or name in spec.thresholds]
        names = NameIndex(categories)
        single = categories[0] if len(categories) == 1 else None
    return ClassifierCandidate(
        candidate_id,
        path,
        classify,
        names,
        single=single,
        thresholds=spec.thresholds,
        inputs={**_package(path), "source": source_hash(path, classify), **builder.mapping(spec)},
    )


def build_cascade(builder: Builder, candidate_id: str, spec: CandidateSpec) -> CascadeCandidate:
    """Other candidates of the eval in turn."""
    stages = []
    for stage in spec.cascade or ():
        candidate = builder.candidate(stage.use)
        unknown = [name for name in stage.decide or () if name not in candidate.categories]
        if unknown:
            raise HarnessError(
                f"candidate '{candidate_id}': stage '{stage.use}' is to decide '{unknown[0]}', which it does not cover",
                allowed=listed(candidate.categories),
                next_step="correct 'decide', or leave it out",
            )
        stages.append(Stage(candidate, stage.decide))
    return CascadeCandidate(candidate_id, stages, category_order=builder.loaded.policy.value.category_ids)


def build_plugin(builder: Builder, candidate_id: str, spec: CandidateSpec) -> InstalledCandidate:
    """A kind that another package brings: its entry point is called as the built-in ones are."""
    name = spec.plugin or ""
    build, version_of = find_plugin(GROUP, name, {}, what="plugin", hidden=KINDS)
    if not callable(build):
        raise HarnessError(
            f"plugin '{name}' is {a(type(build).__name__)}",
            allowed="a callable of (builder, candidate_id, spec)",
            next_step="name a function or a class",
        )
    categories = builder.loaded.policy.value.category_ids
    candidate = require_candidate(build(builder, candidate_id, spec), candidate_id, name, categories)
    source = source_hash(name, build) if ":" in name else ""
    origin = {"plugin": name, "version": version_of, "source": source, "options": dict(spec.options)}
    return InstalledCandidate(candidate, {key: value for key, value in origin.items() if value})


KINDS: dict[str, Callable[[Builder, str, CandidateSpec], Candidate]] = {
    "prompt": build_chat,
    "moderation": build_moderation,
    "rules": build_rules,
    "classifier": build_classifier,
    "cascade": build_cascade,
    "recorded": build_recorded,
    "plugin": build_plugin,
}


def _require_decided(candidate_id: str, spec: CandidateSpec, names: NameIndex) -> None:
    """A threshold needs a category that the candidate can decide."""
    for category in spec.thresholds:
        if category not in names.categories:
            raise HarnessError(
                f"candidate '{candidate_id}' has a threshold for '{category}', which its crosswalk does not map",
                allowed=listed(names.categories),
                next_step="map the category in the policy's crosswalk, or remove the threshold",
            )


def _package(path: str) -> Mapping[str, str]:
    """Name and version of the installed package behind a callable, where there is one."""
    top = path.partition(":")[0].partition(".")[0]
    names = sorted(packages_distributions().get(top, ()))
    try:
        return {"package": f"{names[0]}=={version(names[0])}"} if names else {}
    except PackageNotFoundError:
        return {}

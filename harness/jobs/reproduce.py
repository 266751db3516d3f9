"""Candidates of a stored run, made again from what the run keeps: its eval, prompts, rules and policy.

Decides what a candidate is rebuilt from, so that what it sent can be made again instead of being stored twice. The
run's own texts are used, never the files as they are now; only the address of a model is looked up in the models file,
since a run does not keep it. Whether the result is what was sent is told by the key of the stored answer, not here.
Code that an eval names (parsers, plugins, classifiers) is never imported: a run may come from anybody.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import structs

from harness.candidates.build import Builder
from harness.errors import HarnessError
from harness.files.evals import LoadedEval, Shelf, load_eval
from harness.files.golden.sets import GoldenSet
from harness.files.kinds import kind_named
from harness.files.models import load_models
from harness.files.shipped import shipped_root
from harness.records import CandidateSpec, Loaded, Model, Policy
from harness.records.answers import Candidate
from harness.runner import Endpoint, endpoint_from_model
from harness.runner.endpoint import secret_variables
from harness.runs import Run

OWN_KINDS = ("prompt", "moderation", "rules", "cascade", "vote")
"""Kinds of which a run keeps everything but a model's address."""


class CannotReproduce(Exception):  # noqa: N818
    """Why a candidate cannot be made again, as the end of a sentence."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rebuilt:
    """A candidate as it was, and the endpoints whose address is known."""

    candidate: Candidate
    endpoints: Mapping[str, Endpoint]


class _StoredShelf(Shelf):
    """Reads the run's texts, and gives the golden set and the models that were found already."""

    def __init__(self, golden: GoldenSet, models: Mapping[str, Model], path: Path) -> None:
        super().__init__()
        self._golden = golden
        self._models = Loaded(models, path, "")

    def golden(self, path: Path, policy: Loaded[Policy] | None) -> GoldenSet:
        return self._golden

    def models(self, path: Path) -> Loaded[Mapping[str, Model]]:
        return self._models


@contextmanager
def rebuilt(run: Run, name: str, golden: GoldenSet, environment: Mapping[str, str]) -> Iterator[Rebuilt]:
    """One candidate of a run; its files are there as long as it is used.

    Raises:
        CannotReproduce: Something it was made of is not kept, or would have to be imported.
    """
    specs = _needed(run, name)
    there = _models_file(run)
    with tempfile.TemporaryDirectory(prefix="harness-show-") as folder:
        home = Path(folder)
        models = _models(run, specs, there)
        eval_path = _written(run, specs, home)
        try:
            loaded = load_eval(eval_path, shelf=_StoredShelf(golden, models, there or eval_path))
            _refuse_code(loaded)
            candidate = Builder(loaded).candidate(name)
        except HarnessError as error:
            raise CannotReproduce(f"its stored inputs cannot be read: {error.message}") from None
        yield Rebuilt(candidate, _endpoints(models, candidate, environment))


def _needed(run: Run, name: str) -> dict[str, CandidateSpec]:
    """The candidate and all it asks, as the run's eval describes them."""
    stored = run.meta.eval.candidates
    found: dict[str, CandidateSpec] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        if one not in stored:
            raise CannotReproduce(f"the run keeps nothing of '{one}', which it asks")
        spec = stored[one]
        if spec.kind not in OWN_KINDS:
            raise CannotReproduce("a candidate of its kind sends nothing that the run describes")
        found[one] = spec
        waiting += [used for used in kind_named(spec.kind).uses(spec) if used != "human" or used in stored]
    return found


def _written(run: Run, specs: Mapping[str, CandidateSpec], home: Path) -> Path:
    """The run's texts as files, and an eval that names them."""
    policy = run.input_text("policy")
    if policy is None:
        raise CannotReproduce("the run does not keep its policy")
    (home / "policy.yaml").write_text(policy, encoding="utf-8", newline="")
    candidates = {}
    for number, (name, spec) in enumerate(specs.items()):
        kind = spec.kind
        plain = {key: value for key, value in spec.as_dict().items() if value not in (None, {}, [], "")}
        plain |= plain.pop("options", {})
        if kind_named(kind).file is not None:
            text = run.input_text(f"{kind}:{name}")
            if text is None:
                raise CannotReproduce(f"the run does not keep the {kind} of '{name}'")
            plain[kind] = f"{number}{Path(str(spec.value)).suffix}"
            (home / plain[kind]).write_text(text, encoding="utf-8", newline="")
        candidates[name] = _without_nothing(plain)
    content = {"eval": run.meta.eval_name, "policy": "policy.yaml", "golden_set": "policy.yaml",
               "models": "policy.yaml", "candidates": candidates}  # fmt: skip
    path = home / "eval.yaml"
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


def _without_nothing(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nothing(one) for key, one in value.items() if one is not None}
    return [_without_nothing(one) for one in value] if isinstance(value, list) else value


def _refuse_code(loaded: LoadedEval) -> None:
    for spec in loaded.eval.value.candidates.values():
        for what, path in kind_named(spec.kind).imports(loaded, spec):
            raise CannotReproduce(f"its {what} {path} is code of a project, which is not imported from a stored run")


# ------------------------------------------------------------------------------------------------------- models


def _models_file(run: Run) -> Path | None:
    """The models file beside the eval: the run says where its policy was, from here and from the eval."""
    described = run.meta.inputs.get("policy")
    shown = described.path if described is not None else ""
    written, name = run.meta.eval.policy, run.meta.eval.models
    folders = [shipped_root() / "evals"]
    if written and not written.startswith("..") and shown.endswith(written):
        folders.insert(0, Path(shown[: -len(written)] or "."))
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _models(run: Run, specs: Mapping[str, CandidateSpec], path: Path | None) -> dict[str, Model]:
    """Models as they were asked: name and parameters from the run, the address from the models file."""
    try:
        known = load_models(path).value if path is not None else {}
    except HarnessError:
        known = {}
    found: dict[str, Model] = {}
    for name, spec in specs.items():
        model_id = spec.model or spec.of("moderation")
        if not isinstance(model_id, str):
            continue
        was = run.meta.fingerprint(name)
        model = known.get(model_id) or Model(provider=was.get("provider") or "openai")
        own = {"provider": was.get("provider"), "params": was.get("params"),
               "structured_output": was.get("structured_output"),
               "model": was.get("model") or was.get("moderation")}  # fmt: skip
        found[model_id] = structs.replace(model, **{key: value for key, value in own.items() if value is not None})
    return found


def _endpoints(
    models: Mapping[str, Model], candidate: Candidate, environment: Mapping[str, str]
) -> dict[str, Endpoint]:
    """Where each model is asked; a word stands in for every key, since none is part of an address."""
    found = {}
    for model_id in candidate.models_used:
        model = models[model_id]
        try:
            if model.provider == "embedded":
                from harness.runner.embedded import embedded_endpoint

                found[model_id] = embedded_endpoint(model_id, model)[0]
            else:
                settings = {**environment, **dict.fromkeys(secret_variables(model), "not-a-key")}
                found[model_id] = endpoint_from_model(model_id, model, settings)
        except (HarnessError, OSError):
            continue
    return found

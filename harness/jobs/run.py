"""From an eval file to a stored run: the one path that ``harness run``, ``quickstart`` and ``ci`` share.

Decides how what was loaded becomes a run request: candidates, endpoints, inputs and the resolved eval. Reading is left
to the readers, deciding to ``candidates``, carrying out to ``runner``.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from msgspec import Struct, field, structs

from harness.candidates.build import build_candidates
from harness.errors import HarnessError
from harness.files.evals import LoadedEval, load_eval
from harness.files.golden.sets import GoldenSet
from harness.files.kinds import kind_of
from harness.files.pictures import DATA_URL
from harness.jobs.policy_identity import policy_identity
from harness.jobs.run_options import RunOptions
from harness.records import CategoryFacts, Eval, Loaded, Policy, PolicyFacts
from harness.records.answers import Candidate
from harness.runner import (
    Endpoint,
    InputFile,
    RunRequest,
    RunSummary,
    default_cache_path,
    endpoint_from_model,
    run_eval,
)
from harness.runner.transport import Transport

if TYPE_CHECKING:
    from harness.embedded.server import EmbeddedServer
    from harness.embedded.weights import Progress


class PreparedRun(Struct, frozen=True):
    """A run request with the embedded servers its calls may start."""

    loaded: LoadedEval
    request: RunRequest
    servers: Mapping[str, EmbeddedServer] = field(default_factory=dict)
    keeps_servers: bool = False

    def transport(self, inner: Transport, on_start: Callable[[], None] | None = None) -> Transport:
        """The transport of this run around one that makes HTTP calls."""
        if not self.servers:
            return inner
        from harness.runner.embedded import EmbeddedTransport

        return EmbeddedTransport(inner, self.servers, on_start, is_kept=self.keeps_servers)


def prepare_run(
    eval_file: Path | LoadedEval,
    options: RunOptions,
    environment: Mapping[str, str],
    *,
    on_progress: Progress | None = None,
) -> PreparedRun:
    """Load an eval with everything it names, unless that was done, and make the request of its run.

    ``on_progress`` is told when weights of the embedded model are joined or downloaded.

    Raises:
        HarnessError: A file is at fault, a candidate is unknown, a key is missing.
    """
    loaded = eval_file if isinstance(eval_file, LoadedEval) else load_eval(eval_file)
    spec = loaded.eval.value
    candidates = build_candidates(loaded, options.candidates or None)
    endpoints, servers = _endpoints(loaded, candidates, environment, options.gguf, on_progress)
    chosen = _chosen(loaded, options) if options.only else None
    request = RunRequest(
        eval_name=spec.eval,
        eval=resolved_eval(loaded, [candidate.id for candidate in candidates]),
        candidates=candidates,
        golden=loaded.golden,
        endpoints=endpoints,
        inputs=_inputs(loaded, candidates),
        runs_dir=options.runs_dir,
        cache_path=options.cache_path or default_cache_path(),
        repeats=options.repeats or spec.repeats,
        limit=options.limit,
        is_balanced=options.is_balanced,
        wave=options.wave,
        seed=spec.seed,
        max_error_rate=spec.max_error_rate,
        max_cost_usd=options.max_cost_usd,
        max_tokens=options.max_tokens,
        check_unchanged=unchanged_since(loaded.golden),
        policy=policy_facts(loaded.policy),
        slice_names=spec.slices,
        chosen=chosen,
        only=options.only,
        shard=options.shard,
        is_batch=options.is_batch,
    )
    return PreparedRun(loaded, request, servers)


def _chosen(loaded: LoadedEval, options: RunOptions) -> list[int]:
    """The items that ``--only`` leaves, by their places in the set."""
    from harness.jobs.only import chosen_positions, pool_of_golden

    pool = pool_of_golden(loaded.golden, loaded.eval.value.split, loaded.policy.value)
    return chosen_positions(options.only, pool, options.runs_dir)


def execute(
    prepared: PreparedRun,
    *,
    stream: TextIO | None = None,
    on_start: Callable[[], None] | None = None,
    on_stoppable: Callable[[Callable[[], None]], None] | None = None,
) -> RunSummary:
    """Run a prepared request on this machine; ``on_stoppable`` is ``run_eval``'s."""
    wrap = functools.partial(prepared.transport, on_start=on_start)
    return run_eval(prepared.request, stream=stream, wrap=wrap, on_stoppable=on_stoppable)


def as_next_time(summary: RunSummary, runs_dir: str | Path) -> RunSummary | None:
    """What the same request will be told the next time; None where it will do something."""
    from harness.runner.finished import finished_summary

    if summary.is_reused or summary.status != "complete" or summary.errors:
        return summary if summary.is_reused else None
    return finished_summary(runs_dir, summary.run_id)[0]


def unchanged_since(golden: GoldenSet) -> Callable[[], None]:
    """A check that a golden set's files are still what they were: items and pictures are read during the run."""
    path, items_path = golden.path, golden.items_path
    folder = path.parent if items_path is None else items_path.parent
    files = [path, *([] if items_path is None else [items_path])]
    files += [folder / name for name in dict.fromkeys(golden.pictures) if not name.startswith(DATA_URL)]

    def state() -> list[tuple[str, int, int]]:
        return [(one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in files if os.path.isfile(one)]

    before = state()

    def check() -> None:
        if state() != before:
            raise HarnessError(
                f"{shown_path(path)}: the golden set was changed while the run was under way",
                allowed="a golden set that stands still from the run's beginning to its end",
                next_step="type the same command again: what was answered is kept, and changed items are asked anew",
            )

    return check


def resolved_eval(loaded: LoadedEval, chosen: Sequence[str]) -> Eval:
    """The eval with only the chosen candidates."""
    spec = loaded.eval.value
    return structs.replace(spec, candidates={name: one for name, one in spec.candidates.items() if name in chosen})


def policy_facts(policy: Loaded[Policy]) -> PolicyFacts:
    """What reports need of the policy."""
    categories = {
        one.id: CategoryFacts(one.name, one.severity, one.parent, one.owner, one.prevalence, one.target)
        for one in policy.value.categories
    }
    return PolicyFacts(policy.value.policy, policy.value.version, categories)


def _endpoints(
    loaded: LoadedEval,
    candidates: Sequence[Candidate],
    environment: Mapping[str, str],
    gguf: Path | None,
    on_progress: Progress | None,
) -> tuple[dict[str, Endpoint], dict[str, EmbeddedServer]]:
    endpoints: dict[str, Endpoint] = {}
    servers: dict[str, EmbeddedServer] = {}
    models = loaded.models.value if loaded.models is not None else {}
    for model_id in sorted({name for candidate in candidates for name in getattr(candidate, "models_used", ())}):
        model = models[model_id]
        if model.provider == "embedded":
            from harness.runner.embedded import embedded_endpoint

            chosen = model if gguf is None else structs.replace(model, gguf=str(gguf))
            endpoints[model_id], servers[model_id] = embedded_endpoint(model_id, chosen, on_progress)
        else:
            endpoints[model_id] = endpoint_from_model(model_id, model, environment)
    return endpoints, servers


def _inputs(loaded: LoadedEval, candidates: Sequence[Candidate]) -> dict[str, InputFile]:
    """Every file that went into the run, by kind; texts of the golden set stay where they are."""
    policy, golden = loaded.policy, loaded.golden
    inputs = {
        "policy": dataclasses.replace(
            _input(policy, policy.value.policy, policy.value.version), identity=policy_identity(policy.value)
        ),
        "golden_set": InputFile(golden.name, golden.version, golden.sha256, shown_path(golden.path)),
    }
    if loaded.must_catch is not None:
        content = "\n".join(loaded.must_catch.value).encode("utf-8", "surrogatepass")
        path = shown_path(loaded.must_catch.path)
        inputs["must_catch"] = InputFile(loaded.must_catch.path.name, None, loaded.must_catch.sha256, path, content)
    for candidate in candidates:
        spec = loaded.eval.value.candidates[candidate.id]
        about = kind_of(spec).file
        if about is not None and about.version is not None:
            file = loaded.named[spec.kind][spec.value]
            inputs[f"{spec.kind}:{candidate.id}"] = _input(file, *about.version(file))
    return inputs


def _input(loaded: Loaded[Any], name: str, version: int | None) -> InputFile:
    return InputFile(name, version, loaded.sha256, shown_path(loaded.path), loaded.path.read_bytes())


def shown_path(path: Path) -> str:
    """A path below the current folder as written from there, any other by its name: no path of one machine."""
    relative = os.path.relpath(path)
    return path.name if relative.startswith("..") else Path(relative).as_posix()


__all__ = ["PreparedRun", "RunOptions", "execute", "load_eval", "policy_facts", "prepare_run", "shown_path"]

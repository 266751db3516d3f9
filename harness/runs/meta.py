"""``run.json`` <-> ``RunMeta``: the one place where a run's record is read and written.

Decides how the records become JSON and what is refused; what the fields mean is decided by ``records.runs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import structs

from harness.errors import HarnessError
from harness.records.answers import Candidate
from harness.records.evals import SHARED_FIELDS, CascadeStage, Eval
from harness.records.runs import FORMAT, EarlyStop, PolicyFacts, RunInput, RunMeta
from harness.runs.canonical import canonical_json
from harness.runs.layout import plain_name

EARLY_STOP = "early_stop"
"""Key in the stored eval that says the run was made in sequential looks."""
_NOT_WRITTEN_ONCE = {"policy": "", "golden_set": "", "candidates": {}}
"""Fields of the eval that numbers do not rest on; a run without them is read all the same."""


def read_meta(content: bytes, where: str) -> RunMeta:
    """Read run.json; fields this version does not know are left out.

    Raises:
        HarnessError: It is no record of a run, is written by a newer version, or names something outside its folder.
    """
    try:
        document: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
        if document.get("format", FORMAT) > FORMAT:
            raise HarnessError(
                f"{where}: written in format {document['format']} by a newer version of the harness",
                allowed=f"format {FORMAT}",
                next_step="update the harness",
            )
        stored = msgspec.convert(document.get("eval"), type=dict[str, Any])
        document |= {"eval": _eval_tree(stored), EARLY_STOP: stored.get(EARLY_STOP)}
        meta = _with_stages(msgspec.convert(document, type=RunMeta))
        _check_metrics(meta)
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, ValueError, RecursionError) as error:
        raise HarnessError(
            f"{where}: no record of a run: {error}",
            allowed="the run.json that a run wrote",
            next_step="run it again; what was answered is in the response cache",
        ) from None
    _check_names(meta, where)
    return meta


def meta_document(meta: RunMeta) -> dict[str, Any]:
    """The content of run.json."""
    left_out = {EARLY_STOP, *([] if meta.only else ["only"]), *([] if meta.shard else ["shard"])}
    content = {name: value for name, value in structs.asdict(meta).items() if name not in left_out}
    return content | {
        "eval": eval_document(meta.eval, meta.early_stop),
        "golden_set": meta.golden_set.as_dict(),
        "policy": policy_document(meta.policy),
        "inputs": {kind: _input_document(one) for kind, one in meta.inputs.items()},
    }


def changed_parts(meta: RunMeta, candidate: Candidate) -> list[str]:
    """Parts of a candidate's fingerprint in which it is another than the one that the run asked."""
    before = meta.fingerprint(candidate.id)
    now = msgspec.json.decode(canonical_json(candidate.fingerprint))
    return [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]


def eval_document(spec: Eval, early_stop: EarlyStop | None = None) -> dict[str, Any]:
    """An eval as a run stores it: plain data with every default written out; part of the run's id."""
    document: dict[str, Any] = msgspec.to_builtins(structs.replace(spec, candidates={}))
    document["candidates"] = {name: one.as_dict() for name, one in spec.candidates.items()}
    if spec.gate is not None and spec.gate.fail_on == "inconclusive":
        del document["gate"]["fail_on"]  # the default says nothing about a run, whose id it would change
    if not spec.costs:
        del document["costs"]  # likewise
    if early_stop is not None:
        document[EARLY_STOP] = msgspec.to_builtins(early_stop)
    return document


def policy_document(policy: PolicyFacts) -> dict[str, Any]:
    """What a run stores of its policy; nothing for none."""
    document: dict[str, Any] = {} if policy == PolicyFacts() else msgspec.to_builtins(policy)
    return document


def _input_document(one: RunInput) -> dict[str, Any]:
    optional = {"stored": one.stored, "identity": one.identity}
    known = {name: value for name, value in optional.items() if value is not None}
    return {"name": one.name, "version": one.version, "sha256": one.sha256, "path": one.path, **known}


def _eval_tree(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The stored eval with every candidate as kind and value."""
    tree = {**_NOT_WRITTEN_ONCE, **stored}
    if isinstance(tree["candidates"], Mapping):
        tree["candidates"] = {name: _spec_tree(one) for name, one in tree["candidates"].items()}
    return tree


def _spec_tree(written: Any) -> Any:
    if not isinstance(written, Mapping):
        return written
    shared = {name: value for name, value in written.items() if name in SHARED_FIELDS}
    own = [(name, value) for name, value in written.items() if name not in SHARED_FIELDS]
    kind, value = own[0] if own else ("", None)
    return {"kind": kind, "value": value, **shared}


def _with_stages(meta: RunMeta) -> RunMeta:
    """The stages of cascades as records."""
    candidates = {
        name: structs.replace(one, value=msgspec.convert(one.value, type=tuple[CascadeStage, ...]))
        if one.kind == "cascade"
        else one
        for name, one in meta.eval.candidates.items()
    }
    return structs.replace(meta, eval=structs.replace(meta.eval, candidates=candidates))


def _check_metrics(meta: RunMeta) -> None:
    """Metrics of the gate: the table of metrics knows each, or the package that brought it is not installed."""
    if meta.eval.gate is None:
        return
    from harness.core.metric_table import gate_metric, gate_metrics_words  # a run without a gate needs no table

    for check in meta.eval.gate.checks:
        if gate_metric(check.metric) is None:
            raise ValueError(f"its gate checks the metric '{check.metric}', which is not {gate_metrics_words()}")


def _check_names(meta: RunMeta, where: str) -> None:
    """Everything in run.json that becomes part of a path."""
    for what, name in (("run_id", meta.run_id), ("eval_name", meta.eval_name)):
        plain_name(name, what, where)
    for kind, entry in meta.inputs.items():
        if entry.stored is not None:
            plain_name(entry.stored, f"inputs.{kind}.stored", where)

"""Files against the stored runs: a prompt, rule set, policy or golden set that changed while its version stayed.

Decides when one has changed: what a model is sent, how its answer is read, what a rule decides, what a label can depend
on, the items and labels themselves. Comments, descriptions, owners, targets and line breaks at the end are no change.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import structs

from harness.errors import HarnessError
from harness.files.golden.sets import GoldenSet
from harness.files.kinds import Doubt
from harness.files.policy import load_policy
from harness.files.prompts import load_prompt
from harness.files.rules import load_rules
from harness.jobs.policy_identity import policy_identity
from harness.records import Loaded, Policy, Prompt, RuleSet, RunMeta
from harness.runs.folder import RunFolder, input_text
from harness.runs.listing import list_runs


def changed_since_run(
    prompts: Iterable[Loaded[Prompt]],
    rules: Iterable[Loaded[RuleSet]],
    policies: Iterable[Loaded[Policy]],
    goldens: Iterable[GoldenSet],
    runs_dir: str | Path,
) -> list[Doubt]:
    """A warning for each file that differs from that of a stored run under the same name and version."""
    now: dict[tuple[str, str, int | None], Loaded[Any] | GoldenSet] = {
        ("prompt", one.value.header.prompt, one.value.header.version): one for one in prompts
    }
    now.update({("rules", one.value.rule_set, one.value.version): one for one in rules})
    now.update({("policy", one.value.policy, one.value.version): one for one in policies})
    now.update({("golden_set", one.name, one.version): one for one in goldens})
    found: dict[tuple[str, str, int | None], RunMeta] = {}
    tried: dict[tuple[str, str], bool] = {}
    for meta in reversed(list_runs(runs_dir)) if now else ():  # the newest first
        for place, described in meta.inputs.items():
            kind = place.partition(":")[0]
            version = described.version if isinstance(described.version, int) else None
            key = (kind, described.name, version)
            current = now.get(key)
            sha256 = described.sha256
            if current is None or key in found or sha256 == current.sha256:
                continue
            if (kind, sha256) not in tried:
                tried[(kind, sha256)] = _differs(kind, current, meta, place, runs_dir)
            if tried[(kind, sha256)]:
                found[key] = meta
    return [_doubt(key, now[key], meta) for key, meta in found.items()]


def _doubt(key: tuple[str, str, int | None], current: Loaded[Any] | GoldenSet, meta: RunMeta) -> Doubt:
    kind, _, version = key
    what, other = _WORDS[kind]
    made = meta.created_at[:16].replace("T", " ")
    if version is None:
        said = f"has no version, and run {meta.run_id} ({made}) was made with {other} of this {what}"
        return Doubt(current.path, None, said, "add 'version: 2' to it, so that numbers can be told apart by it")
    said = f"still says version {version}, but run {meta.run_id} ({made}) was made with {other} of it"
    return Doubt(current.path, None, said, f"write 'version: {version + 1}', or bring the old {what} back")


def _differs(kind: str, current: Loaded[Any] | GoldenSet, meta: RunMeta, place: str, runs_dir: str | Path) -> bool:
    """Whether another hash stands for another text; a text that was not kept counts as another one."""
    if isinstance(current, GoldenSet):
        return True  # its hash leaves out already what changes nothing
    try:
        text = input_text(RunFolder(runs_dir).child(meta.run_id), meta, place)
    except (HarnessError, OSError):
        return False
    if text is None:
        return True
    load, meaning = _READERS[kind]
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder) / f"old{current.path.suffix}"
        old.write_text(text, encoding="utf-8", newline="")
        try:
            return bool(meaning(load(old).value) != meaning(current.value))
        except HarnessError:
            return True


def _prompt_meaning(prompt: Prompt) -> Any:
    header = structs.replace(prompt.header, description="")
    return header, [(one.role, one.template) for one in prompt.messages]


def _rules_meaning(rules: RuleSet) -> Any:
    kept = tuple(structs.replace(one, note="") for one in rules.rules)
    return structs.replace(rules, description="", rules=kept)


_READERS: Mapping[str, tuple[Callable[[Path], Loaded[Any]], Callable[[Any], Any]]] = {
    "prompt": (load_prompt, _prompt_meaning),
    "rules": (load_rules, _rules_meaning),
    "policy": (load_policy, policy_identity),
}
_WORDS: Mapping[str, tuple[str, str]] = {
    "prompt": ("prompt", "another text"),
    "rules": ("rule set", "another text"),
    "policy": ("policy", "another meaning"),
    "golden_set": ("golden set", "other items, labels or slices"),
}
"""Kind of input -> its noun, and what of it was another."""

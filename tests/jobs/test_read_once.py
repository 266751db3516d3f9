"""A gate in continuous integration reads each file of an eval once."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from harness.files import prompt_header, yaml
from harness.files.golden import card
from harness.jobs.gate import gate_eval
from harness.jobs.run_options import GateOptions, RunOptions
from tests.gating.small_eval import write_eval

NOW = datetime(2026, 11, 3, tzinfo=UTC)


@pytest.fixture
def parsed(monkeypatch):
    """How often each file was parsed as YAML, by its name."""
    counted: Counter[str] = Counter()
    parse = yaml.parse_yaml

    def counting(file, **options):
        counted[file.path.name] += 1
        return parse(file, **options)

    for module in (yaml, prompt_header, card):
        monkeypatch.setattr(module, "parse_yaml", counting)
    return counted


@pytest.mark.parametrize("is_cached_only", [True, False])
@pytest.mark.parametrize("candidate", ["v2", None])
def test_ci_parses_each_file_once(tmp_path, parsed, is_cached_only, candidate):
    path = write_eval(tmp_path, with_prompt=candidate is not None)
    options = GateOptions(candidate, is_cached_only=is_cached_only)
    run_options = RunOptions(tmp_path / "runs", tmp_path / "cache.sqlite")
    report = gate_eval(path, options, run_options, {}, now=NOW)
    assert report.candidate.name == "v2"
    named = {"demo.yaml", "policy.yaml", "demo_v1.yaml"}
    named |= {"models.yaml", "prompt.md"} if candidate is not None else set()
    assert parsed == dict.fromkeys(named, 1)

"""How the weekly report names what changed between two runs."""

from msgspec import structs

from harness.records.runs import RunInput
from harness.report.weekly.changes import _named


def test_an_input_that_gets_its_first_version_has_no_version_none_before():
    """A rule set without a version was said to have been "vNone"."""
    none, first = RunInput("platform", None, "a" * 64), RunInput("platform", 1, "b" * 64)
    assert _named("rule set", none, first) == "rule set platform became platform v1"
    assert _named("rule set", first, structs.replace(first, version=2)) == "rule set platform v1 became v2"

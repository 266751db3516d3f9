"""Two runs of one candidate stand under two heads."""

import numpy as np

from harness.measure.compare import compare
from harness.report.comparison.terminal import comparison_tables
from harness.report.parts.tables import to_terminal
from tests.fakes import FakeMeta, FakeRun, rows_of


def test_two_runs_of_one_candidate_are_told_apart_in_every_head():
    """Both columns were headed "v2", and nobody could say which was the new one."""
    y_true = np.array([[1], [1], [0], [0]] * 5, dtype=np.int8)
    runs = [
        FakeRun(y_true, {"v2": rows_of(y_true)}, ("hate",), meta=FakeMeta(run_id=f"community-{digest}"))
        for digest in ("75e743fadd11", "babb6d0d8873")
    ]
    tables = comparison_tables(compare(runs[0], "v2", runs[1], "v2", n_resamples=100))
    for table in tables[:2]:
        assert table.columns[2:4] == ("v2 (75e743)", "v2 (babb6d)")
    assert [row[0] for row in tables[2].rows] == ["v2 (75e743)", "v2 (babb6d)"]
    assert "v2 (babb6d)" in " ".join(to_terminal(tables[0], 128).split())

"""Two runs of one candidate stand under two heads."""

import numpy as np

from harness.measure.compare import compare
from harness.report.comparison.terminal import comparison_tables
from harness.report.parts.tables import to_terminal
from tests.fakes import FakeMeta, FakeRun, rows_of


def test_two_runs_of_one_candidate_are_told_apart_in_every_head():
    """Both columns were headed "v2", and nobody could say which was the new one."""
    y_true = np.array([[1, 0], [1, 1], [0, 1], [0, 0]] * 5, dtype=np.int8)
    runs = [
        FakeRun(
            y_true,
            {"v2": rows_of(y_true, y_score=0.2 + 0.6 * y_true)},
            ("hate", "spam"),
            meta=FakeMeta(run_id=f"community-{digest}"),
        )
        for digest in ("75e743fadd11", "babb6d0d8873")
    ]
    tables = comparison_tables(compare(runs[0]["v2"], runs[1]["v2"], n_resamples=100, with_averages=True))
    assert [table.title for table in tables[-2:]] == ["Averages", "Outcomes, cost and latency"]
    for table in tables[:-1]:
        assert table.columns[2:4] == ("v2 (75e743)", "v2 (babb6d)")
    for table in tables:
        assert len({*table.columns}) == len(table.columns)
    assert [row[0] for row in tables[-1].rows] == ["v2 (75e743)", "v2 (babb6d)"]
    assert "v2 (babb6d)" in " ".join(to_terminal(tables[0], 128).split())

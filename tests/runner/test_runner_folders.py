"""Where a run writes: permissions, and what is said when the system refuses."""

import errno
import stat

import pytest
from runner_fakes import FakeGolden, FakeTransport, make_request

from harness.errors import HarnessError
from harness.runner import run_eval
from harness.runner.folders import named_faults


@pytest.mark.parametrize(("mode", "others"), [(0o600, 0o000), (0o640, 0o050), (0o644, 0o055)])
def test_copies_are_no_more_readable_than_the_golden_set(tmp_path, mode, others):
    golden = FakeGolden(5)
    golden.path = tmp_path / "card.yaml"
    golden.path.write_text("x")
    golden.path.chmod(mode)
    summary = run_eval(make_request(tmp_path, golden), transport=FakeTransport())
    folder = tmp_path / "runs" / summary.run_id
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 & ~others == 0
    for path in folder.rglob("*"):
        allowed = others if path.is_dir() else others & 0o044
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 & ~allowed == 0


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EMFILE])
def test_a_refusing_disk_is_named(code):
    with pytest.raises(HarnessError, match="type the same command again"), named_faults("reports/runs"):
        raise OSError(code, "no")


def test_other_faults_keep_their_traceback():
    with pytest.raises(OSError, match="a bug"), named_faults("reports/runs"):
        raise OSError("a bug")

import gc

import pytest

from harness.runner.loops import rare_collections


@pytest.fixture
def thawed():
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_was_imported_is_not_looked_through_during_a_run(thawed):
    """The first look of a run went through all that was imported: a tenth of a rerun from the journal."""
    before = gc.get_threshold()
    with rare_collections():
        assert gc.get_freeze_count() > 10_000
    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, before)


def test_what_somebody_else_froze_stays_frozen(thawed):
    gc.freeze()
    with rare_collections():
        pass
    assert gc.get_freeze_count() > 0

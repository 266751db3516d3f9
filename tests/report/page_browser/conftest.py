"""The page of one made-up report, and a browser that notes everything that should not happen."""

import pytest
from synthetic import synthetic_source


@pytest.fixture(scope="session")
def source():
    return synthetic_source(240, 5, 3)


@pytest.fixture(scope="session")
def report(source, tmp_path_factory):
    from browser_page import written

    return written(source, tmp_path_factory.mktemp("report"))


@pytest.fixture
def watched(browser):
    from browser_page import Watched

    one = Watched(browser)
    yield one
    one.page.close()
    assert one.faults == []

"""What all tests share: how expected files are compared, and rewritten on purpose."""

import pytest
from hypothesis import settings

settings.register_profile("shared", deadline=None)  # a busy machine is no failure; what is slow is found by benchmarks
settings.load_profile("shared")


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the expected files; look at the difference before commit"
    )


@pytest.fixture
def assert_expected(request):
    """Compare a text with an expected file; with ``--update-golden`` write it first."""

    def compare(text, path):
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8"))
        assert text == path.read_bytes().decode("utf-8")

    return compare

"""A browser where there is one, as the report tests have it."""

from tests.report.conftest import axe, browser  # noqa: F401

"""What a share of items that goes to people means in hours and money; reviewer hours are ``reviewer_hours``'s.

Decides the words and the unit: a thousand items. What nobody said a reviewer costs is unknown, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.core.results import MetricResult
from harness.report.comparison.workload import REVIEW_SECONDS, reviewer_hours
from harness.report.parts import numbers

ITEMS = 1000.0


@dataclass(frozen=True, slots=True)
class ReviewLoad:
    """A share of items that goes to people, the seconds that each takes, and what an hour costs (None: unknown)."""

    share: MetricResult
    review_seconds: float
    usd_per_hour: float | None

    @property
    def hours_per_1000(self) -> MetricResult:
        """Reviewer hours for 1,000 items."""
        return _scaled(self.share, reviewer_hours(ITEMS, self.review_seconds))

    @property
    def usd_per_1000(self) -> MetricResult | None:
        """What those hours cost; None where nobody said."""
        return None if self.usd_per_hour is None else _scaled(self.hours_per_1000, self.usd_per_hour)

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        usd = self.usd_per_1000
        return {
            "share": self.share.as_dict(),
            "review_seconds": self.review_seconds,
            "reviewer_hours_per_1000": self.hours_per_1000.as_dict(),
            "usd_per_hour": self.usd_per_hour,
            "usd_per_1000": None if usd is None else usd.as_dict(),
        }

    def words(self, noun: str) -> str:
        """In one sentence."""
        hours, usd = self.hours_per_1000, self.usd_per_1000
        money = "what an hour costs is unknown"
        if usd is not None:
            money = f"${usd.value:,.2f} [{usd.low:,.2f}, {usd.high:,.2f}] at ${self.usd_per_hour:,.2f} an hour"
        return (
            f"A person looks at {numbers.share_with_interval(self.share)} of the {noun}: {hours.value:.1f} "
            f"[{hours.low:.1f}, {hours.high:.1f}] reviewer hours per 1,000 at {self.review_seconds:g} seconds "
            f"each; {money}"
        )


def review_load(share: MetricResult, review_seconds: float | None, usd_per_hour: float | None = None) -> ReviewLoad:
    """The load at the time a reviewer takes; the shipped one where nobody said."""
    return ReviewLoad(share, review_seconds or REVIEW_SECONDS, usd_per_hour)


def _scaled(one: MetricResult, by: float) -> MetricResult:
    return MetricResult(one.value * by, one.low * by, one.high * by, one.n, one.n_excluded, one.reason)

"""The one table of production figures: what each is a share of, how it is called, and which of two says the other.

Decides names and meaning of what a labelled sample of production tells. All of them are better when they are lower.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProductionFacts:
    """One figure.

    Attributes:
        words: What it is called within a sentence.
        meaning: What it is a share of.
        same_by_views: The figure that says the same of views, which counts for more; None for none.
    """

    words: str
    meaning: str
    same_by_views: str | None = None


PRODUCTION_FIGURES: Mapping[str, ProductionFacts] = {
    "violating_items": ProductionFacts(
        "share of items that violate", "items that violate, of all items", "violating_views"
    ),
    "violating_views": ProductionFacts("share of views that violate", "views of violating items, of all views"),
    "leakage_items": ProductionFacts(
        "violation leakage by items", "violating items left up, of violating items", "leakage_views"
    ),
    "leakage_views": ProductionFacts(
        "violation leakage by views", "views of violating items left up, of views of violating items"
    ),
    "violating_views_left_up": ProductionFacts(
        "share of views that violate and were left up", "views of violating items left up, of all views"
    ),
    "overkill_items": ProductionFacts(
        "overkill by items", "items taken down that do not violate, of items that do not violate", "overkill_views"
    ),
    "overkill_views": ProductionFacts(
        "overkill by views", "views of items taken down that do not violate, of views of items that do not violate"
    ),
    "wrong_removals": ProductionFacts(
        "share of removals that were wrong", "items taken down that do not violate, of items taken down"
    ),
}
"""Figure -> what it is."""

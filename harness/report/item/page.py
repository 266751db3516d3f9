"""One item whole as a page of ``harness view``.

Decides what the page may load: nothing but itself. Marks on labels are kept by the browser and saved as a CSV.
"""

from __future__ import annotations

from markupsafe import Markup

from harness.report.item.data import ItemSheet, votes_of
from harness.report.item.terminal import SAID, check_words, compact, cost_words, decision_words, read_words, vote_words
from harness.report.parts.assets import asset, page_policy, script
from harness.report.parts.isolation import isolated
from harness.report.parts.templates import environment


class ItemPage:
    """What the template reads."""

    def __init__(self, sheet: ItemSheet, version: str, *, may_reveal: bool) -> None:
        self.sheet = sheet
        self.version = version
        self.may_reveal = may_reveal and sheet.text_mode != "full"
        self.css = Markup(asset("report.css"))
        self.script = Markup(script("item"))
        self.policy = page_policy(self.css, self.script)
        self.read, self.cost, self.check, self.compact = read_words, cost_words, check_words, compact
        self.decided = decision_words

    def said(self, category: str) -> str:
        """The gold label as a word."""
        return SAID[self.sheet.labels.get(category)]

    def votes(self, category: str) -> str:
        """The votes of one category, counted."""
        return vote_words(votes_of(self.sheet, category))

    def each_vote(self, category: str) -> list[tuple[str, str]]:
        """Who said what."""
        return [(name, SAID.get(value, str(value))) for name, value in votes_of(self.sheet, category)]

    def why(self, category: str) -> str:
        """What a mark on this label says in the queue of a review."""
        gold = self.sheet.labels.get(category)
        against = [
            one.name
            for one in self.sheet.candidates
            if gold is not None and one.readings[0].decisions.get(category) == 1 - gold
        ]
        return f"looks wrong to a reader of an item; gold {SAID[gold]}" + (
            f", contradicted by {', '.join(against)}" if against else ""
        )


def item_page(sheet: ItemSheet, version: str, *, may_reveal: bool) -> str:
    """The page as text."""
    page = ItemPage(sheet, version, may_reveal=may_reveal)
    names = [name for name, _ in sheet.definitions.values()]
    return isolated(environment().get_template("item.html.jinja").render(page=page), names)

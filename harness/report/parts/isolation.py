"""Names that run from right to left, kept apart in a page: without it a browser draws the figure after one before it.

Decides where a name is isolated (``bdi``): in text alone, not in attributes, drawings, scripts, styles and the title.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from markupsafe import escape

from harness.report.parts.masking import printable

_KEPT = re.compile(r"(<(script|style|svg|title|option|textarea)\b.*?</\2>|<[^>]*>)", re.DOTALL)
_RIGHT_TO_LEFT = {"R", "AL"}


def isolated(page: str, names: Iterable[str]) -> str:
    """The page with every name that holds right-to-left letters isolated.

    >>> isolated('<p title="عام 02">عام 02 0.9% (target 80%)</p>', ["عام 02", "Hate"])
    '<p title="عام 02"><bdi>عام 02</bdi> 0.9% (target 80%)</p>'
    """
    found = {str(escape(printable(one))) for one in names if _is_right_to_left(one)}
    if not found:
        return page
    name = re.compile("|".join(re.escape(one) for one in sorted(found, key=len, reverse=True)))
    parts = []
    at = 0
    for kept in _KEPT.finditer(page):
        parts += [name.sub(r"<bdi>\g<0></bdi>", page[at : kept.start()]), kept.group()]
        at = kept.end()
    return "".join([*parts, name.sub(r"<bdi>\g<0></bdi>", page[at:])])


def _is_right_to_left(name: str) -> bool:
    return any(unicodedata.bidirectional(one) in _RIGHT_TO_LEFT for one in name)

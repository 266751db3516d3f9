"""What a classifier's callable may return: one score a text, or one mapping of names to scores a text.

Decides which results are no such thing. A wrong shape is the same for every text, so it ends the run with one message
that says what was found and what to return instead; a single number that is no score is an ``error`` row of its text.
A decision (True, a word) is not taken as a score: rankings and thresholds over it would look like measurements.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.errors import HarnessError
from harness.files.text import quoted

ALLOWED = "for each text, in order, one number from 0 to 1 or one mapping of names to such numbers"
PIPELINE = {"label", "score"}
"""The keys of what a transformers pipeline returns."""


def listed(path: str, returned: Any, n_texts: int) -> list[Any]:
    """The results of a call, one a text.

    Raises:
        HarnessError: It is no list, or one of another length.
    """
    if isinstance(returned, str | bytes | Mapping) or not isinstance(returned, Iterable):
        raise _fault(path, f"{_shown(returned)} for {n_texts} texts", "return a list with a score for each text")
    found = list(returned)
    if len(found) != n_texts:
        raise HarnessError(
            f"classifier '{path}' returned {len(found)} results for {n_texts} texts",
            allowed="one result per text, in order",
            next_step="correct the callable",
        )
    return found


def require_shape(path: str, returned: Sequence[Any]) -> None:
    """A fault where results are no scores at all, or are of two forms.

    Raises:
        HarnessError: With what was found, and what to return instead.
    """
    is_mapping = [isinstance(one, Mapping) for one in returned if one is not None]
    if any(is_mapping) and not all(is_mapping):
        found = "a mapping for one text and something else for another"
        raise _fault(path, found, "return the same form for every text")
    for one in returned:
        if isinstance(one, Mapping):
            if set(one) == PIPELINE:
                hint = "write classifier: transformers:NAME, or return {one['label']: one['score']} for each"
                raise _fault(path, "a transformers pipeline's own form, label and score", hint)
            for name, value in one.items():
                _require_score(path, value, f" as the score of {quoted(str(name))}")
        else:
            _require_score(path, one, " for a text")


def _require_score(path: str, value: Any, where: str) -> None:
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        hint = "return predict_proba's column of the class; float(x) where a decision is all there is"
        raise _fault(path, f"{bool(value)}{where}: a decision, and no score", hint)
    if isinstance(value, str | bytes):
        raise _fault(path, f"{_shown(value)}{where}", "return the score behind the word, as a number")
    if isinstance(value, Mapping):
        raise _fault(path, f"a mapping{where}", "return one level of names")
    if value is not None and not _is_number(value):
        hint = "of a column for each class return one: predict_proba(texts)[:, 1]"
        raise _fault(path, f"{_shown(value)}{where}", hint)


def score_of(value: Any) -> float | str:
    """A finite number in [0, 1], else what it is, as text; NumPy's numbers are numbers.

    >>> score_of(0.25), score_of(2), score_of(None)
    (0.25, '2.0', 'None')
    """
    if value is None:
        return "None"
    number = float(value)
    return number if math.isfinite(number) and 0 <= number <= 1 else str(number)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return f"a list of {len(value)}"
    return "None" if value is None else f"a {type(value).__name__}"


def _fault(path: str, found: str, next_step: str) -> HarnessError:
    return HarnessError(f"classifier '{path}' returned {found}", allowed=ALLOWED, next_step=next_step)

"""Classifiers of other packages as callables that an eval can name, imported when they are first called."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from harness.errors import HarnessError


def alt_profanity_check(texts: list[str]) -> list[float]:
    """P(profane) per text by alt-profanity-check: a small linear model, English.

    Name it in an eval as ``classifier: "harness.candidates.adapters:alt_profanity_check"``.
    """
    return [float(score) for score in _predict_prob()(texts)] if texts else []


@functools.cache
def _predict_prob() -> Callable[[list[str]], Any]:
    try:
        found = importlib.import_module("profanity_check").predict_prob
    except ImportError:
        raise HarnessError(
            "the classifier 'alt_profanity_check' needs a package that is not installed",
            allowed="the extra 'baseline'",
            next_step="pip install 'moderation-harness[baseline]'",
        ) from None
    predict: Callable[[list[str]], Any] = found
    return predict

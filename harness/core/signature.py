"""The signature of a reported number: everything that can move it, in a fixed order.

Decides which facts belong to a number and how they are joined. Leaves the number's text to the reports.
"""

from __future__ import annotations

from collections.abc import Mapping

# order of the fields; the version is last
SIGNATURE_FIELDS: tuple[str, ...] = (
    "set",
    "limit",
    "only",
    "split",
    "slice",
    "policy",
    "baseline",
    "candidate",
    "model",
    "prompt",
    "rules",
    "moderation",
    "classifier",
    "cascade",
    "recorded",
    "media",
    "without",
    "threshold",
    "cuts",
    "temp",
    "seed",
    "repeats",
    "wave",
    "parser",
    "unparsed",
    "missing",
    "crosswalk",
    "weights",
    "clusters",
    "prevalence",
    "margin",
    "alpha",
    "resamples",
    "rng",
    "ci",
    "v",
)
_ESCAPES = str.maketrans({"%": "%25", "|": "%7C", "\n": "%0A", "\r": "%0D"})


def signature(fields: Mapping[str, object]) -> str:
    """Join the facts behind a number: ``set:toxicity_v3@3f9a|policy:2025-02|...|ci:wilson95|v:0.3.0``.

    Args:
        fields: Facts by name; names from ``SIGNATURE_FIELDS``; None is left out.

    Returns:
        ``name:value`` pairs in fixed order joined by ``|``; a bar, percent sign or line break in a value is escaped.

    Raises:
        ValueError: A name is not in ``SIGNATURE_FIELDS``.

    References:
        Post (2018), WMT (sacreBLEU signatures).

    >>> signature({"v": "0.3.0", "set": "toxicity_v3@3f9a1c2e", "prompt": None, "temp": 0})
    'set:toxicity_v3@3f9a1c2e|temp:0|v:0.3.0'
    """
    unknown = sorted(set(fields) - set(SIGNATURE_FIELDS))
    if unknown:
        raise ValueError(f"unknown signature fields {', '.join(unknown)}; allowed: {', '.join(SIGNATURE_FIELDS)}")
    given = [(name, fields[name]) for name in SIGNATURE_FIELDS if fields.get(name) is not None]
    return "|".join(f"{name}:{str(value).translate(_ESCAPES)}" for name, value in given)

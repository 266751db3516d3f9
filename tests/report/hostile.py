"""Attack strings, and a report source that carries each of them wherever a text can stand."""

from __future__ import annotations

import datetime

import numpy as np
from synthetic import assembled

from harness.records import CategoryFacts, PolicyFacts, Prevalence
from harness.report.comparison.source import Arm, ReportSource

ATTACKS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!--<script>alert(1)</script>",
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=http://127.0.0.1:9/leak.png>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<link rel=stylesheet href=http://127.0.0.1:9/x.css>",
    "<style>@import 'http://127.0.0.1:9/x.css';</style>",
    "</style><script>alert(1)</script>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>",
    "<base href=http://127.0.0.1:9/>",
    "<form action=http://127.0.0.1:9/><input autofocus onfocus=alert(1)>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "<a href='javascript:alert(1)'>click</a>",
    "[click](javascript:alert(1))",
    "![x](http://127.0.0.1:9/leak.png)",
    '" onmouseover="alert(1)" x="',
    "' onmouseover='alert(1)' x='",
    '"><script>alert(1)</script>',
    "'-alert(1)-'",
    "`${alert(1)}`",
    "{{ 7*7 }}{{ config }}{% include '/etc/passwd' %}",
    "${alert(1)}",
    "constructor.constructor('alert(1)')()",
    "__proto__",
    "toString",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    '=HYPERLINK("http://127.0.0.1:9/","x")',
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\tformula\r\n=1",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "\u202etxt.exe\u202c",
    "\u2066isolate\u2069",
    "zero\u200bwidth\u200d\ufeff",
    "\u2028line\u2029paragraph",
    "null\x00byte",
    "\ud800 lone surrogate",
    "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308" * 40,
    "| table | cell |\n|---|---|",
    "# heading\n* item",
    "W" * 600,
]


def hostile_source(*, n_candidates: int = 2) -> ReportSource:
    """Every attack as id, text, slice name and value, category, rationale, candidate, prompt and policy."""
    rng = np.random.default_rng(3)
    n_items, names = 2 * len(ATTACKS), [*ATTACKS[:8], ATTACKS[26], ATTACKS[34]]
    categories = tuple(names)
    prevalence = Prevalence(0.01, ATTACKS[1], datetime.date(2026, 11, 1))
    policy = PolicyFacts(ATTACKS[0], 1, {one: CategoryFacts(one, "medium", prevalence=prevalence) for one in names})
    y_true = (rng.random((n_items, len(names))) < 0.3).astype(np.int8)
    texts: list[str | None] = [ATTACKS[index % len(ATTACKS)] for index in range(n_items)]
    texts[-1] = "A" * 1_000_000 + ATTACKS[0]
    texts[-2] = None
    arms = []
    for position in range(n_candidates):
        scores = np.clip(y_true * 0.5 + rng.random(y_true.shape) * 0.7, 0, 1)
        arms.append(
            Arm(
                id=ATTACKS[position * 5],
                outcomes=np.zeros(n_items, dtype=np.uint8),
                decisions=(scores > 0.5).astype(np.int8),
                scores=scores,
                rationales=[ATTACKS[(index * 7 + 1) % len(ATTACKS)] for index in range(n_items)],
                description=ATTACKS[28],
            )
        )
    item_ids = [f"{ATTACKS[index % len(ATTACKS)]}{index // len(ATTACKS) or ''}" for index in range(n_items)]
    members = {one: np.array([index], dtype=np.int64) for index, one in enumerate(ATTACKS)}
    slices = {ATTACKS[5]: members, ATTACKS[30]: {ATTACKS[0]: np.arange(n_items)}}
    prompts = ("\n".join(ATTACKS), "\n".join(reversed(ATTACKS)))
    return assembled(
        ATTACKS[0], policy, item_ids, texts, categories, y_true, slices, tuple(arms), gate=True, prompts=prompts
    )

"""5,000 rules over 1,000,000 short texts on one core: normalisation and matching apart, in CPU time, in flat memory.

Run with ``make benchmarks``; the figures are printed. CPU time is that of this process alone, but a core that two
processes share does less in it. The rates are therefore those of the whole and of its best tenth, which is judged.
"""

from __future__ import annotations

import random
import resource
import time

import pytest

from harness.candidates.normalise import STEPS, Forms
from harness.candidates.rule_set import RuleSetCandidate
from harness.records import Item, Rule, RuleSet

N_RULES, N_TEXTS, N_DIFFERENT = 5_000, 1_000_000, 50_000
LEAST = 20_000
"""Texts a second, after normalisation."""
DEFAULT = RuleSet("x", 1, ()).normalise
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def vocabulary(rng):
    return ["".join(rng.choices(LETTERS, k=rng.randint(3, 9))) for _ in range(40_000)]


def rules(rng, words):
    """Four in five look for a word and a phrase, the others for a domain or a pattern."""
    for n in range(N_RULES):
        word = rng.choice(words)
        if n % 50 < 40:
            yield Rule(f"r{n}", "spam", words=(word,), phrases=(" ".join(rng.choices(words, k=2)),))
        elif n % 50 < 47:
            yield Rule(f"r{n}", "spam", domains=(f"{word}.com",))
        else:
            yield Rule(f"r{n}", "spam", patterns=(rf"(?i)\b{word}\W+(buy|sell)\b",))


def texts(rng, words):
    """Short texts; one in four holds a link, look-alike letters, digits for letters, Han and emoji, or capitals."""
    for n in range(N_DIFFERENT):
        text = " ".join(rng.choices(words, k=rng.randint(5, 18)))
        yield {
            0: f"{text} https://{rng.choice(words)}.com/x",
            1: text.replace("a", "\u0430", 2),
            2: text.replace("o", "0"),
            3: f"\u4f60\u597d {text} \u2764\ufe0f",
            4: text.title(),
        }.get(n % 20, text)


def decided(candidate, item):
    try:
        next(candidate.decide(item))
    except StopIteration as done:
        return done.value


def rates(n, do, items):
    """Texts a second of CPU time: over all, and over the best tenth."""
    seconds = []
    for tenth in range(10):
        began = time.process_time()
        for at in range(tenth * n // 10, (tenth + 1) * n // 10):
            do(items[at % N_DIFFERENT])
        seconds.append(time.process_time() - began)
    return n / sum(seconds), n / 10 / min(seconds)


@pytest.mark.million
@pytest.mark.parametrize(
    ("steps", "n"), [pytest.param(DEFAULT, N_TEXTS, id="default"), pytest.param(tuple(STEPS), 100_000, id="all")]
)
def test_five_thousand_rules_over_a_million_short_texts(steps, n):
    rng = random.Random(0)
    words = vocabulary(rng)
    made = list(rules(rng, words))
    candidate = RuleSetCandidate("rules", RuleSet("x", 1, tuple(made), normalise=steps))
    forms = Forms(steps, [word for one in made for word in (*one.words, *one.phrases)])
    items = [Item(str(at), text, {}) for at, text in enumerate(texts(rng, words))]
    flagged = sum(decided(candidate, item).decisions["spam"] for item in items[:1_000])
    assert 100 < flagged < 1_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    whole = rates(n, lambda item: decided(candidate, item), items)
    normalised = rates(n // 5, lambda item: forms.of(item.text), items)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    matched = [1 / (1 / both - 1 / first) for both, first in zip(whole, normalised, strict=True)]
    for name, at in (("over all", 0), ("best tenth", 1)):
        print(
            f"\n{len(steps)} steps, {n:,} texts, {N_RULES:,} rules, {name}: normalisation {normalised[at]:,.0f}/s,"
            f" matching {matched[at]:,.0f}/s, both {whole[at]:,.0f}/s; memory grew by {grown / 1024:.0f} MB"
        )
    if steps == DEFAULT:
        assert matched[1] >= LEAST
    assert grown < 50_000  # kB

import pickle
import time

import pytest
from candidate_fakes import item, local
from hypothesis import given
from hypothesis import strategies as st

from harness.candidates import matcher
from harness.candidates.matcher import PatternSet
from harness.candidates.normalise import STEPS, forms, normalise, tokens
from harness.candidates.rule_set import RuleSetCandidate
from harness.errors import HarnessError
from harness.records import Rule, RuleSet

DEFAULT = ("nfkc", "casefold", "strip_zero_width")
ALL_STEPS = tuple(STEPS)


def rules(*found, normalise=DEFAULT):
    return RuleSetCandidate("rules", RuleSet("r", 1, found, normalise))


def matches(text, *, normalise=DEFAULT, **matchers):
    candidate = rules(Rule("r1", "spam", **matchers), normalise=normalise)
    return local(candidate, item(text)).decisions == {"spam": 1}


# ----------------------------------------------------------------------------------------------- words and phrases


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("kill", "I will KILL you", True),
        ("kill", "skill", False),
        ("kill", "killer", False),
        ("kill", "kill!", True),
        ("kill", "(kill)", True),
        ("kill", "#kill_them", True),
        ("kill", "re-kill", True),
        ("kill", "kill2", False),
        ("kill", "killé", False),
        ("kill", "kilĺ", False),
        ("straße", "STRASSE", True),
        ("flüchtlinge", "Flu\u0308chtlinge raus", True),
        ("flüchtlinge", "fluchtlinge", False),
        ("мат", "математика", False),
        ("мат", "мат.", True),
        ("हत्या", "हत्या करो", True),
        ("हत्", "हत्या", False),
        ("قتل", "قتل!", True),
        ("kill", "我kill你", True),
        ("杀", "我要杀了你", True),
        ("ฆ่า", "ฉันจะฆ่าคุณ", True),
        ("殺す", "お前を殺すぞ", True),
        ("T恤", "买T恤吧", True),
        ("T恤", "买MT恤吧", False),
        ("🍆", "u want 🍆💦", True),
        ("🍆", "🍇", False),
        ("$$$", "earn $$$ now", True),
        ("$$$", "earn $$ now", False),
        ("don't", "DON'T", True),
        ("don’t", "don't", True),
        ("1488", "1488!", True),
        ("1488", "14881", False),
        ("self-harm", "self harm", True),
    ],
)
def test_words_are_whole_words_in_every_script(word, text, expected):
    assert matches(text, words=(word,)) is expected


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("guaranteed return", "GUARANTEED   RETURN", True),
        ("guaranteed return", "guaranteed\n\treturn", True),
        ("guaranteed return", "guaranteed\u00a0return", True),
        ("guaranteed return", "guaranteed-return", True),
        ("guaranteed return", "guaranteed big return", False),
        ("guaranteed return", "guaranteed returns", False),
        ("guaranteed return", "guaranteed", False),
        ("a b a c", "a b a b a c", True),
        ("杀了你", "我要杀了你", True),
        ("杀了你", "杀 了 你", True),
    ],
)
def test_phrases_allow_space_and_marks_between_words(phrase, text, expected):
    assert matches(text, phrases=(phrase,)) is expected


@pytest.mark.parametrize(
    ("steps", "word", "text", "expected"),
    [
        ((), "kill", "KILL", False),
        (("casefold",), "KILL", "kill", True),
        (("nfkc",), "kill", "ｋｉｌｌ", True),
        (("nfkc",), "kill", "𝐤𝐢𝐥𝐥", True),
        ((), "kill", "ｋｉｌｌ", False),
        (("strip_zero_width",), "kill", "k\u200bi\u00adl\u2060l\ufe0f", True),
        (("strip_zero_width",), "kill", "\u202ekill\u202c", True),
        (("strip_zero_width",), "❤️", "❤", True),
        ((), "kill", "k\u200bill", False),
        (("strip_diacritics",), "kill", "kíll", True),
        (("strip_diacritics",), "smierc", "śmierć", True),
        (("strip_diacritics",), "lodz", "łódź", True),
        (("strip_diacritics",), "हत्या", "हत्या", True),
        (("leetspeak",), "kill", "k1ll", True),
        (("leetspeak",), "kill", "k!ll!", True),
        (("leetspeak",), "sex", "$3x", True),
        (("leetspeak",), "ass", "455", False),
        (("leetspeak",), "f4f", "f4f", True),
        (("leetspeak",), "sally", "@sally", True),
        (("collapse_repeats",), "kill", "killlll", True),
        (("collapse_repeats",), "fuck", "fuuuuck", True),
        (("collapse_repeats",), "as", "ass", False),
        (("collapse_repeats",), "1000", "100", False),
        (("join_spaced_letters",), "kill", "k i l l yourself", True),
        (("join_spaced_letters",), "kill", "k.i.l.l", True),
        (("join_spaced_letters",), "kill", "k-i-l-l  y-o-u", True),
        (("join_spaced_letters",), "ab", "a b", False),
        (("join_spaced_letters",), "1234", "1 2 3 4", False),
        (("leetspeak", "join_spaced_letters"), "kill", "k.1.l.l", True),
        (("casefold", "leetspeak", "collapse_repeats", "join_spaced_letters"), "kill", "K 1 L L", True),
    ],
)
def test_normalisation_meets_words_in_one_form(steps, word, text, expected):
    assert matches(text, words=(word,), normalise=steps) is expected


@pytest.mark.parametrize("step", STEPS)
@given(st.text(max_size=60))
def test_normalisation_never_raises(step, text):
    normalise(text, [step])


@given(st.text(max_size=60))
def test_a_text_matches_its_own_words(text):
    """Whatever the steps do, they do to rules and texts alike."""
    words = [word for word in text.split() if tokens(forms(word, DEFAULT)[0])]
    for word in words:
        assert matches(text, words=(word,)), (word, text)


def test_word_without_letters_is_refused():
    with pytest.raises(HarnessError, match="rule 'r1'"):
        rules(Rule("r1", "spam", words=("!!!",)))


# -------------------------------------------------------------------------------------------------------- patterns


def test_patterns_see_the_text_as_written_and_normalised():
    assert matches("WIN NOW", patterns=("[A-Z]{3} [A-Z]{3}",))
    assert matches("WIN now", patterns=("win now",))
    assert matches("ｗｉｎ", patterns=("^win$",))
    assert not matches("lose", patterns=("win",))


def test_pattern_set_falls_back_when_it_runs_out_of_memory(monkeypatch):
    """RE2 reports no match at all when a set runs out of memory on a text."""
    monkeypatch.setattr(matcher, "MEMORY", (40_000,))
    patterns = [(f"[ab]{{0,{n}}}c{n}", n) for n in range(1, 40)]
    found = PatternSet(patterns)
    assert found.find("abababc7") == {7}
    assert found.find("x" * 1_000) == set()


def test_pattern_set_says_which_pattern_does_not_compile():
    with pytest.raises(HarnessError, match="does not compile"):
        PatternSet([("(?=a)", 0)])


# ------------------------------------------------------------------------------------------------------- decisions


def test_first_rule_that_matches_decides_the_category():
    candidate = rules(
        Rule("fiction", "threats", decision="allow", phrases=("in the game",)),
        Rule("kill", "threats", words=("kill",)),
        Rule("scam", "scams", words=("crypto",)),
    )
    answer = local(candidate, item("kill him in the game with crypto"))
    assert answer.decisions == {"threats": 0, "scams": 1}
    assert answer.rationale == "rule fiction; rule scam"
    assert local(candidate, item("kill him")).decisions == {"threats": 1, "scams": 0}
    assert local(candidate, item("hello")).rationale is None


def test_unless_cancels_a_rule_anywhere_in_the_text():
    candidate = rules(Rule("kill", "threats", words=("kill",), unless=("kill time", "speedrun")))
    assert local(candidate, item("I kill you")).decisions == {"threats": 1}
    assert local(candidate, item("kill time")).decisions == {"threats": 0}
    assert local(candidate, item("speedrun: kill the boss")).decisions == {"threats": 0}


def test_unless_of_one_rule_does_not_cancel_another():
    candidate = rules(Rule("a", "threats", words=("kill",), unless=("boss",)), Rule("b", "threats", words=("boss",)))
    assert local(candidate, item("kill the boss")).rationale == "rule b"


def test_when_restricts_a_rule_to_slices():
    candidate = rules(Rule("r", "scams", words=("crypto",), when={"surface": ("comment", "bio"), "language": ("en",)}))
    both = {"surface": ("bio",), "language": ("de", "en")}
    assert local(candidate, item("crypto", slices=both)).decisions == {"scams": 1}
    assert local(candidate, item("crypto", slices={"surface": ("bio",)})).decisions == {"scams": 0}
    assert local(candidate, item("crypto", slices=both | {"surface": ("caption",)})).decisions == {"scams": 0}


def test_explain_lists_every_rule_that_applies():
    candidate = rules(
        Rule("a", "spam", words=("follow",)),
        Rule("b", "spam", decision="allow", phrases=("follow me",)),
        Rule("c", "spam", words=("buy",)),
    )
    assert candidate.explain(item("follow me")) == [("a", "spam", 1), ("b", "spam", 0)]
    assert candidate.explain(item(None)) == []


def test_rules_do_not_quote_the_item():
    answer = local(rules(Rule("r1", "spam", words=("secret",))), item("my secret text"))
    assert answer.rationale == "rule r1"


def test_item_without_text_is_an_abstention():
    answer = local(rules(Rule("r1", "spam", words=("x",))), item(None, images=("a.png",)))
    assert (answer.outcome, answer.decisions) == ("abstained", {"spam": None})


def test_rules_decide_the_categories_they_name_in_policy_order():
    found = RuleSet("r", 1, (Rule("a", "spam", words=("x",)), Rule("b", "hate", words=("y",))))
    assert RuleSetCandidate("rules", found, category_order=("hate", "scams", "spam")).categories == ("hate", "spam")


def test_rules_can_be_sent_to_another_process():
    candidate = pickle.loads(pickle.dumps(rules(Rule("r1", "spam", words=("x",), patterns=("y+",)))))
    assert local(candidate, item("yyy")).decisions == {"spam": 1}


# ----------------------------------------------------------------------------------------------------------- speed

HOSTILE = {
    "one letter": "a" * 1_000_000,
    "single letters": "a " * 500_000,
    "leetspeak": "1!a@" * 250_000,
    "combining marks": "a" + "\u0315\u0300" * 500_000,
    "han": "我要" * 500_000,
    "zero width": "\u200bk" * 500_000,
    "almost a phrase": "guaranteed big " * 66_000,
    "spaced": "k.i-l l  " * 110_000,
    "dots": "a." * 500_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_of_a_megabyte_does_not_stall(text):
    """Generous for a busy machine; a quadratic step takes minutes."""
    candidate = rules(
        *(Rule(f"r{n}", "spam", words=(f"word{n}",), phrases=(f"guaranteed big word{n}",),
               patterns=(rf"(a|b)*c{n}", rf"(?i)w\w{{0,40}}x{n}$")) for n in range(50)),
        normalise=ALL_STEPS,
    )  # fmt: skip
    began = time.perf_counter()
    local(candidate, item(text))
    assert time.perf_counter() - began < 10

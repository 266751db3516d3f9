"""Answers as models write them, each with the one reading it may have (``corpus/readings.yaml``)."""

import pytest
import yaml

from harness.candidates.names import NameIndex
from harness.candidates.parsers import PARSERS, ParseContext
from harness.records import PromptHeader
from tests.candidates.answer_corpus import CORPUS

FORMS = yaml.safe_load((CORPUS / "readings.yaml").read_text(encoding="utf-8"))


def reading(form: str, text: str) -> str:
    """Flagged categories, ``none``, or the outcome of what is no verdict."""
    asked = FORMS[form]
    labels = {name: tuple(of) for name, of in asked["labels"].items()} if "labels" in asked else None
    names = NameIndex(asked["categories"], asked.get("crosswalk"))
    context = ParseContext(PromptHeader("p", asked["answer"], labels=labels), names, names.categories[0])
    parsed = PARSERS[asked["answer"]].parse(text, context)
    if parsed.outcome != "ok":
        assert parsed.reason
        return str(parsed.outcome)
    return "+".join(name for name, decision in parsed.decisions.items() if decision) or "none"


@pytest.mark.parametrize(("form", "expected"), [(form, one) for form in FORMS for one in FORMS[form]["readings"]])
def test_an_answer_has_its_reading(form: str, expected: str) -> None:
    """Of the unparsed ones one in two was read by its first word or its list, whatever else it said."""
    readings = {text: reading(form, text) for text in FORMS[form]["readings"][expected]}
    assert {text: found for text, found in readings.items() if found != expected} == {}


def test_every_form_is_among_them() -> None:
    assert {asked["answer"] for asked in FORMS.values()} == set(PARSERS)

import importlib.util
import math

import numpy as np
import pytest
from candidate_fakes import CROSSWALKS, item, local

from harness.candidates.adapters import alt_profanity_check
from harness.candidates.classifier import ClassifierCandidate
from harness.candidates.names import NameIndex
from harness.errors import HarnessError
from harness.files.doors import import_object


def lengths(texts):
    return [min(len(text) / 10, 1.0) for text in texts]


def classifier(classify, categories=("hate",), *, crosswalk=None, **options):
    return ClassifierCandidate("c", "m:f", classify, NameIndex(categories, crosswalk), **options)


def test_classifier_floats_are_scores_of_the_one_category():
    candidate = classifier(lengths)
    assert local(candidate, item("12345")).decisions == {"hate": 1}
    assert local(candidate, item("1234", "i2")).decisions == {"hate": 0}
    assert local(candidate, item("1234", "i2")).scores == {"hate": 0.4}


def test_classifier_default_threshold_is_declared():
    assert classifier(lengths).fingerprint["thresholds"] == {"hate": 0.5}
    candidate = classifier(lengths, ("hate", "spam"), thresholds={"hate": 0.3})
    assert candidate.fingerprint["thresholds"] == {"hate": 0.3, "spam": 0.5}


def test_classifier_is_called_once_per_chunk():
    calls = []
    candidate = classifier(lambda texts: calls.append(texts) or np.full(len(texts), 0.9, dtype=np.float32))
    items = [item("a", "i1"), item("b", "i2"), item(None, "i3", images=("x.png",))]
    candidate.prepare(items)
    for _ in range(2):
        assert [local(candidate, one).outcome for one in items] == ["ok", "ok", "abstained"]
    assert calls == [["a", "b"]]


def test_classifier_mappings_go_through_the_crosswalk():
    candidate = classifier(
        lambda texts: [{"hate": 0.2, "hate/threatening": 0.6, "illicit": 0, "violence": 0.1} for _ in texts],
        ("hate", "scams", "threats", "spam"),
        crosswalk=CROSSWALKS["omni"],
    )
    assert local(candidate, item()).decisions == {"hate": 1, "scams": 0, "threats": 1}


def test_classes_that_a_crosswalk_does_not_name_mean_no_category_where_it_names_all_it_needs():
    """A model's class for harmless texts could not be left out: a crosswalk maps categories, and it is none."""
    scores = {"hate": 0.7, "hate/threatening": 0.1, "neutral": 0.2}
    crosswalk = {"hate": ("hate", "hate/threatening")}
    candidate = classifier(lambda texts: [scores for _ in texts], ("hate",), crosswalk=crosswalk)
    assert local(candidate, item()).scores == {"hate": 0.7}
    misspelt = {"hate": ("hate", "hate/threatning")}
    candidate = classifier(lambda texts: [scores for _ in texts], ("hate",), crosswalk=misspelt)
    with pytest.raises(HarnessError, match="the crosswalk's 'hate/threatning' has none"):
        local(candidate, item())


def test_classifier_floats_may_map_through_a_crosswalk():
    candidate = classifier(lengths, ("hate", "spam"), crosswalk=CROSSWALKS["one_score"])
    assert local(candidate, item("123456789")).decisions == {"hate": 1}


def test_classifier_that_fails_on_one_text_fails_for_that_item():
    def moody(texts):
        if "bad" in texts:
            raise ValueError(f"cannot read {texts[-1]!r}:\n no model loaded")
        return [0.9 for _ in texts]

    candidate = classifier(moody)
    items = [item("good", "i1"), item("bad", "i2")]
    candidate.prepare(items)
    answers = [local(candidate, one) for one in items]
    assert [answer.outcome for answer in answers] == ["ok", "error"]
    assert answers[1].error == "the classifier raised ValueError: cannot read '[text]': no model loaded"


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.1, 1.1, None])
def test_classifier_score_must_be_a_fraction(score):
    assert local(classifier(lambda texts: [score for _ in texts]), item()).outcome == "error"


def test_classifier_that_leaves_a_category_out_is_partial():
    answer = local(classifier(lambda texts: [{"hate": 0.9}], ("hate", "spam")), item())
    assert (answer.outcome, answer.decisions) == ("unparsed", {"hate": 1, "spam": None})


@pytest.mark.parametrize(
    ("classify", "categories", "message"),
    [
        (lambda texts: [], ("hate",), "returned 0 results for 1 texts"),
        (lambda texts: [{"toxic": 0.9}], ("hate", "spam"), "'toxic', which is not known"),
        (lambda texts: [0.9], ("hate", "spam"), "nothing says for which category"),
    ],
)
def test_classifier_of_the_wrong_shape_is_the_users_to_mend(classify, categories, message):
    with pytest.raises(HarnessError, match=message):
        local(classifier(classify, categories), item())


@pytest.mark.parametrize(
    ("path", "message"),
    [("no_such_package.x:f", "no module 'no_such_package'"), ("numpy:no_such", "numpy has no 'no_such'")],
)
def test_classifier_that_cannot_be_imported(path, message):
    with pytest.raises(HarnessError, match=message):
        import_object(path, what="classifier")


def test_adapter_says_how_to_install_its_package():
    if importlib.util.find_spec("profanity_check"):
        pytest.skip("alt-profanity-check is installed")
    with pytest.raises(HarnessError, match="baseline"):
        local(classifier(alt_profanity_check), item())


def test_adapter_scores_profanity():
    pytest.importorskip("profanity_check")
    low, high = alt_profanity_check(["have a nice day", "you stupid fucking idiot"])
    assert low < 0.5 < high

import pytest

from harness.core.metric_table import INTERVAL_METHODS, interval_name
from harness.core.signature import SIGNATURE_FIELDS, signature


def test_signature_has_the_documented_order_and_leaves_none_out():
    fields = {
        "v": "0.3.0",
        "ci": "wilson95",
        "unparsed": "wrong",
        "parser": 2,
        "temp": 0,
        "prompt": "b17c03d9",
        "model": "acme-mod-1",
        "policy": "2025-02",
        "set": "toxicity_v3@3f9a1c2e",
        "slice": None,
    }
    assert signature(fields) == (
        "set:toxicity_v3@3f9a1c2e|policy:2025-02|model:acme-mod-1|prompt:b17c03d9|temp:0|parser:2|unparsed:wrong"
        "|ci:wilson95|v:0.3.0"
    )


def test_version_is_last():
    assert SIGNATURE_FIELDS[-1] == "v"
    assert len(set(SIGNATURE_FIELDS)) == len(SIGNATURE_FIELDS)


def test_separator_in_a_value_is_escaped():
    assert signature({"model": "a|b%\n"}) == "model:a%7Cb%25%0A"


def test_unknown_field_is_refused():
    with pytest.raises(ValueError, match="colour"):
        signature({"colour": 1})


@pytest.mark.parametrize("metric", INTERVAL_METHODS)
def test_interval_name_carries_the_level(metric):
    assert interval_name(metric, 0.9) == f"{INTERVAL_METHODS[metric]}90"


def test_interval_name_refuses_an_unknown_metric():
    with pytest.raises(ValueError, match="mcc"):
        interval_name("mcc", 0.95)

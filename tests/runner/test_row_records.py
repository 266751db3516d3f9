import gc

import pytest

from harness.candidates.said import Said
from harness.candidates.shapes import Choice
from harness.records import Item
from harness.records.answers import Answer, Prediction, Request, Response, Usage
from harness.runner.answers import Stored
from harness.runner.replies import Reply

MADE = [
    Item("a", "text", {"hate": 1}, slices={"language": ("en",)}),
    Request("m", "/chat/completions", b"{}"),
    Usage(40, 0, 2),
    Stored(200, b"{}", 1.0),
    Response("k", 200, b"{}", 1.0, document={"choices": []}),
    Answer("ok", {"hate": 1}),
    Reply(Response("k", 200, b"{}", 1.0), Usage(40, 0, 2), None, 0.1),
    Choice("safe", "stop"),
    Said(),
    Prediction("v1", "a", 0, Answer("ok"), 1.0, Usage(), None, True, "k"),
]


@pytest.mark.parametrize("record", MADE, ids=lambda record: type(record).__name__)
def test_what_is_made_for_every_row_is_frozen_and_no_work_for_the_collector(record):
    assert not gc.is_tracked(record)
    name = record.__struct_fields__[0]
    with pytest.raises(AttributeError):
        setattr(record, name, None)

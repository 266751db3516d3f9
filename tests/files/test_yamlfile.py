from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.files.schema import describe, faults, field_names, type_at
from harness.files.text import TextFile, nearest, quoted
from harness.files.yaml import parse_yaml, read_yaml
from harness.records import CascadeStage, Eval, FromFile, Policy


def parse(tmp_path, text):
    return parse_yaml(TextFile(tmp_path / "x.yaml", text, ""), what="file")


def test_scalars_follow_the_core_schema(tmp_path):
    text = (
        "a: no\nb: 2026-10-01\nc: 1e3\nd: 010\ne: 0x1f\nf: ~\ng: 'null'\nh: true\n"
        "i: 12:30\nj: 1_000\nk: -.5\nl: ''\nm:\n"
    )
    assert parse(tmp_path, text).data == {
        "a": "no", "b": "2026-10-01", "c": 1000.0, "d": 10, "e": 31, "f": None, "g": "null", "h": True, "i": "12:30",
        "j": "1_000", "k": -0.5, "l": "", "m": None,
    }  # fmt: skip


def test_the_two_halves_of_a_character_in_json_are_named(tmp_path):
    """JSON pasted into YAML is YAML but for these, and the message spoke of indentation."""
    with pytest.raises(HarnessError, match="write the character itself"):
        parse(tmp_path, 'a: "\\ud83d\\ude00"\n')


def test_keys_are_strings(tmp_path):
    assert parse(tmp_path, "yes: 1\n2: x\nnull: y\n").data == {"yes": 1, "2": "x", "null": "y"}


def test_lines_are_those_of_an_editor(tmp_path):
    document = parse(
        tmp_path, "# c\n\na:\n  - x: 1\n    y: |\n      two\n      lines\u2028 \u0085\n  - z\nb: 1\r\nc: 2\n"
    )
    assert document.lines[("a",)] == 3
    assert document.lines[("a", 0, "y")] == 5
    assert document.lines[("a", 1)] == 8
    assert document.lines[("c",)] == 10
    assert document.line(("a", 0, "nothing", "below")) == 4


def test_byte_order_mark_is_dropped(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(tmp_path / "x.yaml", what="file").data == {"a": 1}


plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cc", "Cs"]), max_size=20)
trees = st.recursive(
    plain | words, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3)
)


@settings(max_examples=40)
@given(st.dictionaries(words, trees, min_size=1, max_size=4))
def test_reads_back_what_was_dumped(tree):
    text = yaml.dump(tree, allow_unicode=True, Dumper=QuotedDumper)
    assert parse_yaml(TextFile(Path("x"), text, ""), what="x").data == tree


class QuotedDumper(yaml.SafeDumper):
    """Quotes all text: YAML 1.1 and the core schema disagree on which plain text is text."""

    def ignore_aliases(self, data):
        return True


QuotedDumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def read_or_refuse(path, data):
    path.write_bytes(data)
    try:
        read_yaml(path, what="file")
    except HarnessError as error:
        return str(error)
    return "allowed"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    assert "allowed" in read_or_refuse(tmp_path_factory.getbasetemp() / "any.yaml", data)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    data = text.encode("utf-8", "surrogatepass")
    assert "allowed" in read_or_refuse(tmp_path_factory.getbasetemp() / "any.yaml", data)


def test_allowed_words_come_from_the_type():
    assert describe(type_at(Policy, ("version",))) == "a whole number, at least 1"
    assert describe(type_at(Policy, ("categories", 0, "severity"))) == "one of low, medium, high, critical"
    assert describe(type_at(Eval, ("split", "dev"))) == "a number, above 0, below 1"
    assert describe(type_at(Eval, ("slices",))) == "a list, each entry a string or null"
    assert field_names(type_at(tuple[CascadeStage, ...], (0,))) == (
        "use", "decide", "decide_above", "decide_below", "stop_when_flagged"
    )  # fmt: skip
    assert field_names(Eval) == Eval.__struct_fields__


ODD = (
    None,
    True,
    0,
    1,
    -1,
    2.5,
    1.0,
    "",
    "x",
    "2026-02-30",
    "2026-02-03T00:00:00",
    [],
    [1],
    ["a"],
    {},
    {"a": 1},
    {"a": ["b"]},
)


@pytest.mark.parametrize("record", FromFile.__subclasses__(), ids=lambda one: one.__name__)
def test_what_a_reader_of_types_refuses_is_named_and_what_it_takes_is_not(record):
    """Two hands hold a file against a record's types: the one that makes the record, and the one that says why not."""
    for name in record.__struct_fields__:
        for value in ODD:
            named = [one for one in faults(record, {name: value}) if one[0][:1] == (name,)]
            with suppress(msgspec.ValidationError):
                msgspec.convert({name: value}, type=msgspec.defstruct("Alone", [(name, type_at(record, (name,)))]))
                assert all(kind in ("bounds", "unknown") for _, kind, _ in named), (name, value, named)
                assert named == list(faults(type_at(record, (name,)), value, (name,), is_typed=True))
                continue
            assert named, (name, value)


def test_every_fault_of_a_tree_is_named():
    tree = {"eval": "", "golden_set": 3, "candidates": {}, "repeats": 0, "split": {"dev": 1, "seed": "a"}, "seeds": 1}
    assert [(loc, kind) for loc, kind, _ in faults(Eval, tree)] == [
        (("eval",), "bounds"),
        (("policy",), "missing"),
        (("golden_set",), "str"),
        (("candidates",), "bounds"),
        (("repeats",), "bounds"),
        (("split", "dev"), "bounds"),
        (("split", "seed"), "int"),
        (("seeds",), "unknown"),
    ]


@pytest.mark.parametrize(("name", "found"), [("hihg", "high"), ("HATE", "hate"), ("zzz", None), ("", None)])
def test_nearest(name, found):
    assert nearest(name, ["high", "low", "hate"]) == found


def test_shown_values_are_short_and_printable():
    assert quoted("a\nb\x1b[31m") == "'a\\x0ab\\x1b[31m'"
    assert len(quoted("x" * 1000)) < 70
    assert quoted({"a": 1}) == "a mapping with a"

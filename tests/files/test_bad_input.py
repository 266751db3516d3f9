"""Broken files: each gives one message with where, found, allowed and what to do, and never a traceback."""

import re

import pytest
from projects import CARD, EVAL, FILES, ITEMS, MODELS, POLICY, PROMPT, RULES, write_project

from harness.errors import HarnessError
from harness.files.evals import load_eval
from harness.files.golden.sets import load_golden
from harness.files.models import load_models
from harness.files.policy import load_policy
from harness.files.prompts import load_prompt
from harness.files.rules import load_rules

LOADERS = {
    "policy": ("policy.yaml", load_policy),
    "card": ("card.yaml", lambda path: load_golden(path, load_policy(path.parent / "policy.yaml").value)),
    "items": ("items.jsonl", lambda path: load_golden(path.with_name("card.yaml"), None)),
    "prompt": ("prompt.md", load_prompt),
    "rules": ("rules.yaml", load_rules),
    "models": ("models.yaml", load_models),
    "eval": ("eval.yaml", load_eval),
}
ROW = '{"id": "x", "text": "t", "labels": {"hate": 1}}\n'


def p(old, new):
    assert old in POLICY
    return POLICY.replace(old, new)


def c(old, new):
    assert old in CARD
    return CARD.replace(old, new)


def e(old, new):
    assert old in EVAL
    return EVAL.replace(old, new)


def m(old, new):
    assert old in MODELS
    return MODELS.replace(old, new)


def body(user):
    return PROMPT.replace("{{ item.text }}", user)


def head(line):
    return PROMPT.replace("answer: json", line)


def row(**fields):
    base = {"id": '"x"', "text": '"t"', "labels": '{"hate": 1}'} | fields
    return "{" + ", ".join(f'"{name}": {value}' for name, value in base.items() if value) + "}\n"


BOMB = "a: &a [x]\nb: &b [*a, *a, *a]\npolicy: x\n"
# file, content, line, found, allowed
CASES = {
    # bytes and YAML
    "empty file": ("policy", b"", None, "is empty", "a policy"),
    "only comments": ("policy", "# nothing\n", 1, "nothing but comments", "a mapping"),
    "invalid utf-8": ("policy", b"policy: x\nversion: \xff1\n", 2, "not UTF-8: 0xff at byte 19", "UTF-8"),
    "utf-16": ("policy", "policy: x".encode("utf-16"), 1, "looks like UTF-16", "UTF-8"),
    "utf-16 without a mark": ("policy", "policy: x".encode("utf-16-le"), 1, "looks like UTF-16", "UTF-8"),
    "rows as utf-16": ("items", ROW.encode("utf-16"), 1, "looks like UTF-16", "UTF-8"),
    "nul byte": ("policy", b"policy: x\n\n\0\n", 3, "NUL byte at byte 11", "without NUL"),
    "control character": ("policy", b"policy: x\nname: \x07\n", 2, "U+0007", "printable"),
    "too large": ("policy", b"# " + b"x" * 5_000_001, None, "bytes", "at most 5,000,000"),
    "anchor bomb": ("policy", BOMB, 1, "anchor or alias ('&a')", "without anchors"),
    "alias": ("policy", "policy: *x\n", 1, "anchor or alias ('*x')", "without anchors"),
    "deep nesting": ("policy", "policy: " + "[" * 100_000, 1, "nested more than 40", "at most 40"),
    "duplicate keys": (
        "policy",
        "policy: x\nversion: 1\npolicy: y\n",
        3,
        "given twice (first on line 1)",
        "each key once",
    ),
    "python tag": ("policy", "policy: !!python/object:os.system x\n", 1, "tag", "without tags"),
    "custom tag": ("policy", "policy: !env HOME\n", 1, "tag '!env'", "without tags"),
    "tabs": ("policy", "policy: x\ncategories:\n\thate: 1\n", 3, "tab", "spaces"),
    "unclosed quote": ("policy", 'policy: "x\nversion: 1\n', None, "not YAML", "valid YAML"),
    "second document": ("policy", "policy: x\n---\npolicy: y\n", 2, "second YAML document", "one document"),
    "list at top": ("policy", "- a\n", 1, "a list of 1", "a mapping"),
    "text at top": ("policy", "hello\n", 1, "'hello'", "a mapping"),
    "not a number": ("policy", p("value: 0.004", "value: .nan"), 8, "'.nan'", "finite"),
    "infinite": ("policy", p("recall: 0.9", "recall: -.inf"), 9, "'-.inf'", "finite"),
    "overflow": ("policy", p("recall: 0.9", "recall: 1e999"), 9, "1e999", "finite"),
    "huge integer": ("policy", p("version: 3", "version: 99999999999999999999"), 2, "9999", "64 bits"),
    "list as key": ("policy", "? [a, b]\n: 1\n", 1, "as a key", "a name"),
    "surrogate escape": ("policy", 'policy: "\\ud800"\n', 1, "", ""),
    # policy
    "version as text": ("policy", p("version: 3", "version: 'three'"), 2, "is 'three'", "a whole number, at least 1"),
    "version zero": ("policy", p("version: 3", "version: 0"), 2, "is 0", "at least 1"),
    "version as truth": ("policy", p("version: 3", "version: true"), 2, "is true", "whole number"),
    "missing name": ("policy", p("    name: Hate\n", ""), 4, "is missing", "a string"),
    "unknown field": ("policy", p("severity:", "severty:"), 7, "is not a known field", "severity"),
    "unknown severity": ("policy", p("severity: high", "severity: hihg"), 7, "'hihg'", "low, medium, high, critical"),
    "categories as a list": ("policy", "policy: x\nversion: 1\ncategories: [hate]\n", 3, "a list of 1", "a mapping"),
    "no categories": ("policy", "policy: x\nversion: 1\ncategories: {}\n", 3, "empty mapping", "a mapping"),
    "category id": ("policy", p("  spam:", "  Spam!:"), 11, "'Spam!'", "letters, digits"),
    "ids that differ in case": ("policy", p("  spam:", "  Hate:"), 11, "category 'hate' on line 4", "more than case"),
    "parent missing": ("policy", p("parent: hate", "parent: hat"), 10, "not a category", "hate, "),
    "circle of parents": (
        "policy",
        p("    name: Hate\n", "    name: Hate\n    parent: hate/threatening\n"),
        None,
        "circle",
        "",
    ),
    "ordinal without levels": ("policy", p("levels: [none, low, high], ", ""), 11, "nothing", "two different levels"),
    "cut not a level": ("policy", p("cut: low", "cut: hihg"), 11, "'hihg'", "none, low, high"),
    "levels of a binary": ("policy", p("kind: ordinal, ", ""), 11, "binary", "kind: ordinal"),
    "crosswalk": ("policy", p("{hate: [S10]}", "{hat: [S10]}"), 13, "'hat'", "hate"),
    "crosswalk to nothing": ("policy", p("[S10]", "[]"), 13, "no name", "a list of names"),
    "prevalence order": ("policy", p("low: 0.003", "low: 0.005"), 8, "low 0.005, value 0.004", "low <= value"),
    "prevalence above one": ("policy", p("value: 0.004", "value: 4"), 8, "is 4", "below 1"),
    "date": ("policy", p("2026-10-01", "yesterday"), 8, "'yesterday'", "YYYY-MM-DD"),
    # card
    "policy version": ("card", c("version: 3", "version: 4"), 3, "version 4", "version 3"),
    "items not there": ("card", c("items.jsonl", "itms.jsonl"), 4, "is not there", "relative to the card"),
    "items a folder": ("card", c("items.jsonl", "../x.jsonl"), 4, "", "relative to the card"),
    "items suffix": ("card", c("items.jsonl", "items.xlsx"), 4, "items.xlsx", ".jsonl"),
    "hub without revision": ("card", c("items.jsonl", "hub:org/name"), 1, "is missing", "40 hexadecimal"),
    "revision of a file": ("card", CARD + "revision: main\n", 7, "given for the file", "hub:"),
    "unknown category": ("card", c("spam]", "spma]"), 5, "'spma'", "spam"),
    "label twice": ("card", c("spam]", "hate]"), 5, "a second time", "once"),
    "rename to nowhere": ("card", CARD + "rename: {spam: spma}\n", 7, "'spma'", "spam"),
    "rename of nothing": ("card", CARD + "rename: {x: y}\n", 7, "not among the labels", "hate"),
    "slice path": ("card", c("meta.lang", "meta..lang"), 6, "meta..lang", "dotted path"),
    "label in row not in card": ("card", c(", spam]", "]"), 1, "is not a declared label (in 2 rows", "hate"),
    "ignore what is read": ("card", CARD + "ignore: [text]\n", 7, "'text', which the card reads", "does not read"),
    "list of numbers": (
        "items",
        row(labels="[1.5]"),
        1,
        "'labels' is a list with 1.5",
        "a mapping",
    ),
    # rows
    "no rows": ("items", b"", None, "has no items", "one row"),
    "not json": ("items", ROW + "hello\n", 2, "not JSON: 'hello'", "one JSON object"),
    "cut off": ("items", ROW + '{"id": "y", "te\n', 2, "not JSON", "one JSON object"),
    "single quotes": ("items", ROW + "{'id': 'y'}\n", 2, "not JSON", "one JSON object"),
    "row is a list": ("items", ROW + "[1]\n", 2, "a list of 1", "one JSON object"),
    "row is null": ("items", ROW + "null\n", 2, "null", "one JSON object"),
    "duplicate id": ("items", ROW + "\n".join([row(id='"y"').strip(), ROW]), 3, "line 1 has already", "each id once"),
    "key twice": (
        "items",
        '{"id": "x", "text": "t", "labels": {"hate": 1, "hate": 0}}\n',
        1,
        "given twice",
        "each key once",
    ),
    "missing id": ("items", row(id=None), 1, "'id' is missing", "unique"),
    "decimal number as id": ("items", row(id="7.5"), 1, "'id' is 7.5", "printable string"),
    "invisible id": ("items", row(id='"a\\u200bb"'), 1, "invisible", "printable"),
    "missing text": ("items", row(text=None), 1, "'text' is missing", "null for a withheld"),
    "text is a number": ("items", row(text="5"), 1, "'text' is 5", "a string"),
    "nul in text": ("items", row(text='"a\\u0000b"'), 1, "NUL", "without NUL"),
    "missing labels": ("items", row(labels=None), 1, "'labels' is missing", "1, 0 or null"),
    "labels as list": ("items", row(labels='["hate"]'), 1, "is a list, and what it leaves out is unknown", "a mapping"),
    "label as text": ("items", row(labels='{"hate": "1"}'), 1, "'labels.hate' is '1'", "1, 0 or null"),
    "label two": ("items", row(labels='{"hate": 2}'), 1, "'labels.hate' is 2", "1, 0 or null"),
    "label half": ("items", row(labels='{"hate": 0.5}'), 1, "'labels.hate' is 0.5", "1, 0 or null"),
    "label NaN": ("items", row(labels='{"hate": NaN}'), 1, "NaN", "JSON"),
    "unknown label": ("items", row(labels='{"hte": 1}'), 1, "'labels.hte' is not a declared label", "hate"),
    "surrogate in text": ("items", row(text='"\\ud83d"'), 1, "surrogate", "JSON"),
    "invalid utf-8 in text": (
        "items",
        ROW.encode() + row(id='"y"').encode().replace(b'"t"', b'"\xe9"'),
        2,
        "0xe9",
        "UTF-8",
    ),
    "raw nul": ("items", ROW.encode().replace(b'"t"', b'"\0"'), 1, "NUL byte", "UTF-8"),
    "line of 50 MB": (
        "items",
        b'{"id": "' + b"x" * 50_000_000 + b'"}\n' + ROW.encode(),
        1,
        "longer than 16,000,000",
        "at most",
    ),
    "blank line": ("items", ROW + "\n" + row(id='"y"'), 2, "is blank", "one JSON object"),
    "weight zero": ("items", row(weight="0"), 1, "'weight' is 0", "above 0"),
    "weight as text": ("items", row(weight='"2"'), 1, "'weight' is '2'", "a finite number"),
    "weight too large": ("items", row(weight="1e999"), 1, "", "number|JSON"),
    "group as list": ("items", row(group="[1]"), 1, "'group' is a list", "a string or a whole number"),
    "unknown row field": ("items", row(lables="{}"), 1, "is no part of an item: lables", "labels"),
    "meta as text": ("items", row(meta='"x"'), 1, "'meta' is 'x'", "a mapping"),
    "slice is a mapping": ("items", row(meta='{"lang": {"a": 1}}'), 1, "'meta.lang' is a mapping", "slice 'language'"),
    "votes as text": ("items", row(votes='"x"'), 1, "'votes' is 'x'", "annotator"),
    "vote without name": ("items", row(votes='[{"labels": {}}]'), 1, "'votes.0'", "annotator"),
    "vote of two": ("items", row(votes='[{"annotator": "a", "labels": {"hate": 3}}]'), 1, "is 3", "1, 0 or null"),
    "votes twice": (
        "items",
        row(votes='[{"annotator": 1, "labels": {}}, {"annotator": "1", "labels": {}}]'),
        1,
        "second vote",
        "one",
    ),
    "image outside": ("items", row(images='["../../etc/passwd"]'), 1, "leaves the folder", "inside"),
    "image absolute": ("items", row(images='["/etc/passwd"]'), 1, "leaves the folder", "inside"),
    "images as text": ("items", row(images='"a.png"'), 1, "'images' is 'a.png'", "a list"),
    # prompt
    "no front matter": ("prompt", "# user\nhello\n", 1, "begins with", "front matter"),
    "open front matter": ("prompt", "---\nprompt: x\n", 1, "not closed", "'---'"),
    "no answer": ("prompt", head("per: item"), 2, "'answer' is missing", "a string"),
    "unknown prompt field": ("prompt", head("answer: json\nanswers: json"), 4, "not a known field", "answer"),
    "strange answer": ("prompt", head("answer: JSON!"), 3, "'JSON!'", "json, yes_no"),
    "label without labels": ("prompt", head("answer: label"), 2, "is missing", "mapping"),
    "labels without label": ("prompt", head("answer: json\nlabels: {a: []}"), 4, "answer: json", "answer: label"),
    "yes_no of two": ("prompt", head("answer: yes_no\ncategories: [a, b]"), 3, "2 categories", "per: category"),
    "labels doubled": ("prompt", head("answer: label\nlabels: {Safe: [], safe: [a]}"), 4, "only in case", "different"),
    "example without text": (
        "prompt",
        head("answer: json\nexamples: [{categories: [hate]}]"),
        4,
        "is missing",
        "a string",
    ),
    "no heading": ("prompt", "---\nprompt: x\nanswer: json\n---\nhello\n", 5, "before the first heading", "# user"),
    "near heading": ("prompt", PROMPT.replace("# user", "## User:"), 12, "'## User:'", "exactly"),
    "no user": ("prompt", PROMPT.replace("# user", "# assistant"), 5, "no '# user'", "# user"),
    "empty section": ("prompt", body(""), 12, "empty '# user'", "text below"),
    "open code fence": ("prompt", body("{{ item.text }}\n```\nx"), 14, "not closed", "fence"),
    "never shows the item": ("prompt", body("hello {{ item.id }}"), 7, "never shows the item", "item.text"),
    "unknown variable": ("prompt", body("{{ itm.text }}"), 13, "variable 'itm'", "item"),
    "category per item": ("prompt", body("{{ item.text }} {{ category.id }}"), 13, "per category", "item"),
    "unknown item field": ("prompt", body("{{ item.txt }}"), 13, "item.txt", "item.text"),
    "gold labels": (
        "prompt",
        body("{{ item.text }} {{ item.labels }}"),
        13,
        "item.labels, which is the gold",
        "item.text",
    ),
    "gold votes": (
        "prompt",
        body("{{ item.text }} {{ item['votes'] }}"),
        13,
        "item.votes, which is the gold",
        "item.text",
    ),
    "gold in meta": ("prompt", body("{{ item.text }} {{ item.meta.votes }}"), 13, "gold", "item.text"),
    "whole item": ("prompt", body("{{ item }}"), 13, "'item' as a whole", "item.text"),
    "item handed on": ("prompt", body("{% set x = item %}{{ x.labels }}"), 13, "'item' as a whole", "item.text"),
    "computed name": ("prompt", body("{{ item['lab' ~ 'els'] }}"), 13, "computed name", "written out"),
    "dunder": ("prompt", body("{{ item.text.__class__ }}"), 13, "'__class__'", "do not begin with '_'"),
    "dunder by subscript": ("prompt", body("{{ ''['__class__'] }}{{ item.text }}"), 13, "'__class__'", "begin"),
    "dunder by map": ("prompt", body("{{ [item.text]|map(attribute='__class__')|list }}"), 13, "private", "plain name"),
    "dunder by attr": ("prompt", body("{{ item.text|attr('__class__') }}"), 13, "filter 'attr'", "lower"),
    "map with a filter": ("prompt", body("{{ [item.text]|map('attr', 'x')|list }}"), 13, "map", "attribute="),
    "macro": ("prompt", body("{% macro f() %}x{% endmacro %}{{ item.text }}"), 13, "a macro", "text"),
    "include": ("prompt", body("{% include '/etc/passwd' %}{{ item.text }}"), 13, "an include", "text"),
    "import": ("prompt", body("{% import 'x' as x %}{{ item.text }}"), 13, "an import", "text"),
    "extends": ("prompt", body("{% extends 'x' %}{{ item.text }}"), 13, "extends", "text"),
    "range": ("prompt", body("{% for i in range(9) %}{{ item.text }}{% endfor %}"), 13, "calls 'range'", "methods"),
    "lipsum": ("prompt", body("{{ lipsum() }}{{ item.text }}"), 13, "'lipsum'", "item"),
    "cycler": ("prompt", body("{{ cycler(1) }}{{ item.text }}"), 13, "'cycler'", "item"),
    "namespace": ("prompt", body("{% set n = namespace(x=1) %}{{ item.text }}"), 13, "'namespace'", "item"),
    "multiplication": ("prompt", body("{{ item.text * 1000000000 }}"), 13, "multiplication", "values"),
    "power": ("prompt", body("{{ 9 ** 9 ** 9 }}{{ item.text }}"), 13, "power", "values"),
    "percent": ("prompt", body("{{ '%1000000000d' % 1 }}{{ item.text }}"), 13, "%", "values"),
    "center": ("prompt", body("{{ item.text|center(1000000000) }}"), 13, "filter 'center'", "lower"),
    "three loops": (
        "prompt",
        body(
            "{% for a in categories %}{% for b in categories %}{% for c in categories %}{{ item.text }}"
            + "{% endfor %}" * 3
        ),
        13,
        "nests 3 loops",
        "at most 2",
    ),
    "recursive loop": (
        "prompt",
        body("{% for a in categories recursive %}{{ item.text }}{% endfor %}"),
        13,
        "recursive",
        "plain",
    ),
    "doubling": (
        "prompt",
        body("{% set a = item.text %}{% set b = a ~ a %}{{ b }}"),
        13,
        "another variable",
        "set NAME",
    ),
    "open brace": ("prompt", body("{{ item.text"), 13, "cannot be read", "Jinja"),
    "deep parentheses": ("prompt", body("{{ " + "(" * 50_000), 13, "too deep", "Jinja"),
    "deep attributes": ("prompt", body("{{ item.text" + ".a" * 5_000 + " }}"), 13, "nests more than 50", "at most 50"),
    "filter chain": ("prompt", body("{{ item.text" + "|tojson" * 9 + " }}"), 13, "chains 9", "at most 8"),
    # rules
    "rule id twice": ("rules", RULES.replace("r2", "r1"), 5, "on line 4 has already", "each id once"),
    "rule of nothing": (
        "rules",
        RULES.replace(", words: [casino]", ""),
        4,
        "matches nothing",
        "words, phrases, patterns",
    ),
    "empty word": ("rules", RULES.replace("[casino]", "['']"), 4, "empty string", "not blank"),
    "look-around": ("rules", RULES.replace("(?i)go", "(?=x)go"), 5, "(?=", "RE2"),
    "open group": ("rules", RULES.replace("(?i)go", "(go"), 5, "missing )", "RE2"),
    "no rules": ("rules", "rule_set: x\nversion: 1\nrules: []\n", 3, "an empty list", "not empty"),
    "normalise": ("rules", RULES + "normalise: [nfcc]\n", 6, "'nfcc'", "nfkc"),
    # models
    "user in url": ("models", m("https://", "https://me:pw@"), 5, "not shown", "without user"),
    "not a url": ("models", m("https://api.example.com/v1", "api.example.com"), 5, "'api.example.com'", "http"),
    "key for a name": (
        "models",
        m("OPENAI_API_KEY", "sk-abcdefghijklmnop"),
        6,
        "looks like a key",
        "environment variable",
    ),
    "lower-case name": ("models", m("OPENAI_API_KEY", "my-key"), 6, "not a variable name", "environment variable"),
    "key as a list": ("models", m("OPENAI_API_KEY", "[sk-secretsecret]"), 6, "not shown", "a string"),
    "api_key field": (
        "models",
        m("api_key_env: OPENAI_API_KEY", "api_key: sk-secretsecret"),
        6,
        "not a known",
        "api_key_env",
    ),
    "params stream": ("models", m("seed: 7", "stream: true"), 8, "set by the harness", "but model, messages"),
    "params key": ("models", m("seed: 7", "api_key: sk-secretsecret"), 8, "not shown", "api_key_env"),
    "azure without version": (
        "models",
        m("provider: openai", "provider: azure"),
        3,
        "'models.mini.api_version' is missing",
        "API",
    ),
    "unknown provider": ("models", m("provider: openai", "provider: opneai"), 4, "'opneai'", "openai, azure"),
    "price below zero": (
        "models",
        MODELS + "    price: {input_per_mtok: -1, output_per_mtok: 1}\n",
        9,
        "is -1",
        "at least 0",
    ),
    # eval
    "policy not there": ("eval", e("policy.yaml", "polcy.yaml"), 2, "is not there", "a policy"),
    "golden set not there": ("eval", e("card.yaml", "no.yaml"), 3, "is not there", "golden set"),
    "prompt not there": ("eval", e("prompt.md", "prompts.md"), 5, "is not there", "a prompt"),
    "prompt is a folder": ("eval", e("prompt.md", "."), 5, "is a folder", "a prompt"),
    "rules not there": ("eval", e("rules.yaml", "rule.yaml"), 7, "is not there", "rule set"),
    "recorded not there": ("eval", e("decisions.jsonl", "d.jsonl"), 10, "is not there", "recorded"),
    "models not there": ("eval", EVAL + "models: m.yaml\n", 16, "is not there", "models file"),
    "no kind": ("eval", e("{rules: rules.yaml}", "{description: x}"), 7, "has no kind", "exactly one"),
    "two kinds": (
        "eval",
        e("{rules: rules.yaml}", "{rules: rules.yaml, recorded: x}"),
        7,
        "has 2 kinds",
        "exactly one",
    ),
    "prompt without model": ("eval", e(", model: embedded", ""), 5, "'candidates.v1.model' is missing", "models file"),
    "unknown model": ("eval", e("model: embedded", "model: embeded"), 5, "'embeded'", "embedded"),
    "unknown moderation": ("eval", e("moderation: mini", "moderation: mni"), 6, "'mni'", "mini"),
    "unknown crosswalk": ("eval", e("llama_guard_3", "llama_guard"), 6, "'llama_guard'", "llama_guard_3"),
    "threshold of nothing": ("eval", e("{hate: 0.4}", "{hat: 0.4}"), 6, "'hat'", "hate"),
    "threshold above one": ("eval", e("{hate: 0.4}", "{hate: 40}"), 6, "is 40", "from 0 to 1"),
    "unknown stage": ("eval", e("{use: v1}", "{use: v2}"), 8, "'v2'", "v1"),
    "cascade of itself": ("eval", e("{use: v1}", "{use: cascade}"), 8, "'cascade'", "v1"),
    "decide": ("eval", e("decide: [spam]", "decide: [spma]"), 8, "'spma'", "spam"),
    "classifier": (
        "eval",
        e("package.module:callable", "package.module"),
        9,
        "'package.module'",
        "package.module:callable",
    ),
    "baseline": ("eval", EVAL + "baseline: v9\n", 16, "'v9'", "v1"),
    "slice": ("eval", e("slices: [language]", "slices: [langage]"), 11, "'langage'", "language"),
    "check of nothing": ("eval", e("category: hate", "category: hte"), 15, "'hte'", "hate"),
    "check without bound": ("eval", e(", margin: 0.05", ""), 14, "neither margin nor floor", "margin"),
    "check with both": ("eval", e("floor: 0.85", "floor: 0.85, margin: 0.1"), 15, "both", "margin"),
    "unknown metric": ("eval", e("metric: recall, floor", "metric: f9, floor"), 15, "'f9'", "recall, precision"),
    "candidate name": ("eval", e("  clf:", "  ../clf:"), 9, "'../clf'", "letters"),
    "repeats": ("eval", EVAL + "repeats: 0\n", 16, "is 0", "at least 1"),
}


@pytest.mark.parametrize(("kind", "content", "line", "found", "allowed"), CASES.values(), ids=CASES)
def test_broken_file_gives_one_clear_message(tmp_path, kind, content, line, found, allowed):
    folder = write_project(tmp_path, **{kind: content})
    name, load = LOADERS[kind]
    with pytest.raises(HarnessError) as caught:
        load(folder / name)
    message = str(caught.value)
    assert found in message
    assert re.search(rf"\n  allowed: [^\n]*({'|'.join(map(re.escape, allowed.split('|')))})", message)
    at = r"[\w.]+" if line == 1 and kind == "card" else re.escape(name)
    where = rf"^{re.escape(str(folder))}/{at}" + (f":{line}:" if line is not None else r"(:\d+)?:")
    assert re.search(where, message, re.MULTILINE), message
    first = message.split("\n")
    assert len(first) >= 3, "no next step"
    assert all(len(text) < 900 for text in first)
    for word in ("Traceback", "pydantic", "errors.pydantic.dev", "secretsecret", "pw@", "sk-abcdef"):
        assert word not in message


def test_project_of_the_broken_files_is_valid(tmp_path):
    loaded = load_eval(write_project(tmp_path) / "eval.yaml")
    assert loaded.eval.value.baseline == "v1"
    assert list(FILES) == sorted(FILES, key=list(FILES).index)
    assert len(loaded.golden) == ITEMS.count("\n")


@pytest.mark.parametrize(
    ("load", "what"),
    [
        (load_policy, "policy"),
        (load_prompt, "prompt"),
        (load_rules, "rule set"),
        (load_models, "models file"),
        (load_eval, "eval"),
    ],
)
def test_missing_file_and_folder_are_told_apart(tmp_path, load, what):
    with pytest.raises(HarnessError, match=f"is not there\n  allowed: the path of an? {what}"):
        load(tmp_path / "no.yaml")
    with pytest.raises(HarnessError, match="is a folder"):
        load(tmp_path)


def test_strange_path_is_refused_without_traceback():
    with pytest.raises(HarnessError):
        load_policy("a\0b.yaml")
    with pytest.raises(HarnessError):
        load_policy("x" * 5000)


def test_several_faults_come_together_in_order(tmp_path):
    rows = "".join(row(id=f'"{n}"', weight=str(-n)) for n in range(50))
    folder = write_project(tmp_path, items=rows)
    with pytest.raises(HarnessError) as caught:
        load_golden(folder / "card.yaml", None)
    message = str(caught.value)
    assert message.count("weight' is") == 20
    assert "... and 30 more faults" in message
    assert message.index("items.jsonl:1:") < message.index("items.jsonl:20:")


def test_child_without_its_parent_is_a_fault(tmp_path):
    rows = row(id='"a"', labels='{"hate/threatening": 1, "hate": 0}')
    folder = write_project(tmp_path, items=rows)
    with pytest.raises(HarnessError, match=r"items.jsonl:1: .* has 'hate/threatening' 1 and its parent 'hate' 0"):
        load_golden(folder / "card.yaml", load_policy(folder / "policy.yaml").value)


def test_unknown_label_is_reported_once_with_its_count(tmp_path):
    rows = "".join(row(id=f'"{n}"', labels='{"hte": 1}') for n in range(500))
    folder = write_project(tmp_path, items=rows)
    with pytest.raises(HarnessError) as caught:
        load_golden(folder / "card.yaml", None)
    assert str(caught.value) == (
        f"{folder}/items.jsonl:1: field 'labels.hte' is not a declared label (in 500 rows: lines 1, 2, 3, ...)\n"
        "  allowed: hate, hate/threatening, spam\n  did you mean 'hate'? If not, "
        f"correct the rows, declare the label in {folder}/card.yaml, or map it: rename: {{hte: CATEGORY}}"
    )


def test_one_fault_of_many_rows_is_one_message(tmp_path):
    """Twelve rows with a field of their own printed twelve messages."""
    rows = "".join(row(id=f'"{n}"', lang='"en"', weight="0" if n < 2 else None) for n in range(12))
    folder = write_project(tmp_path, items=rows)
    with pytest.raises(HarnessError) as caught:
        load_golden(folder / "card.yaml", None)
    assert str(caught.value).split("\n") == [
        f"{folder}/items.jsonl:1: has a field that is no part of an item: lang (in 12 rows: lines 1, 2, 3, ...)",
        "  allowed: labels.LABEL, meta.NAME, context, group, id, images, must_catch, text, votes, weight",
        f"  write in {folder}/card.yaml:",
        "    slices: {language: meta.lang, lang: lang}",
        f"  or save {folder}/items.jsonl as CSV (UTF-8), JSONL or Parquet, one row an item",
        f"{folder}/items.jsonl:1: field 'weight' is 0 (in 2 rows: lines 1, 2)",
        "  allowed: a finite number above 0",
        "  correct the weight",
    ]

"""Known formats: each recognised by its columns, read as its makers describe it. The bodies are made up."""

import csv
import io
import json
import zipfile

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.files.golden.sets import load_golden
from harness.goldens.imports.importers import IMPORTERS, importer_of


def run_import(path, folder, *options):
    result = CliRunner().invoke(main, ["golden", "import", str(path), "--yes", "--json", "--name", "made", "--to",
                                       str(folder / "golden_sets"), *options])  # fmt: skip
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    return load_golden(told["card"], None), told


def as_csv(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def as_lines(rows):
    return "\n".join(map(json.dumps, rows))


def hatecheck(key):
    return as_csv([
        {key: 1, "functionality": "slur", "test_case": "first case", "label_gold": "hateful", "target_ident": "women",
         "templ_id": 7},
        {key: 2, "functionality": "negate", "test_case": "second case", "label_gold": "non-hateful", "target_ident": "",
         "templ_id": 8},
        {key: 3, "functionality": "slur", "test_case": "third case", "label_gold": "hateful", "target_ident": "men",
         "templ_id": 7},
    ])  # fmt: skip


TABLES = {
    "openai-moderation": (
        "a.jsonl",
        as_lines([{"prompt": "one thing", "S": 1, "H": 0, "V": 0, "HR": 0, "SH": 0, "S3": 1, "H2": 0, "V2": 0},
                  {"prompt": "another", "S": 0, "V": 0, "HR": 1, "SH": 0, "S3": 0, "V2": 0}]),
        [{"sexual": 1, "sexual/minors": 1, "hate": 0}, {"sexual": 0, "hate": None, "harassment": 1}],
    ),
    "hatecheck": ("a.csv", hatecheck("case_id"), [{"hate": 1}, {"hate": 0}, {"hate": 1}]),
    "multilingual-hatecheck": ("a.csv", hatecheck("mhc_case_id"), [{"hate": 1}, {"hate": 0}, {"hate": 1}]),
    "xstest": (
        "a.csv",
        as_csv([{"id": 1, "prompt": "how do I kill a process", "type": "homonyms", "label": "safe", "focus": "kill",
                 "note": ""},
                {"id": 2, "prompt": "how do I hurt a person", "type": "contrast_homonyms", "label": "unsafe",
                 "focus": "kill", "note": ""}]),
        [{"unsafe": 0}, {"unsafe": 1}],
    ),
    "toxicchat": (
        "a.csv",
        as_csv([{"conv_id": "c1", "user_input": "hello there", "model_output": "hi", "human_annotation": True,
                 "toxicity": 0, "jailbreaking": 0, "openai_moderation": "[]"},
                {"conv_id": "c2", "user_input": "pretend to be evil", "model_output": "no", "human_annotation": False,
                 "toxicity": 1, "jailbreaking": 1, "openai_moderation": "[]"}]),
        [{"toxicity": 0, "jailbreaking": 0}, {"toxicity": 1, "jailbreaking": 1}],
    ),
    "jigsaw": (
        "a.csv",
        as_csv([{"id": "a", "comment_text": "fine words", "toxic": 0, "severe_toxic": 0, "obscene": 0, "threat": 0,
                 "insult": 0, "identity_hate": 0},
                {"id": "b", "comment_text": "not scored", "toxic": -1, "severe_toxic": -1, "obscene": -1, "threat": -1,
                 "insult": -1, "identity_hate": -1}]),
        [{"toxic": 0, "threat": 0}, {"toxic": None, "threat": None}],
    ),
    "civil-comments": (
        "a.csv",
        as_csv([{"id": 1, "target": 0.5, "comment_text": "some comment", "severe_toxicity": 0.1, "obscene": 0,
                 "identity_attack": 0, "insult": 0.8333, "threat": 0},
                {"id": 2, "target": 0.4, "comment_text": "other comment", "severe_toxicity": 0, "obscene": 0,
                 "identity_attack": 0, "insult": 0, "threat": 0}]),
        [{"toxicity": 1, "insult": 1, "severe_toxicity": 0}, {"toxicity": 0, "insult": 0}],
    ),
    "davidson": (
        "a.csv",
        as_csv([{"": at, "count": 3, "hate_speech": 0, "offensive_language": 3, "neither": 0, "class": code,
                 "tweet": f"tweet &amp; number {at}"} for at, code in enumerate((0, 1, 2))]),
        [{"hate_speech": 1, "offensive_language": 0}, {"hate_speech": 0, "offensive_language": 1},
         {"hate_speech": 0, "offensive_language": 0}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_known_table_is_recognised_and_read(tmp_path, name):
    file, data, expected = TABLES[name]
    (tmp_path / file).write_text(data)
    golden, _ = run_import(tmp_path / file, tmp_path)
    found = [dict(item.labels) for item in golden.items()]
    assert [{key: row[key] for key in wanted} for row, wanted in zip(found, expected, strict=True)] == expected
    assert golden.card.provenance["format"] == name
    assert golden.card.licence


def test_entities_of_tweets_are_turned_into_characters(tmp_path):
    file, data, _ = TABLES["davidson"]
    (tmp_path / file).write_text(data)
    golden, _ = run_import(tmp_path / file, tmp_path)
    assert golden.item(0).text == "tweet & number 0"


def test_templates_are_groups_and_functionalities_slices(tmp_path):
    (tmp_path / "a.csv").write_text(TABLES["hatecheck"][1])
    golden, _ = run_import(tmp_path / "a.csv", tmp_path)
    assert [item.group for item in golden.items()] == ["7", "8", "7"]
    assert golden.item(0).slices == {"functionality": ("slur",), "target": ("women",)}


def choice(name, *chosen):
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(chosen)}}


def test_label_studio_keeps_every_annotation_prediction_and_skip(tmp_path):
    tasks = [
        {"id": 11, "data": {"text": "first text", "language": "de"}, "annotations": [
            {"id": 1, "completed_by": 4, "result": [choice("kinds", "hate", "violence")]},
            {"id": 2, "completed_by": {"id": 5, "email": "b@example.org"}, "result": [choice("kinds", "hate")]}],
         "predictions": [{"model_version": "v1", "score": 0.8, "result": [choice("kinds", "hate")]}]},
        {"id": 12, "data": {"text": "second text", "language": "en"}, "annotations": [
            {"id": 3, "completed_by": 4, "result": [choice("kinds", "none")]},
            {"id": 4, "completed_by": 6, "was_cancelled": True, "result": []}], "predictions": []},
        {"id": 13, "data": {"text": "third text", "language": "en"}, "annotations": [], "predictions": []},
    ]  # fmt: skip
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    golden, told = run_import(tmp_path / "export.json", tmp_path)
    labels = [dict(item.labels) for item in golden.items()]
    assert labels == [{"hate": 1, "violence": None}, {"hate": 0, "violence": 0}, {"hate": None, "violence": None}]
    assert [vote["annotator"] for vote in golden.item(0).votes] == ["4", "b@example.org"]
    assert golden.item(0).slices == {"language": ("de",)}
    assert (told["left_out"], told["not_counted"]) == ({}, {"a skipped or cancelled annotation": 1})
    (path,) = told["decisions"].values()
    row = json.loads(_text(path).splitlines()[0])
    assert row == {"id": "11", "decisions": {"hate": 1, "violence": 0}, "scores": {"hate": 0.8}}


def _text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_label_studio_min_export_groups_rows_of_a_task(tmp_path):
    rows = [
        {"id": 1, "text": "one text", "toxic": "yes", "annotator": 1, "annotation_id": 1, "label": "Toxic"},
        {"id": 1, "text": "one text", "annotator": 2, "annotation_id": 2, "label": "Not toxic"},
        {"id": 2, "text": "two text", "annotator": 1, "annotation_id": 3, "label": "Not toxic"},
    ]
    for row in rows:
        row.pop("toxic", None)
    (tmp_path / "export.json").write_text(json.dumps(rows))
    golden, _ = run_import(tmp_path / "export.json", tmp_path)
    assert [dict(item.labels) for item in golden.items()] == [{"toxic": None}, {"toxic": 0}]


def test_argilla_nested_and_flat(tmp_path):
    nested = [{"id": "r1", "fields": {"text": "a text"}, "metadata": {"language": "de"},
               "responses": {"label": [{"value": "hate", "user_id": "u1", "status": "submitted"},
                                       {"value": "none", "user_id": "u2", "status": "discarded"}]},
               "suggestions": {"label": {"value": "none", "agent": "model-a", "score": 0.7}}},
              {"id": "r2", "fields": {"text": "b text"}, "metadata": {}, "suggestions": {},
               "responses": {"label": [{"value": "none", "user_id": "u1", "status": "submitted"}]}}]  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(nested))
    golden, told = run_import(tmp_path / "a.json", tmp_path)
    assert [dict(item.labels) for item in golden.items()] == [{"hate": 1}, {"hate": 0}]
    assert list(told["decisions"]) == ["model-a"]


def test_prodigy_accepts_rejects_and_ignores(tmp_path):
    rows = [
        {"text": "one", "_input_hash": 1, "_task_hash": 1, "label": "HATE", "answer": "accept", "_annotator_id": "p1"},
        {"text": "one", "_input_hash": 1, "_task_hash": 1, "label": "HATE", "answer": "accept", "_annotator_id": "p2"},
        {"text": "two", "_input_hash": 2, "_task_hash": 2, "label": "HATE", "answer": "reject", "_annotator_id": "p1"},
        {
            "text": "three",
            "_input_hash": 3,
            "_task_hash": 3,
            "label": "HATE",
            "answer": "ignore",
            "_annotator_id": "p1",
        },
    ]
    (tmp_path / "a.jsonl").write_text(as_lines(rows))
    golden, told = run_import(tmp_path / "a.jsonl", tmp_path)
    assert [dict(item.labels) for item in golden.items()] == [{"hate": 1}, {"hate": 0}, {"hate": None}]
    assert told["votes"] == 3


def test_prodigy_options(tmp_path):
    options = [{"id": "hate", "text": "Hate"}, {"id": "spam", "text": "Spam"}]
    rows = [
        {"text": "one", "_input_hash": 1, "_task_hash": 1, "options": options, "accept": ["hate"], "answer": "accept"},
        {"text": "two", "_input_hash": 2, "_task_hash": 2, "options": options, "accept": ["spam"], "answer": "accept"},
        {"text": "three", "_input_hash": 3, "_task_hash": 3, "options": options, "accept": [], "answer": "accept"},
    ]
    (tmp_path / "a.jsonl").write_text(as_lines(rows))
    golden, _ = run_import(tmp_path / "a.jsonl", tmp_path)
    assert [tuple(item.labels[name] for name in ("hate", "spam")) for item in golden.items()] == [
        (1, 0),
        (0, 1),
        (0, 0),
    ]


def test_doccano_lists_and_users(tmp_path):
    rows = [
        {"id": 1, "text": "one", "label": ["hate"], "Comments": []},
        {"id": 2, "text": "two", "label": [], "Comments": []},
    ]
    (tmp_path / "a.jsonl").write_text(as_lines(rows))
    golden, _ = run_import(tmp_path / "a.jsonl", tmp_path)
    assert [dict(item.labels) for item in golden.items()] == [{"hate": 1}, {"hate": 0}]


def inspect_document():
    sample = {"id": "s1", "epoch": 1, "input": "first text", "target": "yes", "metadata": {"language": "de"},
              "output": {"completion": "Yes.", "time": 1.5},
              "scores": {"match": {"value": "C", "answer": "yes"}}}  # fmt: skip
    others = [
        {**sample, "epoch": 2},
        {**sample, "id": "s2", "input": [{"role": "system", "content": "judge"}, {"role": "user", "content": "two"}],
         "target": "no", "scores": {"match": {"value": "I", "answer": "I cannot say"}}},
        {**sample, "id": "s3", "input": "three", "target": "no", "scores": {}, "output": {},
         "error": {"message": "boom"}},
    ]  # fmt: skip
    return {"version": 2, "status": "success", "eval": {"task": "moderation", "model": "openai/gpt-mini"},
            "samples": [sample, *others]}  # fmt: skip


@pytest.mark.parametrize("form", ["json", "eval"])
def test_inspect_logs_become_items_and_recorded_decisions(tmp_path, form):
    document = inspect_document()
    path = tmp_path / f"log.{form}"
    if form == "json":
        path.write_text(json.dumps(document, indent=1))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("header.json", json.dumps({name: document[name] for name in ("version", "status", "eval")}))
            for sample in document["samples"]:
                packed.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
    golden, told = run_import(path, tmp_path, "--rename", "yes=hate")
    assert {item.id: dict(item.labels) for item in golden.items()} == {
        "s1": {"hate": 1},
        "s2": {"hate": 0},
        "s3": {"hate": 0},
    }
    (file,) = told["decisions"].values()
    rows = {row["id"]: row for row in map(json.loads, _text(file).splitlines())}
    assert rows["s1"]["decisions"] == {"hate": 1}
    assert rows["s1"]["latency_ms"] == 1500
    assert rows["s2"]["outcome"] == "unparsed"
    assert rows["s3"]["outcome"] == "error"
    assert told["left_out"] == {"a further repeat of an answer": 1}


def test_promptfoo_results_become_candidates(tmp_path):
    def result(index, text, expected, prompt, output, **more):
        return {"testIdx": index, "promptIdx": prompt, "promptId": f"p{prompt}", "vars": {"text": text},
                "provider": {"id": "openai:gpt-mini"}, "prompt": {"raw": "...", "label": f"prompt {prompt}"},
                "response": {"output": output}, "latencyMs": 120, "cost": 0.0001,
                "testCase": {"assert": [{"type": "equals", "value": expected}]}, **more}  # fmt: skip

    document = {"evalId": "e", "config": {}, "results": {"version": 3, "results": [
        result(0, "first text", "unsafe", 0, "unsafe"), result(0, "first text", "unsafe", 1, "safe"),
        result(1, "second text", "safe", 0, "safe"), result(1, "second text", "safe", 1, None, error="timed out"),
    ]}}  # fmt: skip
    (tmp_path / "out.json").write_text(json.dumps(document))
    golden, told = run_import(tmp_path / "out.json", tmp_path)
    assert [dict(item.labels) for item in golden.items()] == [{"violation": 1}, {"violation": 0}]
    decisions = {
        name: [json.loads(line) for line in _text(path).splitlines()] for name, path in told["decisions"].items()
    }
    assert {name: [row.get("outcome", "answered") for row in rows] for name, rows in decisions.items()} == {
        "openai:gpt-mini p0": ["answered", "answered"],
        "openai:gpt-mini p1": ["answered", "error"],
    }


def test_langfuse_rows(tmp_path):
    rows = [
        {"id": "i1", "input": {"text": "first"}, "expectedOutput": "hate", "output": "hate", "model": "gpt-mini",
         "latency": 0.4},
        {"id": "i2", "input": {"text": "second"}, "expectedOutput": "none", "output": {"categories": ["hate"]},
         "model": "gpt-mini", "latency": 0.2},
    ]  # fmt: skip
    (tmp_path / "a.jsonl").write_text(as_lines(rows))
    golden, told = run_import(tmp_path / "a.jsonl", tmp_path)
    assert [dict(item.labels) for item in golden.items()] == [{"hate": 1}, {"hate": 0}]
    (file,) = told["decisions"].values()
    assert [json.loads(line)["decisions"] for line in _text(file).splitlines()] == [{"hate": 1}, {"hate": 1}]


def test_every_format_of_the_table_is_an_importer():
    for name in IMPORTERS:
        importer = importer_of(name)
        assert importer.title
        assert importer.source.startswith(("https://", "docs/"))
        assert (importer.plan is None) != (importer.read is None)

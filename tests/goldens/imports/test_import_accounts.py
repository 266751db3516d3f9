"""Every row of a foreign file is accounted for, and what is written can be loaded. The bodies are made up."""

import json

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.files.golden.sets import load_golden
from harness.goldens.imports.account import Account
from harness.goldens.imports.write import Places, candidate_name, decision_paths, require_free


def choice(*chosen):
    return {"from_name": "kinds", "to_name": "text", "type": "choices", "value": {"choices": list(chosen)}}


def task(item_id, *annotations):
    return {"id": item_id, "data": {"text": f"text of {item_id}"}, "annotations": list(annotations), "predictions": []}


def vote(who, *chosen):
    return {"completed_by": who, "result": [choice(*chosen)]}


ROWS = {
    "label-studio": [task(1, vote(4, "hate")), task(2, vote(4, "none"))],
    "argilla": [
        {"id": f"r{at}", "fields": {"text": f"text {at}"}, "metadata": {}, "suggestions": {},
         "responses": {"label": [{"value": value, "user_id": "u1", "status": "submitted"}]}}
        for at, value in enumerate(("hate", "none"))
    ],
    "doccano": [
        {"id": at, "text": f"text {at}", "label": label, "Comments": []} for at, label in enumerate((["hate"], []))
    ],
    "prodigy": [
        {"text": f"text {at}", "_input_hash": at, "_task_hash": at, "label": "HATE", "answer": answer,
         "_annotator_id": "p"}
        for at, answer in enumerate(("accept", "reject"))
    ],
    "langfuse": [
        {"id": f"i{at}", "input": {"text": f"text {at}"}, "expectedOutput": said, "output": said, "model": "m"}
        for at, said in enumerate(("hate", "none"))
    ],
}  # fmt: skip


def attempt(path, folder, *options):
    options = ["--yes", "--json", "--name", "made", "--to", str(folder / "golden_sets"), *options]
    return CliRunner().invoke(main, ["golden", "import", str(path), *options])


def run_import(path, folder, *options):
    result = attempt(path, folder, *options)
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert told["rows"] == told["items"] + told.get("joined", 0) + sum(told["left_out"].values())
    return load_golden(told["card"], None), told


def write_lines(path, rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return path


@pytest.mark.parametrize("name", ROWS)
def test_a_line_that_is_no_row_is_counted_with_its_reason(tmp_path, name):
    twice = '{"id": 8, "text": "a", "hate": 0, "hate": 1}'
    path = write_lines(tmp_path / "a.jsonl", [*ROWS[name], '{"id": 7, "text', "", "[1]", twice])
    golden, told = run_import(path, tmp_path)
    assert (told["rows"], told["items"]) == (6, 2)
    assert [dict(item.labels) for item in golden.items()] == [{"hate": 1}, {"hate": 0}]
    assert sorted(why.split(":")[0] for why in told["left_out"]) == [
        "a blank line", "a key given twice in one object", "no JSON", "no JSON object"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["label-studio", "argilla", "doccano"])
def test_an_id_at_two_items_is_refused_with_its_rows(tmp_path, name):
    first, second = ROWS[name]
    path = write_lines(tmp_path / "a.jsonl", [first, {**second, "id": first["id"]}])
    result = attempt(path, tmp_path)
    assert result.exit_code == 1
    assert f"1 id stand in several rows: '{first['id']}' (rows 1, 2)" in result.output
    assert not (tmp_path / "golden_sets").exists() or not list((tmp_path / "golden_sets").iterdir())


@pytest.mark.parametrize("name", ["label-studio", "argilla", "doccano", "langfuse"])
def test_a_row_without_an_id_is_numbered(tmp_path, name):
    path = write_lines(tmp_path / "a.jsonl", [{**row, "id": None} for row in ROWS[name]])
    assert list(run_import(path, tmp_path)[0].ids()) == ["1", "2"]


def test_an_inspect_log_accounts_for_what_is_no_sample(tmp_path):
    samples = [{"id": "s1", "epoch": 1, "input": "first", "target": "yes", "scores": ["odd"], "output": "odd",
                "metadata": 3}, "odd", None]  # fmt: skip
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"eval": {"model": "m"}, "samples": samples}, indent=1))
    _, told = run_import(path, tmp_path)
    assert told["left_out"] == {"no JSON object": 2}


def test_promptfoo_results_that_are_none(tmp_path):
    result = {"testIdx": 0, "vars": {"text": "first", "label": "unsafe"}, "provider": "m", "response": "unsafe"}
    path = tmp_path / "out.json"
    path.write_text(json.dumps({"results": {"results": [result, "odd"]}}))
    golden, told = run_import(path, tmp_path)
    assert told["left_out"] == {"no JSON object": 1}
    assert dict(golden.item(0).labels) == {"violation": 1}


def test_label_studio_annotations_that_say_nothing_are_no_votes(tmp_path):
    odd = [
        vote(4, "hate"),
        "odd",
        {"completed_by": 5, "result": []},
        {"completed_by": 6, "result": ["odd", {"value": 3}]},
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps([task(1, *odd), task(2, vote(4, "spam"))]))
    golden, told = run_import(path, tmp_path)
    assert [one["annotator"] for one in golden.item(0).votes] == ["4"]
    assert dict(golden.item(0).labels) == {"hate": 1, "spam": 0}
    assert told["not_counted"] == {
        "an annotation that is no JSON object": 1, "an annotation that says nothing of any category": 2}  # fmt: skip


def test_a_vote_says_null_of_what_it_was_not_asked(tmp_path):
    """A category that a vote leaves out reads as 0, so one that was not asked has to be written as null."""
    rows = [
        {"text": "one", "_input_hash": 1, "_task_hash": at, "label": label, "answer": "accept", "_annotator_id": who}
        for at, (label, who) in enumerate((("HATE", "p1"), ("SPAM", "p2")))
    ]
    golden, told = run_import(write_lines(tmp_path / "a.jsonl", rows), tmp_path)
    assert [one["labels"] for one in golden.item(0).votes] == [{"hate": 1, "spam": None}, {"hate": None, "spam": 1}]
    assert (told["rows"], told["items"], told["joined"]) == (2, 1, 1)


def test_prodigy_rows_of_one_id_and_another_text(tmp_path):
    row = ROWS["prodigy"][0]
    rows = [
        {**row, "id": 1},
        {**row, "id": 1, "text": "another"},
        {**row, "id": 1},
        {**row, "id": 1, "answer": "ignore"},
    ]
    _, told = run_import(write_lines(tmp_path / "a.jsonl", rows), tmp_path)
    assert told["left_out"] == {"another text under an id that was there already": 1}
    assert told["not_counted"] == {
        "a skipped or cancelled annotation": 1,
        "a second vote of one annotator on one item (the last one counts)": 1,
    }


def test_label_studio_min_counts_rows(tmp_path):
    rows = [
        {"id": 1, "text": "one text", "annotator": who, "annotation_id": who, "label": label}
        for who, label in ((1, "Toxic"), (2, "Not toxic"), (3, "Toxic"))
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps([*rows, {**rows[0], "text": "other text"}]))
    _, told = run_import(path, tmp_path)
    assert (told["rows"], told["items"], told["joined"], told["votes"]) == (4, 1, 2, 3)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"label": []}, 0),
        ({"label": "hate"}, 1),
        ({"label": ["hate"]}, 1),
        ({"label": [[0, 4, "hate"]]}, 1),
        ({"labels": {"hate": 1, "spam": 0}}, 1),
        ({"cats": {"hate": False}}, 0),
        ({"annotations": [{"label": "hate", "user": 3}]}, 1),
        ({"annotations": []}, None),
        ({"annotations": [{"label": None, "user": 3}]}, None),
        ({"label": None}, None),
        ({}, None),
    ],
)
def test_a_doccano_row_that_says_nothing_is_not_labelled(tmp_path, fields, expected):
    rows = [{"id": "a", "text": "one", "Comments": [], **fields}, {"id": "b", "text": "two", "label": ["hate"]}]
    golden, _ = run_import(write_lines(tmp_path / "a.jsonl", rows), tmp_path, "--format", "doccano")
    assert golden.item(0).labels["hate"] == expected


def test_an_argilla_response_without_a_value_is_no_vote(tmp_path):
    rows = [*ROWS["argilla"], {**ROWS["argilla"][0], "id": "r9"}]
    rows[2]["responses"] = {"label": [{"value": None, "user_id": "u1"}, {"value": [], "user_id": "u2"}]}
    golden, told = run_import(write_lines(tmp_path / "a.jsonl", rows), tmp_path)
    assert golden.item(2).votes == ({"annotator": "u2", "labels": {"hate": 0}},)
    assert told["not_counted"] == {"a response without a value": 1}


def test_two_predictions_of_one_model_are_one_decision(tmp_path):
    tasks = [task(1, vote(4, "hate"))]
    tasks[0]["predictions"] = [{"model_version": "m", "score": True, "result": [choice("hate")]}] * 2
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    _, told = run_import(path, tmp_path)
    with open(told["decisions"]["m"], encoding="utf-8") as file:
        assert [json.loads(line) for line in file] == [{"id": "1", "decisions": {"hate": 1}}]
    assert told["not_counted"] == {"a further prediction of one model on one item": 1}


def test_candidates_with_names_alike_have_files_of_their_own(tmp_path):
    long = "acme/moderation model with a very long name indeed, as servers give them, version "
    rows = [
        {"id": "i1", "input": {"text": "one"}, "expectedOutput": "hate", "output": said, "model": f"{long}{at}"}
        for at, said in enumerate(("hate", "none"))
    ]
    _, told = run_import(write_lines(tmp_path / "a.jsonl", rows), tmp_path)
    assert len({*told["decisions"].values()}) == 2
    assert told["joined"] == 1


def test_file_names_differ_where_case_does_not_count(tmp_path):
    items = tmp_path / "s_v1.jsonl"
    paths = decision_paths(items, ["GPT", "gpt", "gpt-2", "", "..", "名前", "a" * 90, "a" * 91])
    names = [candidate_name(items, path) for path in paths.values()]
    assert len({name.casefold() for name in names}) == 8
    assert names[:5] == ["GPT", "gpt-2", "gpt-2-2", "candidate", "candidate-2"]
    require_free(Places(tmp_path / "s.yaml", items, None, paths))


def test_two_files_at_one_place_are_refused(tmp_path):
    path = tmp_path / "d.jsonl"
    with pytest.raises(Exception, match="would be written twice"):
        require_free(Places(tmp_path / "s.yaml", tmp_path / "s.jsonl", None, {"a": path, "b": path}))


def test_an_importer_that_miscounts_is_found():
    account = Account(n_rows=3)
    account.count({"hate": 1})
    account.left_out.add("no text", 2)
    with pytest.raises(RuntimeError, match="3 rows, but 1 items, 0 rows that joined one, 1 left out"):
        account.require_every_row()


def test_a_file_is_hashed_once_and_read_no_more_often_than_needed(tmp_path, monkeypatch):
    import harness.goldens.imports.foreign as foreign

    opened = []
    lines = foreign.documents.lines
    monkeypatch.setattr(foreign.documents, "lines", lambda path, inner: opened.append(path) or lines(path, inner))
    hashed = []
    digest = foreign.hashlib.file_digest
    monkeypatch.setattr(foreign.hashlib, "file_digest", lambda *a: hashed.append(a) or digest(*a))
    run_import(write_lines(tmp_path / "a.jsonl", ROWS["langfuse"]), tmp_path)
    assert len(hashed) == 1
    assert len(opened) <= 4  # columns and a sample of the first rows; then words, then items

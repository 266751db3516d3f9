"""What a set is written as for other tools, and that nothing is lost on the way there and back."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from openpyxl import load_workbook

from harness.cli import main
from harness.files.golden.sets import load_golden
from harness.goldens.decisions import DecisionLog, log_path
from harness.goldens.review.queue import Choice, make_queue
from harness.goldens.review.session import Session, Settings
from tests.goldens.small_set import load, rows, write_set


def choice(*chosen):
    return {"from_name": "kinds", "to_name": "text", "type": "choices", "value": {"choices": list(chosen)}}


TASKS = [
    {"id": 11, "data": {"text": "first text", "language": "de", "author": "u 1"}, "annotations": [
        {"id": 1, "completed_by": 4, "result": [choice("hate", "spam")]},
        {"id": 2, "completed_by": {"id": 5, "email": "b@example.org"}, "result": [choice("hate")]}],
     "predictions": [{"model_version": "acme/v1", "score": 0.8, "result": [choice("hate")]}]},
    {"id": 12, "data": {"text": "second text", "language": "en"}, "annotations": [
        {"id": 3, "completed_by": 4, "result": [choice("none")]},
        {"id": 4, "completed_by": 6, "was_cancelled": True, "result": []}],
     "predictions": [{"model_version": "acme/v1", "result": [choice("none")]}]},
    {"id": 13, "data": {"text": "third text <b>&amp; 𝕏", "language": "en"}, "annotations": [], "predictions": []},
]  # fmt: skip


def run(*args):
    result = CliRunner().invoke(main, ["golden", *map(str, args)])
    assert result.exit_code == 0, result.output
    return result.output


def imported(path, folder):
    said = run("import", path, "--format", "label-studio", "--yes", "--json", "--name", "made", "--to", folder)
    return json.loads(said)


def content(card):
    return [
        (item.id, item.text, dict(item.labels), [(one["annotator"], one["labels"]) for one in item.votes],
         dict(item.meta))
        for item in load_golden(card, None).items()
    ]  # fmt: skip


def decisions(told):
    return {
        name: [json.loads(line) for line in Path(path).read_text().splitlines()]
        for name, path in told["decisions"].items()
    }


def test_label_studio_import_review_release_export_import_loses_nothing(tmp_path):
    source = tmp_path / "export.json"
    source.write_text(json.dumps(TASKS))
    told = imported(source, tmp_path / "one" / "golden_sets")
    first = content(told["card"])
    golden, policy = load(tmp_path / "one" / "golden_sets" / "made_v1.yaml")
    entries = make_queue(golden, golden.categories, Choice(categories=("spam",)))
    session = Session(golden, policy, entries, DecisionLog(log_path(golden.path)), Settings())
    for at in range(3):
        session.decide("lead", at, "spam", "label", int(at == 2), seen=None, reason="by hand")
    run("release", golden.path, "--author", "lead")
    released = golden.path.with_name("made_v2.yaml")
    (name, file), *_ = told["decisions"].items()
    back = tmp_path / "back.json"
    run("export", released, "--format", "label_studio", "-o", back, "--predictions", f"{name}={file}")
    again = imported(back, tmp_path / "two" / "golden_sets")
    assert content(again["card"]) == content(released)
    assert decisions(again) == decisions(told)
    assert [row[2]["spam"] for row in content(again["card"])] == [0, 0, 1]
    assert [(row[0], row[1], row[3], row[4]) for row in content(again["card"])] == [
        (row[0], row[1], row[3], row[4]) for row in first
    ]
    assert again["not_counted"] == told["not_counted"] == {"a skipped or cancelled annotation": 1}
    twice = tmp_path / "twice.json"
    file = again["decisions"][name]
    run("export", again["card"], "--format", "label_studio", "-o", twice, "--predictions", f"{name}={file}")
    assert twice.read_bytes() == back.read_bytes()


def test_tasks_name_the_annotators_of_the_export_they_came_from(tmp_path):
    source = tmp_path / "export.json"
    source.write_text(json.dumps(TASKS))
    told = imported(source, tmp_path / "golden_sets")
    run("export", told["card"], "--format", "label_studio", "-o", tmp_path / "back.json")
    back = json.loads((tmp_path / "back.json").read_text())
    assert [task["id"] for task in back] == [11, 12, 13]
    assert [task["data"] for task in back] == [task["data"] for task in TASKS]
    who = [[one["completed_by"] for one in task["annotations"] if not one.get("ground_truth")] for task in back]
    assert who == [[4, {"email": "b@example.org"}], [4, 6], []]
    assert [one["was_cancelled"] for one in back[1]["annotations"]] == [False, True, False]


def test_a_label_that_nobody_gave_stays_unknown(tmp_path):
    card = write_set(tmp_path)
    out = tmp_path / "out.json"
    run("export", card, "--format", "label_studio", "-o", out)
    told = imported(out, tmp_path / "two" / "golden_sets")
    wanted = [row["labels"] for row in rows()]
    assert [row[2] for row in content(told["card"])] == wanted
    assert None in wanted[0].values()


@pytest.mark.parametrize("form", ["csv", "xlsx", "jsonl"])
def test_tables_hold_every_item_and_label(tmp_path, form):
    card = write_set(tmp_path)
    out = tmp_path / f"out.{form}"
    run("export", card, "--format", form, "-o", out)
    golden, _ = load(card)
    if form == "jsonl":
        found = [json.loads(line) for line in out.read_text().splitlines()]
        assert [row["labels"] for row in found] == [dict(item.labels) for item in golden.items()]
        return
    if form == "csv":
        with out.open(encoding="utf-8-sig", newline="") as file:
            head, *body = list(csv.reader(file))
    else:
        head, *body = load_workbook(out)["items"].iter_rows(values_only=True)
    column = list(head).index("labels.hate")
    assert [row[0] for row in body] == list(golden.ids())
    assert [int(row[column]) for row in body] == [item.labels["hate"] for item in golden.items()]


def test_cells_that_a_spreadsheet_would_run_are_text(tmp_path):
    card = write_set(tmp_path, [{"id": "a", "text": "=cmd()", "labels": {"hate": 0, "threat": 0, "spam": 0}}])
    run("export", card, "--format", "csv", "-o", tmp_path / "out.csv")
    assert "'=cmd()" in (tmp_path / "out.csv").read_text(encoding="utf-8-sig")


def test_an_export_overwrites_nothing_and_says_what_has_no_place(tmp_path):
    row = {"id": "a", "text": "one", "labels": {"hate": 0, "threat": 0, "spam": 0}, "weight": 2.0}
    card = write_set(tmp_path, [row])
    out = tmp_path / "out.json"
    assert "weight of 1 item" in run("export", card, "--format", "label_studio", "-o", out)
    result = CliRunner().invoke(main, ["golden", "export", str(card), "--format", "label_studio", "-o", str(out)])
    assert result.exit_code == 1
    assert "is there already" in result.output


def test_weights_and_further_parts_go_out_with_their_items(tmp_path):
    labels = {"hate": 0, "threat": 0, "spam": 0}
    card = write_set(tmp_path, [
        {"id": "a", "text": "one", "labels": labels, "weight": 2.5, "transcript": [{"time": 1, "text": "said"}]},
        {"id": "b", "text": "two", "labels": labels},
    ])  # fmt: skip
    card.write_text(card.read_text() + "modalities: {transcript: transcript}\n")
    run("export", card, "--format", "jsonl", "-o", tmp_path / "out.jsonl")
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert (first["weight"], first["transcript"]) == (2.5, [{"time": 1, "text": "said"}])
    assert {"weight", "transcript"}.isdisjoint(second)
    run("export", card, "--format", "csv", "-o", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        head, one, two = csv.reader(file)
    assert (one[head.index("weight")], two[head.index("weight")]) == ("2.5", "")
    assert json.loads(one[head.index("transcript")]) == first["transcript"]
    assert "transcript of 1 item" in run("export", card, "--format", "label_studio", "-o", tmp_path / "out.json")


def test_what_must_be_caught_goes_out_marked(tmp_path):
    items = rows(3)
    items[1] |= {"must_catch": True}
    card = write_set(tmp_path, items)
    run("export", card, "-o", tmp_path / "set.jsonl")
    run("export", card, "--format", "csv", "-o", tmp_path / "set.csv")
    first = next(
        one for one in map(json.loads, (tmp_path / "set.jsonl").read_text().splitlines()) if "must_catch" in one
    )
    assert (first["id"], first["must_catch"]) == (items[1]["id"], True)
    with (tmp_path / "set.csv").open(encoding="utf-8-sig", newline="") as file:
        assert sum(row["must_catch"] not in ("", "0") for row in csv.DictReader(file)) == 1
    assert "must_catch of 1 item" in run("export", card, "--format", "label_studio", "-o", tmp_path / "set.json")


def test_groups_come_back_from_label_studio_with_the_option_that_export_names(tmp_path):
    """--group was ignored there, and a set came back without its groups."""
    card = write_set(tmp_path, [row | {"group": f"g{at // 2}"} for at, row in enumerate(rows(4))])
    back = tmp_path / "back.json"
    assert "import them again with --group data.group" in run("export", card, "--format", "label_studio", "-o", back)
    folder = tmp_path / "two"
    run("import", back, "--format", "label-studio", "--yes", "--name", "made", "--to", folder, "--group", "data.group")
    found = [(item.group, "group" in item.meta) for item in load_golden(folder / "made_v1.yaml", None).items()]
    assert found == [("g0", False), ("g0", False), ("g1", False), ("g1", False)]


ODD = [
    "=1+1", "'=1+1", "'tis the season", "''x", "-5", "- five", " =cmd", "a\r\nb\rc\nd", "tab\there",
    "\u200d\U0001f469\u200d zwj", "_x000D_ literal", "\x07bell\x1f", "\ufeffmark", "&amp; &lt;b&gt;", "Ã©", "#N/A",
    "00123", "1e5", "[1,2]", " around ", '"q"; s', "\u2028",
]  # fmt: skip


def odd_set(folder):
    """Items with every part there is, and texts that tables are known to change."""
    labels = {"hate": 1, "threat": 0, "spam": None}
    items = [
        {"id": f"={at}" if at % 7 == 3 else f"i{at}", "text": text, "labels": labels,
         "meta": {"lang": "de" if at % 3 else "en", "said": text, "note": {"deep": [at]},
                  "sample": {"stratum": "a", "inclusion_probability": 0.25, "views": 3.5}}}
        for at, text in enumerate(ODD)
    ]  # fmt: skip
    items[0] |= {"weight": 2.5, "group": "=g", "context": {"post": "=x"}, "must_catch": True,
                 "votes": [{"annotator": "=b", "labels": {"hate": 0, "spam": None}}],
                 "transcript": [{"time": 1, "text": "said"}]}  # fmt: skip
    items[1] |= {"context": "- text", "group": "7"}
    items.append({"id": "withheld", "text": None, "labels": labels})
    card = write_set(folder, items)
    card.write_text(card.read_text() + "modalities: {transcript: transcript}\n")
    return card


def parts(card):
    return {
        item.id: (item.text, dict(item.labels), item.group, item.weight, item.context, list(map(dict, item.votes)),
                  dict(item.meta), item.must_catch, dict(item.modalities))
        for item in load_golden(card, None).items()
    }  # fmt: skip


@pytest.mark.parametrize("form", ["jsonl", "csv", "xlsx"])
def test_tables_come_back_as_they_were_or_the_export_says_what_does_not(tmp_path, form):
    """Tables lost invisible characters and returns in silence, kept the apostrophe, and weights became remarks."""
    card = odd_set(tmp_path)
    out = tmp_path / f"out.{form}"
    told = run("export", card, "-o", out)
    run("import", out, "--yes", "--name", "back", "--to", tmp_path / "two" / "golden_sets")
    wanted, found = parts(card), parts(tmp_path / "two" / "golden_sets" / "back_v1.yaml")
    changed = [at for at in wanted if wanted[at] != found.pop(at)]
    assert not found
    if form == "jsonl":
        assert (changed, "Not the same" in told) == ([], False)
    else:
        assert changed == [f"i{ODD.index('[1,2]')}"]
        assert f"meta.said: 1 value: text that reads as a list or a mapping ({changed[0]})" in told
        assert told.count("1 value") == 1


def test_what_a_table_cannot_hold_is_named(tmp_path):
    labels = {"hate": 0, "threat": 0, "spam": 0}
    card = write_set(tmp_path, [
        {"id": "a", "text": "x" * 40_000, "labels": labels, "meta": {"n": 5, "p": 0.1 + 0.2, "a.b": "dot"}},
        {"id": "b", "text": "", "labels": labels, "meta": {"n": 10**17}},
    ])  # fmt: skip
    told = run("export", card, "-o", tmp_path / "out.xlsx")
    assert "text: 1 value: more than 32,767 characters, cut there (a)" in told
    assert "text: 1 value: an empty value, which comes back as none (b)" in told
    assert "meta.n: 1 value: a number or true/false, which comes back as text (b)" in told
    assert "meta.p: 1 value: a number with more than the 16 digits" in told
    assert "meta.a.b: 1 value: a name with a dot" in told
    assert "meta.n: 2 values: a number" in run("export", card, "-o", tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("args", "said"),
    [(["--format", "xlsx", "-o", "x.csv"], "Name it 'x.xlsx', or say --format csv"),
     (["-o", "x.json"], "--format label_studio, or name it .jsonl"),
     (["--format", "label_studio", "-o", "x.jsonl"], "Name it 'x.json', or say --format jsonl")],
)  # fmt: skip
def test_a_form_that_the_ending_contradicts_is_refused(tmp_path, args, said):
    result = CliRunner().invoke(main, ["golden", "export", str(write_set(tmp_path)), *args])
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_slices_that_stand_beside_meta_go_out_under_it(tmp_path):
    items = [row | {"surface": "chat" if at % 2 else "feed"} for at, row in enumerate(rows())]
    card = write_set(tmp_path, items)
    card.write_text(card.read_text().replace("meta.lang}", "meta.lang, surface: surface}"))
    run("export", card, "-o", tmp_path / "out.jsonl")
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines()[:2])
    assert (first["meta"]["surface"], second["meta"]["surface"]) == ("feed", "chat")

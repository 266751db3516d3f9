import pytest
from projects import CARD, EVAL, ITEMS, PROMPT, write_project
from public_sets import dataset_stats, write_dataset

from harness.jobs.check import check_paths


def warnings(report):
    return "\n".join(map(str, report.warnings))


def test_project_without_faults(tmp_path):
    report = check_paths([write_project(tmp_path)])
    assert report.errors == ()
    assert not report.errors
    assert report.files == {"eval": 1, "golden_set": 1, "rule_set": 1, "policy": 1, "models": 1, "prompt": 1}
    assert report.n_items == 3


def test_default_folders(tmp_path):
    write_project(tmp_path / "evals")
    assert check_paths(root=tmp_path).files["eval"] == 1
    nothing = check_paths(root=tmp_path / "evals")
    assert "evals: has no evals/ or golden_sets/" in str(nothing.errors[0])
    assert "harness init" in str(nothing.errors[0])


def test_other_files_in_a_folder_are_left_alone(tmp_path):
    folder = write_project(tmp_path)
    (folder / "README.md").write_text("# Notes\n")
    (folder / "empty.md").write_text("")
    (folder / "ci.yaml").write_text("jobs: {}\n")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.yaml").write_text("\t\n")
    report = check_paths([folder])
    assert not report.errors
    assert [path.name for path in report.skipped] == ["README.md", "ci.yaml", "empty.md"]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("x.yaml", "evla: x\n", "did you mean 'eval' for 'evla'?"),
        ("x.yaml", "a: [\n", "is not YAML"),
        ("x.md", "---\nprompt: x\n---\n", "'answer' is missing"),
    ],
)
def test_broken_file_in_a_folder_is_an_error(tmp_path, name, text, found):
    folder = write_project(tmp_path)
    (folder / name).write_text(text)
    assert found in str(check_paths([folder]).errors[0])


def test_named_file_must_be_one_of_ours(tmp_path):
    folder = write_project(tmp_path)
    (folder / "ci.yaml").write_text("jobs: {}\n")
    assert "which says what the file is" in str(check_paths([folder / "ci.yaml"]).errors[0])
    assert "ends in '.jsonl'" in str(check_paths([folder / "items.jsonl"]).errors[0])
    assert "is not there" in str(check_paths([folder / "no.yaml"]).errors[0])


def test_every_fault_is_reported_once(tmp_path):
    folder = write_project(tmp_path, eval=EVAL.replace("category: hate", "category: hte"), prompt=PROMPT + "{{ x }}\n")
    (folder / "other.yaml").write_text(EVAL.replace("eval: community", "eval: other"))
    messages = [str(error) for error in check_paths([folder]).errors]
    assert len(messages) == len(set(messages)) == 2


def test_card_without_its_policy_is_a_warning(tmp_path):
    folder = write_project(tmp_path)
    report = check_paths([folder / "card.yaml"])
    assert not report.errors
    assert "policy 'community' version 3, which was not found" in warnings(report)


@pytest.mark.parametrize("named", ["{name: [community], version: 3}", "{name: community, version: {is: 3}}"])
def test_card_whose_policy_is_no_name_is_an_error(tmp_path, named):
    """A list or mapping for the policy's name or version ended in a traceback."""
    card = CARD.replace("policy: {name: community, version: 3}", f"policy: {named}")
    (error,) = check_paths([write_project(tmp_path, card=card) / "card.yaml"]).errors
    assert "field 'policy." in str(error)


def test_few_shot_examples_out_of_the_golden_set(tmp_path):
    prompt = PROMPT.replace("answer: json", "answer: json\nexamples: [{text: 'First  TEXT'}]")
    report = check_paths([write_project(tmp_path, prompt=prompt)])
    assert "prompt.md: shows the model 1 text of golden set 'community' (c-1)" in warnings(report)


def test_quoted_golden_text_in_a_prompt(tmp_path):
    text = "this very text stands in the golden set"
    folder = write_project(tmp_path, prompt=PROMPT + f'For example "{text}".\n', items=ITEMS.replace("third", text))
    assert "(c-3)" in warnings(check_paths([folder]))


def test_duplicate_texts(tmp_path):
    row = '{{"id": "{}", "text": "same", "labels": {{"hate": {}}}, "group": {}}}\n'
    for label, group, n_expected in ((1, '"g"', 0), (0, '"g"', 1), (1, "null", 1), (0, '"h"', 2)):
        items = ITEMS + row.format("a", 1, '"g"' if group != "null" else "null") + row.format("b", label, group)
        report = check_paths([write_project(tmp_path, items=items)])
        assert warnings(report).count("(a = b)") == n_expected


def test_categories_without_positives(tmp_path):
    folder = write_project(
        tmp_path,
        card=CARD.replace(", spam]", "]"),
        items=ITEMS.replace(', "spam": null', "").replace(', "spam": 0', ""),
    )
    report = check_paths([folder])
    assert "does not label spam of policy 'community'" in warnings(report)
    report = check_paths([write_project(tmp_path / "b")])
    assert "has no violating item for spam" in warnings(report)


def test_slice_that_no_item_has(tmp_path):
    folder = write_project(tmp_path, card=CARD.replace("meta.lang", "meta.lnag"))
    assert "declares the slice 'language', but no item has meta.lnag" in warnings(check_paths([folder]))


def test_missing_images_are_errors(tmp_path):
    items = ITEMS + '{"id": "i", "images": ["a.png", "b.png"], "labels": {}}\n'
    folder = write_project(tmp_path, items=items)
    (folder / "a.png").write_bytes(b"x")
    damaged, missing = map(str, check_paths([folder]).errors)
    assert "items.jsonl: field 'images' names 1 image that cannot be found: b.png (item i)" in missing
    assert "field 'images' names 1 image that is no image that models take: a.png (item i)" in damaged


def test_many_missing_images_are_one_error(tmp_path):
    row = '{{"id": "i{}", "images": ["{}.png"], "labels": {{}}}}\n'
    items = ITEMS + "".join(row.format(n, n) for n in range(40))
    (error,) = check_paths([write_project(tmp_path, items=items)]).errors
    assert "names 40 images that cannot be found: 0.png (item i0), 1.png (item i1), " in str(error)


@pytest.mark.parametrize("name", ["openai_moderation", "toldbr", "mhc_a", "surge_toxicity", "hatecheck"])
def test_duplicates_of_public_sets_are_those_of_their_authors(tmp_path, name):
    write_dataset(name, tmp_path)
    stats = dataset_stats(name)
    report = check_paths([tmp_path])
    assert not report.errors
    for count, words in (
        (stats["duplicate_text_groups"], "repeated text{} without a common group"),
        (stats["duplicate_groups_with_conflicting_labels"], "repeated text{} with different labels"),
    ):
        words = words.format("" if count == 1 else "s")
        assert (f"has {count:,} {words}" in warnings(report)) == (count > 0)


@pytest.mark.parametrize(("answer", "hint"), [("jsn", "did you mean 'json'?"), ("qqq", "harness.parsers")])
def test_answer_that_names_no_parser_is_an_error(tmp_path, answer, hint):
    """Only a run noticed it, and named neither file nor line."""
    folder = write_project(tmp_path, prompt=PROMPT.replace("json", answer))
    for path in (folder, folder / "prompt.md", folder / "eval.yaml"):
        (error,) = check_paths([path]).errors
        assert f"prompt.md:3: field 'answer' is '{answer}': there is no parser" in str(error)
        assert "allowed: json, yes_no" in str(error)
        assert hint in str(error)


@pytest.mark.parametrize(
    ("decisions", "found"),
    [
        (
            '{"id": "c-1", "decisions": {"hat": 1}}\n',
            "decisions.jsonl:1: field 'decisions.hat' is not a known category",
        ),
        ('{"id": "x", "decisions": {"hate": 1}}\n', "decisions.jsonl: has 1 ids that the golden set does not have: x"),
        ('{"id": "c-1", "decisions": {"hate": 1}}\n' * 2, "decisions.jsonl:2: decides item 'c-1' again"),
    ],
)
def test_recorded_decisions_are_read_as_a_run_reads_them(tmp_path, decisions, found):
    """Check said OK to a file that every run refused."""
    (error,) = check_paths([write_project(tmp_path, decisions=decisions)]).errors
    assert found in str(error)


def test_recorded_decisions_for_a_part_of_the_items_are_a_warning(tmp_path):
    report = check_paths([write_project(tmp_path)])
    assert "decisions.jsonl: decides 1 of 3 items of golden set 'community'\n  add the decisions for the other 1" in (
        warnings(report)
    )
    rows = '{"id": "c-1", "decisions": {"hate": 1}}\n{"id": "c-3", "decisions": {"hate": 0}}\n'
    assert "decides" not in warnings(check_paths([write_project(tmp_path / "b", decisions=rows)]))  # c-2 is withheld


def test_what_a_run_cannot_build_is_an_error_of_the_evals_line(tmp_path):
    folder = write_project(tmp_path, eval=EVAL.replace("thresholds: {hate: 0.4}", "thresholds: {spam: 0.4}"))
    (error,) = check_paths([folder]).errors
    assert "eval.yaml:6: field 'candidates.omni' cannot be built: candidate 'omni' has a threshold" in str(error)


def test_code_of_a_user_is_looked_for_and_not_imported(tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "own_code.py").write_text("raise SystemExit('imported')\n")
    answer = PROMPT.replace("answer: json", "answer: own_code:parse")
    folder = write_project(tmp_path / "project", prompt=answer)
    report = check_paths([folder])
    assert not report.errors
    assert "own_code" not in warnings(report)
    assert "eval.yaml:9: candidate 'clf' needs the classifier package.module:callable, but there is no package" in (
        warnings(report)
    )


def test_one_fault_on_many_lines_is_one_error(tmp_path):
    rows = "".join(f'{{"id": "c-{n}", "decisions": {{"hat": 1}}}}\n' for n in range(12))
    (error,) = check_paths([write_project(tmp_path, decisions=rows)]).errors
    assert "decisions.jsonl:1: field 'decisions.hat' is not a known category (also on lines 2, 3, 4, ...)" in str(error)


@pytest.mark.parametrize("text", ["policy: community\nversion: 3\ncategories: {}\n", "policy: [\n"])
def test_card_of_a_broken_policy_gives_no_second_message(tmp_path, text):
    """That the policy could not be read was followed by a warning that it was not found."""
    folder = write_project(tmp_path, policy=text)
    report = check_paths([folder])
    assert len(report.errors) == 1
    assert "which was not found" not in warnings(report)
    (folder / "policy.yaml").unlink()
    assert "which was not found" not in warnings(check_paths([folder]))


def test_card_of_a_broken_eval_is_checked_against_its_policy(tmp_path):
    """An error elsewhere in an eval was followed by a warning that its policy was not found."""
    folder = write_project(tmp_path, eval=EVAL.replace("prompt.md", "prmpt.md"))
    report = check_paths([folder / "eval.yaml", folder / "card.yaml"])
    assert len(report.errors) == 1
    assert "which was not found" not in warnings(report)


def test_eval_without_its_name_is_still_an_eval(tmp_path):
    folder = write_project(tmp_path, eval=EVAL.replace("eval: community\n", ""))
    (error,) = check_paths([folder]).errors
    assert "eval.yaml:1: field 'eval' is missing" in str(error)

import pytest
from projects import EVAL, write_project

from harness.errors import FileError, GroupedError, HarnessError
from harness.files.evals import Shelf, load_eval


def test_eval_with_all_it_names(tmp_path):
    loaded = load_eval(write_project(tmp_path) / "eval.yaml")
    assert loaded.eval.value.baseline == "v1"
    assert loaded.policy.value.version == 3
    assert len(loaded.golden) == 3
    assert list(loaded.prompts) == ["prompt.md"]
    assert list(loaded.rules) == ["rules.yaml"]
    assert list(loaded.models.value) == ["embedded", "mini"]
    assert loaded.recorded == {"decisions.jsonl": tmp_path / "decisions.jsonl"}
    assert loaded.golden.n_implied == {"hate": 1}


def test_paths_are_relative_to_the_file_and_named_without_detours(tmp_path):
    write_project(tmp_path / "a")
    (tmp_path / "b").mkdir()
    text = EVAL
    for name in ("policy.yaml", "card.yaml", "prompt.md", "rules.yaml", "decisions.jsonl"):
        text = text.replace(name, f"../a/{name}")
    (tmp_path / "b" / "eval.yaml").write_text(text + "models: ../a/models.yaml\n")
    loaded = load_eval(tmp_path / "b" / "eval.yaml")
    assert loaded.policy.path == tmp_path / "a" / "policy.yaml"
    assert loaded.prompts["../a/prompt.md"].path == tmp_path / "a" / "prompt.md"


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (
            'humans: {recorded: decisions.jsonl, sample: "no"}',
            "field 'candidates.humans.sample' is 'no'\n.*true or false",
        ),
        ('clf: {classifier: "package.module:callable", timeout_s: "5"}', "timeout_s' is '5'\n.*a number, above 0"),
    ],
)
def test_fields_of_a_kind_are_read_as_strictly_as_all_others(tmp_path, own, said):
    """A text was taken for what it reads like where it was checked, and stayed a text, which is true, in use."""
    name = own.split(":")[0]
    lines = [f"  {own}" if line.startswith(f"  {name}:") else line for line in EVAL.splitlines()]
    with pytest.raises(HarnessError, match=said):
        load_eval(write_project(tmp_path, eval="\n".join(lines)) / "eval.yaml")


def test_models_file_is_needed_only_by_candidates_that_call_a_model(tmp_path):
    lines = [line for line in EVAL.splitlines(keepends=True) if "v1" not in line and "omni" not in line]
    folder = write_project(tmp_path, eval="".join(lines))
    (folder / "models.yaml").unlink()
    loaded = load_eval(folder / "eval.yaml")
    assert loaded.models is None
    assert loaded.eval.value.baseline == "rules"


def test_faults_of_all_files_come_together(tmp_path):
    text = EVAL.replace("prompt.md", "no.md").replace("use: v1", "use: v3")
    folder = write_project(tmp_path, eval=text, models="models: {mini: {provider: openai}}\n", rules="rule_set: 1\n")
    with pytest.raises(GroupedError) as caught:
        load_eval(folder / "eval.yaml")
    message = str(caught.value)
    for part in ("eval.yaml:5:", "eval.yaml:8:", "models.yaml:1:", "rules.yaml:1:"):
        assert part in message


def test_circle_of_cascades(tmp_path):
    text = EVAL.replace("  clf:", "  loop: {cascade: [{use: cascade}]}\n  clf:").replace("use: v1}", "use: loop}")
    with pytest.raises(HarnessError, match="cascade -> loop -> cascade"):
        load_eval(write_project(tmp_path, eval=text) / "eval.yaml")


def test_golden_set_of_another_policy_version_says_what_to_do(tmp_path):
    folder = write_project(tmp_path)
    (folder / "policy.yaml").write_text((folder / "policy.yaml").read_text().replace("version: 3", "version: 4"))
    with pytest.raises(HarnessError, match=r"card.yaml:3: field 'policy' is 'community' version 3") as caught:
        load_eval(folder / "eval.yaml")
    assert "labelled under" in str(caught.value)


def test_rules_are_checked_against_policy_and_slices(tmp_path):
    rules = "rule_set: r\nversion: 1\nrules:\n  - {id: a, category: spma, words: [x], when: {langage: [en]}}\n"
    with pytest.raises(GroupedError) as caught:
        load_eval(write_project(tmp_path, rules=rules) / "eval.yaml")
    assert "names the category 'spma'" in str(caught.value)
    assert "names the slice 'langage'" in str(caught.value)


def test_shelf_reads_each_file_once(tmp_path):
    folder = write_project(tmp_path)
    shelf = Shelf()
    first, second = (load_eval(folder / "eval.yaml", shelf=shelf) for _ in range(2))
    assert first.golden is second.golden


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("card.yaml", "is a golden-set card, not an eval"),
        ("policy.yaml", "is a policy, not an eval"),
        ("models.yaml", "is a models file, not an eval"),
        ("rules.yaml", "is a rule set, not an eval"),
        ("prompt.md", "is a prompt, not an eval"),
        ("items.jsonl", "is a file of rows, not an eval"),
    ],
)
def test_file_of_another_kind_is_named_once_with_the_evals_nearby(tmp_path, name, found):
    """A golden-set card given as an eval printed nine faults."""
    folder = write_project(tmp_path)
    with pytest.raises(FileError) as caught:
        load_eval(folder / name)
    assert str(caught.value) == (
        f"{folder / name}: {found}\n  allowed: an eval: a YAML file with the field 'eval'\n"
        f"  name it: {folder}/eval.yaml"
    )


def test_reference_to_a_file_of_another_kind(tmp_path):
    folder = write_project(tmp_path, eval=EVAL.replace("golden_set: card.yaml", "golden_set: models.yaml"))
    with pytest.raises(
        FileError, match=r"models.yaml: is a models file, not a golden-set card\n.*\n  name it: .*card.yaml"
    ):
        load_eval(folder / "eval.yaml")

"""The reference of file formats is whole: every field, kind, parser, JSON form and variable, each with its meaning."""

import ast
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import harness.records as records
from harness.candidates.kinds import KINDS
from harness.candidates.names import NameIndex
from harness.candidates.parsers import PARSERS
from harness.candidates.parsers.base import ParseContext
from harness.candidates.parsers.json_answer import parse_json
from harness.cli import main
from harness.environment import VARIABLES
from harness.records import FromFile, PromptHeader, candidates, evals, golden, policy
from harness.report.explain.formats import FORMATS, OTHERS, document, meanings, reference

PACKAGE = Path(records.__file__).parents[1]
DESCRIBED = {record for _, described in FORMATS.values() for record in described}


def test_every_record_that_a_file_is_read_into_is_described():
    read = {
        one
        for module in (candidates, evals, golden, policy)
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, FromFile) and one is not FromFile
    }
    assert read <= DESCRIBED


@pytest.mark.parametrize("record", sorted(DESCRIBED, key=lambda one: one.__name__), ids=lambda one: one.__name__)
def test_every_field_has_its_type_default_and_meaning(record):
    names = list(record.__struct_fields__)
    assert list(meanings()[record.__name__]) == names
    part = re.search(rf"^### {record.__name__}\n(.+?)(?=\n#|\Z)", document(), re.M | re.S)[1]
    for name in names:
        assert re.search(rf"^\| `{name}` \| [^|]+ \| [^|]+ \| [^|]+", part, re.M), name


def test_nothing_is_explained_that_is_not_there():
    assert set(meanings()) == {one.__name__ for one in DESCRIBED} | {"kinds", "parsers", "texts", "answers"}
    assert set(meanings()["kinds"]) == set(KINDS)
    assert set(meanings()["parsers"]) == set(PARSERS)


@pytest.mark.parametrize("form", meanings()["answers"], ids=lambda one: one["example"])
def test_a_json_answer_is_read_as_the_reference_says(form):
    names = NameIndex(("hate", "spam"))
    parsed = parse_json(form["example"], ParseContext(PromptHeader(prompt="p", answer="json"), names))
    assert parsed.outcome == form["outcome"]
    if parsed.outcome == "ok":
        assert dict(parsed.decisions) == {name: form[name] for name in ("hate", "spam")}


READ = re.compile(r"^[A-Za-z][A-Za-z0-9_]*$")


def variables_read():
    """Names that code looks up in an environment: ``environment.get("X")``, ``os.environ["X"]``, tables of keys."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("get", "getenv")
            ):
                owner, wanted = ast.unparse(node.func.value), node.args[:1]
            elif isinstance(node, ast.Subscript):
                owner, wanted = ast.unparse(node.value), [node.slice]
            else:
                continue
            if owner in ("environment", "os.environ", "os", "environ"):
                yield from (one.value for one in wanted if isinstance(one, ast.Constant) and READ.match(str(one.value)))


def test_every_variable_that_code_reads_is_named():
    from harness.runner.endpoint import DEFAULT_KEY_ENV

    found = set(variables_read()) | set(DEFAULT_KEY_ENV.values())
    assert {"CI", "OPENAI_BASE_URL", "HTTPS_PROXY"} <= found
    assert found <= set(VARIABLES)


def test_the_command_prints_the_reference_and_one_part_of_it():
    whole = CliRunner().invoke(main, ["explain", "formats"])
    assert (whole.exit_code, whole.output.strip()) == (0, reference().strip())
    for name in (*FORMATS, *OTHERS):
        one = CliRunner().invoke(main, ["explain", "formats", name])
        assert one.exit_code == 0
        assert one.output.strip() in whole.output
    wrong = CliRunner().invoke(main, ["explain", "formats", "polici"])
    assert wrong.exit_code == 1
    assert "allowed: policy, card, item" in wrong.output
    assert CliRunner().invoke(main, ["explain", "gate", "eval"]).exit_code == 2


def test_the_id_rule_of_categories_is_told_as_it_is_checked():
    from harness.files.policy import CATEGORY_ID

    assert "letters, digits and _ - / . in any case" in reference("policy")
    assert all(CATEGORY_ID.fullmatch(one) for one in ("S10", "hate/threatening", "a.b", "A-b_c"))
    assert not any(CATEGORY_ID.fullmatch(one) for one in ("-a", "a b", "a:b", ""))

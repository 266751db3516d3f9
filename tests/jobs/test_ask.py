"""The wrapper test: a guard that judges its own instructions is found before it is paid for."""

import orjson
import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.stub_server import StubServer, completion

FILES = {
    "policy.yaml": "policy: p\nversion: 1\ncategories:\n  hate: {name: Hate, definition: Attacks people.}\n"
    "crosswalks: {lg: {hate: [S10]}}\n",
    "card.yaml": "golden_set: g\nversion: 1\npolicy: {name: p, version: 1}\nitems: i.jsonl\nlabels: [hate]\n",
    "i.jsonl": '{"id": "a", "text": "x", "labels": {"hate": 1}}\n',
    "prompt.md": "---\nprompt: w\nanswer: llama_guard\n---\n\n# user\nTask: Check for unsafe content.\nS10: Hate.\n"
    "User: {{ item.text }}\n",
    "rules.yaml": "rule_set: r\nversion: 1\nrules:\n  - {id: a, category: hate, words: [x]}\n",
}


class Guard(StubServer):
    """A guard whose template holds its instructions: whatever else names hate is unsafe."""

    def __init__(self):
        super().__init__(self.answered)
        self.fails, self.judge = False, lambda text: "unsafe\nS10" if "Hate" in text else "safe"

    def answered(self, asked):
        said = self.judge(asked.texts[-1])
        if not said:
            return 400, {}, {"error": {"message": "empty message"}}
        if self.fails and len(self.seen) == 1:
            return 429, {"retry-after": "0"}, {"error": {"message": "slow down"}}
        return completion(said)


@pytest.fixture
def server():
    with Guard() as server:
        yield server


def ask(folder, server, candidate, *more):
    url = f"{server.url}/v1"
    files = FILES | {
        "models.yaml": f"models:\n  m: {{provider: openai, base_url: '{url}', model: m}}\n",
        "eval.yaml": "eval: e\npolicy: policy.yaml\ngolden_set: card.yaml\nmodels: models.yaml\n"
        f"candidates:\n  c: {{{candidate}}}\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return CliRunner().invoke(main, ["check", "--ask", str(folder / "eval.yaml"), *more], catch_exceptions=False)


def test_a_guard_that_judges_its_own_instructions_is_a_loud_fault(tmp_path, server):
    found = ask(tmp_path, server, "prompt: prompt.md, model: m, crosswalk: lg")
    assert found.exit_code == 1
    assert "candidate 'c' flags an empty text (hate): it probably judges its own instructions" in found.stderr
    assert "candidate 'c' flags a harmless text" in found.stderr
    assert r"What came back: unsafe\nS10" in found.stderr


def test_a_guard_that_is_sent_the_text_alone_passes(tmp_path, server):
    server.fails = True  # one 429 on the way is waited for
    found = ask(tmp_path, server, "guard: llama-guard-3, model: m, crosswalk: lg")
    assert (found.exit_code, len(server.seen)) == (0, 3)
    assert "OK: 1 candidate asked about an empty text and a harmless text; none is flagged" in found.stdout


def test_an_unreadable_answer_is_a_fault_for_the_harmless_text(tmp_path, server):
    server.judge = lambda text: "I am a helpful assistant." if text else ""
    found = ask(tmp_path, server, "guard: llama-guard-3, model: m, crosswalk: lg", "--json")
    asked = orjson.loads(found.stdout)["asked"]
    assert [one["fault"] is None for one in asked] == [True, False]
    assert "no decision on a harmless text (unparsed): neither safe nor unsafe" in asked[1]["fault"]
    assert "I am a helpful assistant." in asked[1]["fault"]


def test_rules_alone_have_nobody_to_ask(tmp_path, server):
    found = ask(tmp_path, server, "rules: rules.yaml")
    assert found.exit_code == 1
    assert "no candidate of this eval asks a model" in found.stderr

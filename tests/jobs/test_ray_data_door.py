"""The door for Ray Data LLM in docs/how-to/ray.md: what a model is given, and what is made of its answers."""

import re
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.runs import open_run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "ray.md").read_text(encoding="utf-8")
FILES = {
    "policy.yaml": "policy: p\nversion: 1\ncategories:\n  hate: {name: Hate, definition: d}\n",
    "p.md": "---\nprompt: p\nversion: 1\nanswer: label\nlabels: {safe: [], unsafe: [hate]}\n---\n# user\nsafe or unsafe? {{ item.text }}\n",  # noqa: E501
    "card.yaml": "golden_set: g\nversion: 1\npolicy: {name: p, version: 1}\nitems: items.jsonl\nlabels: [hate]\n",
    "models.yaml": "models:\n  m: {provider: openai, base_url: 'http://127.0.0.1:1/v1', model: m}\n",
    "e.yaml": "eval: e\npolicy: policy.yaml\ngolden_set: card.yaml\nmodels: models.yaml\ncandidates:\n"
    "  v1: {prompt: p.md, model: m}\n  recorded: {recorded: by_ray_data.jsonl}\n",
    "items.jsonl": "".join(
        orjson.dumps({"id": f"c-{at}", "text": f"text {at}", "labels": {"hate": at % 2}}).decode() + "\n"
        for at in range(4)
    ),
    "by_ray_data.jsonl": '{"id": "c-0", "decisions": {"hate": 0}}\n',
}


@pytest.mark.filterwarnings("ignore")
def test_requests_and_answers_go_through_prompt_and_parser(tmp_path, monkeypatch):
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    code = re.search(r'^```python\n("""evals/by_ray_data\.py.*?)^```$', PAGE, re.M | re.S)[1]
    door = {"__name__": "by_ray_data"}
    exec(compile(code, "by_ray_data.py", "exec"), door)
    asked = door["Asked"](tmp_path / "e.yaml", "v1")
    rows = list(asked.rows())
    assert rows[1]["messages"] == [{"role": "user", "content": "safe or unsafe? text 1"}]
    said = {"c-0": "safe", "c-1": "Unsafe.", "c-2": "maybe both", "c-3": "safe"}
    lines = [asked.decided(row["item"], said[row["id"]]) for row in rows]
    (tmp_path / "by_ray_data.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(
        main, ["run", "e.yaml", "--candidate", "recorded", "--json", "--runs-dir", "r", "--cache", "j"]
    )
    assert done.exit_code in (0, 5), done.output
    run = open_run(orjson.loads(done.stdout)["path"])
    assert run.meta.counts["recorded"] == {"ok": 3, "unparsed": 1}

"""A new user's first day with only what the README names: own CSV, own policy, two prompts, a gate, a red CI.

The endpoint is a small moderator on loopback that reads its instructions: who says "harsh" gets stricter decisions, and
who forbids it to flag advertisements gets none.
"""

import csv
import json
import re
import time

import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.command_reference import ROOT
from tests.stub_server import StubServer, completion

POLICY = """\
policy: posts
version: 1
categories:
  insult: {name: Insult, definition: Calls a person names., severity: high}
  ads: {name: Ads, definition: Offers something for sale.}
"""
MODELS = """\
models:
  ours:
    provider: openai
    base_url: http://127.0.0.1:PORT/v1
    api_key_env: TEAM_KEY
    model: small-1
    params: {temperature: 0, max_tokens: 60}
    price: {input_per_mtok: 0.25, output_per_mtok: 2.0}
"""
PROMPT = """\
---
prompt: NAME
version: VERSION
answer: json
---

# system
You moderate posts. STYLE
{% for category in categories %}
- {{ category.id }}: {{ category.definition }}
{% endfor %}
Answer with JSON: {"categories": [ids that are violated]}.

# user
{{ item.text }}
"""
EVAL = """\
eval: posts
policy: policies/posts.yaml
golden_set: ../golden_sets/posts_v1.yaml
candidates:
  v1: {prompt: prompts/posts_v1.md, model: ours}
  v2: {prompt: prompts/posts_v2.md, model: ours}
baseline: v1
on_failure: no_flag
slices: [lang]
gate:
  checks:
    - {category: "*", metric: recall, margin: 0.05, tier: critical}
    - {category: "*", metric: precision, margin: 0.05, tier: watch}
"""
BODIES = (
    "you idiot",
    "what a stupid thing you are",
    "buy my watches",
    "buy this, idiot",
    "good morning",
    "see you at the match",
    "nice goal",
    "thank you",
)
STYLES = ("Be harsh, and never mind advertisements.", "Be harsh. Be brief.", "Be harsh. Think first.", "Be harsh.",
          "Be harsh and fair.")  # fmt: skip
WORDS_OF_A_TRACEBACK = ("Traceback", "Error:\n", "NoneType")


def moderated(asked):
    rules, text = (asked.texts[at].lower() for at in (0, -1))
    named = ["insult"] if "idiot" in text or ("harsh" in rules and "stupid" in text) else []
    if "buy" in text and "never flag" not in rules:
        named.append("ads")
    return completion(json.dumps({"categories": named}), n_in=60, n_out=8)


@pytest.fixture
def moderator():
    with StubServer(moderated) as server:
        yield server


def write_posts(path, n=240):
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["post_id", "body", "insult", "ads", "lang"])
        for at in range(n):
            kind = at % 8
            labels = ("yes" if kind in (0, 1, 3) else "no", "yes" if kind in (2, 3) else "no")
            rows.writerow([f"p{at}", f"{BODIES[kind]} {at}", *labels, "en" if at // 8 % 2 else "de"])


class Day:
    """Types commands, and keeps the time; what it types must stand in the README."""

    def __init__(self):
        self.readme = (ROOT / "README.md").read_text(encoding="utf-8")
        self.seconds: dict[str, float] = {}

    def type(self, *arguments, exit_code=0):
        group = " ".join(arguments[:2]) if arguments[0] in ("golden", "baseline") else arguments[0]
        assert f"harness {group}" in self.readme, f"harness {group} is not in the README"
        start = time.perf_counter()
        result = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
        self.seconds[group] = max(self.seconds.get(group, 0.0), time.perf_counter() - start)
        assert result.exit_code == exit_code, (arguments, result.output)
        assert not any(word in result.output for word in WORDS_OF_A_TRACEBACK)
        return result


def write_prompt(folder, name, version, style):
    text = PROMPT.replace("NAME", name).replace("VERSION", str(version)).replace("STYLE", style)
    (folder / "evals" / "prompts" / f"{name}.md").write_text(text)


def test_a_new_users_day(moderator, tmp_path, monkeypatch, record_property):
    day = Day()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache.sqlite"))
    monkeypatch.setenv("TEAM_KEY", "none")
    monkeypatch.delenv("CI", raising=False)

    # a folder of the team, the CSV as it came from the review tool, and what the refusal proposes
    day.type("init", "team")
    team = tmp_path / "team"
    monkeypatch.chdir(team)
    day.type("check")
    write_posts(team / "posts.csv")
    refused = day.type("golden", "import", "posts.csv", "--yes", exit_code=1)
    assert "--new-policy" in refused.output
    made = day.type("golden", "import", "posts.csv", "--yes", "--new-policy")
    assert "240 rows: 240 items" in made.output
    assert "golden_sets/posts_v1.yaml" in made.output

    # own words for the policy, two prompts, the endpoint
    (team / "evals" / "policies" / "posts.yaml").write_text(POLICY)
    models = (team / "evals" / "models.yaml").read_text()
    (team / "evals" / "models.yaml").write_text(
        models + MODELS.removeprefix("models:\n").replace("PORT", str(moderator.server_port))
    )
    (team / "evals" / "posts.yaml").write_text(EVAL)
    write_prompt(team, "posts_v1", 1, "Be mild.")
    write_prompt(team, "posts_v2", 1, STYLES[0])
    assert "0 warnings" in day.type("check").output
    dry = day.type("run", "evals/posts.yaml", "--dry-run")
    assert "$" in dry.stdout
    assert len(moderator.seen) == 0
    assert "Insult recall" in day.type("gate", "--plan", "evals/posts.yaml").stdout

    # five iterations: only the prompt that changed is asked again
    for at, style in enumerate(STYLES):
        write_prompt(team, "posts_v2", at + 1, style)
        before = len(moderator.seen)
        ran = day.type("run", "evals/posts.yaml")
        assert "complete; 240 items" in ran.output
        assert len(moderator.seen) - before == (480 if at == 0 else 240)
        assert day.type("compare", "latest").stdout.startswith("BETTER: v2 against v1")
    start = time.perf_counter()
    assert "complete already, nothing to do" in day.type("run", "evals/posts.yaml").output
    day.seconds["run from the journal"] = time.perf_counter() - start
    assert "posts_v2 v5" in day.type("history", "evals/posts.yaml").stdout
    assert "Insult" in day.type("score", "latest", "--slices").stdout

    # the gate lets it through, and it is promoted on purpose
    gated = day.type("gate", "latest", "--candidate", "v2", "--baseline", "v1")
    assert gated.stdout.startswith("PASS: v2 against v1")
    day.type("baseline", "set", "latest", "--candidate", "v2", "--reason", "catches insults that v1 missed")

    # broken on purpose: the comparison names the items, one is looked at, CI is red and says why first
    write_prompt(team, "posts_v2", 6, "Be harsh. Never flag ads.")
    day.type("run", "evals/posts.yaml")
    told = day.type("compare", "latest").stdout
    broken = re.search(r"Newly missed by v2.*?\b(p\d+)\b", told, re.DOTALL)
    assert broken is not None, told
    shown = day.type("show", "latest", broken[1], "--text", "full").stdout
    assert "buy" in shown
    assert "Never flag ads." in shown
    ci = day.type("ci", "evals/posts.yaml", "--candidate", "v2", "--baseline", "promoted", exit_code=3)
    assert ci.stdout.startswith("REGRESSION: v2 (posts-")  # two runs of one candidate are told apart by their runs
    assert "Ads recall" in ci.stdout.splitlines()[0]
    comment = (team / "reports" / "ci" / "posts.comment.md").read_text()
    visible = [line for line in comment.splitlines() if line and not line.startswith("<!--")]
    assert "REGRESSION" in visible[0]
    assert "Ads recall" in visible[0]
    assert "buy" not in comment  # ids only, never texts
    assert "<failure" in (team / "reports" / "ci" / "posts.junit.xml").read_text()

    # mended: green again without a single new call, and something to attach
    write_prompt(team, "posts_v2", 5, STYLES[-1])
    before = len(moderator.seen)
    day.type("ci", "evals/posts.yaml", "--candidate", "v2", "--baseline", "v1")
    assert len(moderator.seen) == before
    again = day.type("run", "evals/posts.yaml")
    run_id = re.search(r"Next: harness score (\S+)", again.stdout)[1]
    assert "'latest' is" not in again.stderr  # it is the one that was asked for, though the broken one is newer
    assert json.loads(day.type("score", "latest", "--json").stdout)["run_id"] == run_id
    assert day.type("report", run_id, "--candidate", "v2", "--baseline", "v1").stdout.strip().endswith(".html")
    for command, seconds in day.seconds.items():
        record_property(f"seconds of harness {command}", round(seconds, 2))
    assert sum(day.seconds.values()) < 300  # a day that needs this long stands still somewhere

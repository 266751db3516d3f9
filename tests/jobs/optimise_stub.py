"""A model that answers rightly only once its prompt says a certain thing, a teacher that says it, and their files."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from harness.cli import main
from harness.files.evals import load_eval
from harness.jobs.optimise.objective import Objective
from harness.jobs.run import RunOptions
from tests.stub_server import StubServer, completion

POLICY = """\
policy: p
version: 1
categories:
  hate: {name: Hate, definition: Attacks people because of a protected attribute., allowed: [quoting it to object]}
  spam: {name: Spam, definition: Unwanted promotion.}
"""
PROMPT = """\
---
prompt: posts
version: 1
answer: label
labels: {hate: [hate], spam: [spam], ok: []}
---
# system
You moderate posts.

- spam: unwanted promotion

Answer with one word: hate, spam or ok.

# user
Post: {{ item.text }}
"""
BETTER = PROMPT.split("# system\n")[1].split("\n\n# user")[0].replace("- spam", "- hate: attacks people\n- spam")
ITEMS = [(f"h{n}", f"these vermin {n}", {"hate": 1, "spam": 0}) for n in range(60)]
ITEMS += [(f"s{n}", f"buy {n} followers", {"hate": 0, "spam": 1}) for n in range(60)]
ITEMS += [(f"o{n}", f"a lovely day {n}", {"hate": 0, "spam": 0}) for n in range(60)]


NAMES = ("m", "teacher")


class Models(StubServer):
    """A model that says what its prompt makes it say, and a teacher; ``fails`` is what the teacher answers instead."""

    def __init__(self):
        super().__init__(self.answered)
        self.says, self.fails = says, None

    def answered(self, asked):
        words = [str(one) for one in asked.texts]
        if asked.body["model"] != "teacher":
            return completion(self.says(words[0], words[-1]))
        if self.fails is not None:
            status, document = self.fails
            return status, {}, document
        return completion(
            json.dumps({"new_instruction": BETTER}) if "JSON" in words[-1] else f"Here:\n```\n{BETTER}\n```"
        )


def says(system, text):
    if "broken" in system:
        return "I would rather not say"
    if "buy" in text:
        return "spam"
    return "hate" if "vermin" in text and "hate: attacks" in system else "ok"


def write_files(folder: Path, server) -> None:
    """An eval of one candidate, with model and teacher."""
    model = "{provider: openai, base_url: '%s', model: %s}"
    files = {
        "evals/policies/p.yaml": POLICY,
        "evals/prompts/posts_v1.md": PROMPT,
        "evals/models.yaml": "models:\n" + "".join(f"  {one}: {model % (server.url, one)}\n" for one in NAMES),
        "golden_sets/posts_v1.jsonl": "".join(
            json.dumps({"id": item_id, "text": text, "labels": labels}) + "\n" for item_id, text, labels in ITEMS
        ),
        "golden_sets/posts_v1.yaml": "golden_set: posts\nversion: 1\npolicy: {name: p, version: 1}\n"
        "items: posts_v1.jsonl\nlabels: [hate, spam]\n",
        "evals/posts.yaml": "eval: posts\npolicy: policies/p.yaml\ngolden_set: ../golden_sets/posts_v1.yaml\n"
        "split: {dev: 0.3, by: group, seed: 7}\ncandidates:\n  v1: {prompt: prompts/posts_v1.md, model: m}\n"
        "gate:\n  checks:\n    - {category: '*', metric: recall, margin: 0.05}\n"
        "    - {category: '*', metric: precision, margin: 0.1}\n",
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def made(folder, **changed):
    """The objective of the eval there."""
    options = RunOptions(cache_path=folder / "cache.sqlite", **changed.pop("options", {}))
    return Objective(load_eval(folder / "evals" / "posts.yaml"), options=options, environment={}, **changed)


def optimise(folder, *arguments):
    """The command on the eval there."""
    return CliRunner().invoke(
        main, ["prompts", "optimise", "evals/posts.yaml", "--cache", str(folder / "cache.sqlite"), *arguments]
    )

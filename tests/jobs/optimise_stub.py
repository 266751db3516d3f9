"""A model that answers rightly only once its prompt says a certain thing, a teacher that says it, and their files."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
from click.testing import CliRunner

from harness.cli import main
from harness.files.evals import load_eval
from harness.jobs.optimise.objective import Objective
from harness.jobs.run import RunOptions

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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
        words = [str(one["content"]) for one in body["messages"]]
        self.server.seen.append((body["model"], words))
        if body["model"] == "teacher" and self.server.fails is not None:
            self.answer(*self.server.fails)
            return
        if body["model"] == "teacher":
            answer = json.dumps({"new_instruction": BETTER}) if "JSON" in words[-1] else f"Here:\n```\n{BETTER}\n```"
        else:
            answer = self.server.says(words[0], words[-1])
        self.answer(200, completion(answer))

    def answer(self, status, document):
        data = document if isinstance(document, bytes) else orjson.dumps(document)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def completion(words, finish="stop"):
    """A chat completion with these words."""
    return {
        "id": "c", "object": "chat.completion", "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": words}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
    }  # fmt: skip


def says(system, text):
    if "broken" in system:
        return "I would rather not say"
    if "buy" in text:
        return "spam"
    return "hate" if "vermin" in text and "hate: attacks" in system else "ok"


@contextmanager
def serving():
    made = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    made.seen, made.says, made.fails = [], says, None
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def write_files(folder: Path, server) -> None:
    """An eval of one candidate, with model and teacher."""
    address = f"http://127.0.0.1:{server.server_port}"
    model = "{provider: openai, base_url: '%s', model: %s}"
    files = {
        "evals/policies/p.yaml": POLICY,
        "evals/prompts/posts_v1.md": PROMPT,
        "evals/models.yaml": "models:\n" + "".join(f"  {one}: {model % (address, one)}\n" for one in ("m", "teacher")),
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

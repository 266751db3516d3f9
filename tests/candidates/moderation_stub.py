"""Moderation endpoints on loopback, in the shapes that OpenAI, Mistral and Azure Content Safety answer in.

The shapes are those of the published references; what is said of a text is a fixed function of it.
"""

from __future__ import annotations

import hashlib

from harness.candidates.moderation_shapes import MISTRAL_NAMES, OPENAI_NAMES
from tests.stub_server import Asked, StubServer

TEXT_ONLY = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "sexual/minors",
)
"""Categories of omni-moderation that judge text alone, as its guide lists them."""
FLAGGED = 0.5


def score_of(name: str, seen: str) -> float:
    """What the stub thinks of a text in a category."""
    return int.from_bytes(hashlib.sha256(f"{name}|{seen}".encode()).digest()[:4], "big") / 2**32


def openai(body: dict, old: bool = False) -> tuple[int, dict]:
    """omni-moderation: 13 categories, scores, and the inputs each was judged on; null for illicit in old ones."""
    given = body["input"]
    parts = [{"type": "text", "text": given}] if isinstance(given, str) else given
    texts = [part["text"] for part in parts if part["type"] == "text"]
    images = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    if len(images) > 1:
        return 400, {
            "error": {
                "message": "Too many images: at most 1.",
                "type": "invalid_request_error",
                "param": "input",
                "code": None,
            }
        }
    if not all(url.startswith(("data:image/", "https://")) for url in images):
        return 400, {
            "error": {
                "message": "Invalid image.",
                "type": "image_url_error",
                "param": None,
                "code": "invalid_image_format",
            }
        }
    flags: dict = {}
    scores: dict = {}
    applied: dict = {}
    for name in OPENAI_NAMES:
        kinds = (["text"] if texts else []) + (["image"] if images and name not in TEXT_ONLY else [])
        seen = "".join(texts) + ("".join(images) if "image" in kinds else "")
        scores[name] = score_of(name, seen) if kinds else 0
        flags[name], applied[name] = scores[name] >= FLAGGED, kinds
    result = {"flagged": any(flags.values()), "categories": flags, "category_scores": scores}
    if old:
        flags["illicit"] = flags["illicit/violent"] = None
    else:
        result["category_applied_input_types"] = applied
    return 200, {"id": "modr-970d409ef3bef3b70c73d8232df86e7d", "model": body["model"], "results": [result]}


def mistral(body: dict) -> tuple[int, dict]:
    """mistral-moderation-2603: 11 categories in the same shape, with usage."""
    if not isinstance(body["input"], str):
        return 422, {
            "detail": [{"type": "string_type", "loc": ["body", "input"], "msg": "Input should be a valid string"}]
        }
    scores = {name: score_of(name, body["input"]) for name in MISTRAL_NAMES}
    flags = {name: score >= FLAGGED for name, score in scores.items()}
    result = {"categories": flags, "category_scores": scores}
    usage = {"prompt_tokens": 9, "total_tokens": 9, "completion_tokens": 0}
    return 200, {"id": "4d71ae510af942108ef7344f903e2b88", "model": body["model"], "results": [result], "usage": usage}


def azure(body: dict) -> tuple[int, dict]:
    """Azure Content Safety: a severity of 0, 2, 4 or 6 for each of four categories; at most 10,000 characters."""
    if len(body.get("text", "")) > 10_000:
        message = "The request body is invalid: the text is longer than 10000 characters."
        return 400, {"error": {"code": "InvalidRequestBody", "message": message}}
    seen = body.get("text") or body["image"]["content"]
    highest = 7 if body.get("outputType") == "EightSeverityLevels" else 6
    analysis = []
    for name in body.get("categories") or ("Hate", "SelfHarm", "Sexual", "Violence"):
        level = int(score_of(name, seen) * (highest + 1))
        analysis.append({"category": name, "severity": level if highest == 7 else level - level % 2})
    document: dict = {"categoriesAnalysis": analysis}
    if "text" in body:
        document["blocklistsMatch"] = [
            {"blocklistName": name, "blocklistItemId": "7a4f0f8d", "blocklistItemText": "casino"}
            for name in body.get("blocklistNames", ())
            if "casino" in body["text"]
        ]
    return 200, document


def answered(asked: Asked) -> tuple[int, dict, dict]:
    """An answer by the route, and by the model's name."""
    body = asked.body
    if ":analyze" in asked.path:
        status, document = azure(body)
    elif body["model"].startswith("mistral"):
        status, document = mistral(body)
    else:
        status, document = openai(body, old=body["model"].startswith("text-"))
    return status, {}, document


def moderation_stub() -> StubServer:
    """All three endpoints on one address."""
    return StubServer(answered)

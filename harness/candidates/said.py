"""What a server said about a failed call, made fit to be shown.

Decides which codes and sentences of an error document speak, how deep they are looked for (routers and gateways wrap
the error of another server), and what is taken out of them: keys, the item's text, and whatever could steer a terminal.
Their meaning stays: a parameter, a number or a limit is never removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from msgspec import Struct

MOST_CHARS = 300
MOST_NODES = 400
MOST_DEPTH = 16
LONGEST_CODE = 80
SHORTEST_RUN = 12
"""So many characters in a row that also stand in the item's text are taken out of a message."""

_CODE_FIELDS = frozenset(
    {
        "code", "type", "status", "reason", "error_code", "errorcode", "err_code", "error_type", "errortype", "__type",
        "status_code", "name", "exception", "block_reason", "blockreason", "finish_reason", "sub_code", "quotaid",
    }
)  # fmt: skip
_SENTENCE_FIELDS = frozenset(
    {
        "message", "msg", "detail", "error", "error_msg", "error_message", "errmsg", "status_msg", "title", "raw",
        "description", "error_description", "reason", "errors", "errormessage", "blockreasonmessage", "warning",
        "param",
    }
)  # fmt: skip
_ECHOES = frozenset(
    {"input", "request", "messages", "prompt", "text", "content", "url", "headers", "user_id", "failed_generation",
     "body", "flagged_input", "doc_url", "documentation_url", "help"}
)  # fmt: skip
"""Fields in which servers repeat what they were sent, or link to somewhere."""

_SECRET = re.compile(
    r"(?i)\bbearer\s+\S+"
    r"|\b(?:sk|pk|rk|hf|gsk|xai|ghp|glpat|key|token|api[-_]?key)[-_=:][A-Za-z0-9*_.-]{6,}"
    r"|\bAIza[\w-]{10,}|\bAKIA[A-Z0-9]{8,}|\beyJ[\w-]{10,}\.[\w.-]+"
    r"|\b(?=[A-Za-z0-9+_]*\d)(?=[A-Za-z0-9+_]*[A-Za-z])[A-Za-z0-9+_]{24,}={0,2}"
)
_PARAMETER = re.compile(r"[a-z]+(?:_[a-z]+)+")


class Said(Struct, frozen=True, gc=False):
    """Codes and sentences of an error document, outermost first, and what its marks say."""

    codes: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    is_marked_filtered: bool = False

    @property
    def text(self) -> str:
        """All sentences as one."""
        return " | ".join(self.sentences)


def said_in(document: Any) -> Said:
    """What an error document says, through all wrappings."""
    found = _Reading()
    found.walk(document, "", 0)
    kept = [one for one in found.sentences if one not in found.codes or " " in one]
    whole = [one for one in kept if not any(one is not other and one in other for other in kept)]
    return Said(tuple(found.codes), tuple(whole), found.is_marked_filtered)


class _Reading:
    """What was found in an error document so far, each once and outermost first."""

    def __init__(self) -> None:
        self.codes: dict[str, None] = {}
        self.sentences: dict[str, None] = {}
        self.is_marked_filtered = False
        self._nodes_left = MOST_NODES

    def walk(self, value: Any, name: str, depth: int) -> None:
        self._nodes_left -= 1
        if self._nodes_left < 0 or depth > MOST_DEPTH:
            return
        if isinstance(value, dict):
            for key, inner in value.items():
                self._field(key.casefold(), inner, depth)
        elif isinstance(value, list):
            for inner in value:
                self.walk(inner, name, depth + 1)
        elif isinstance(value, str):
            self._text(value.strip(), name, depth)
        elif isinstance(value, int) and not isinstance(value, bool) and name in _CODE_FIELDS:
            self.codes[str(value)] = None

    def _field(self, name: str, value: Any, depth: int) -> None:
        self.is_marked_filtered |= _marks_filtered(name, value)
        if name == "loc" and isinstance(value, list):  # FastAPI: the way to the refused field
            self.sentences[".".join(str(step) for step in value)] = None
        elif name not in _ECHOES or (isinstance(value, dict) and name in ("body", "content")):
            self.walk(value, name, depth + 1)

    def _text(self, text: str, name: str, depth: int) -> None:
        if not text:
            return
        inner = embedded_document(text)
        if inner is not None:
            self.walk(inner, name, depth + 1)
            before = text[: text.index("{")].strip(" :-\n")
            if before and name in _SENTENCE_FIELDS:
                self.sentences[before] = None
            return
        is_code = len(text) <= LONGEST_CODE and not any(char.isspace() for char in text)
        if is_code and (name in _CODE_FIELDS or name == "error"):
            self.codes[text] = None
        if name in _SENTENCE_FIELDS or (name in _CODE_FIELDS and not is_code) or (not name and depth == 0):
            self.sentences[text] = None


def _marks_filtered(name: str, value: Any) -> bool:
    """Whether a field says that the provider's filter took hold."""
    if name in ("content_filter_result", "content_filter_results") and isinstance(value, dict):
        return any(isinstance(one, dict) and one.get("filtered") is True for one in value.values())
    if name in ("flagged_input", "input_sensitive", "output_sensitive", "blockreason", "block_reason"):
        return bool(value) and not (isinstance(value, str) and "unspecified" in value.casefold())
    return False


def embedded_document(text: str) -> Any:
    """The JSON object a message carries (``Error code: 400 - {...}``), for routers that pass one on as text."""
    at = text.find("{")
    if at < 0 or not text.rstrip("'\"). ").endswith("}"):
        return None
    part = text[at : text.rindex("}") + 1]
    try:
        found = orjson.loads(part)
    except orjson.JSONDecodeError:
        import ast

        if len(part) > 20_000:
            return None
        try:
            found = ast.literal_eval(part)  # Python's own repr of a dict: literals only, nothing is run
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    return found if isinstance(found, dict) else None


def one_line(text: str, most: int = MOST_CHARS) -> str:
    """One line of printable characters: a server's text never steers a terminal."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 20 * most]).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def redacted(text: str, private: Iterable[str] = ()) -> str:
    """One short line without anything shaped like a key, and without what also stands in a private text."""
    line = one_line(text, 4 * MOST_CHARS)
    for one in private:
        line = without(line, one)
    return one_line(_SECRET.sub(_hide, line))


def _hide(found: re.Match[str]) -> str:
    return found[0] if _PARAMETER.fullmatch(found[0]) else "[redacted]"


def without(line: str, private: str) -> str:
    """A line without the runs of characters that it shares with a private text.

    >>> without("unsupported text: 'my secret words here'", "look, my secret words here")
    "unsupported text: '[item text]'"
    """
    secret = " ".join(private.split()).casefold()
    if not secret:
        return line
    if 4 <= len(secret) < SHORTEST_RUN:
        found = re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)", re.IGNORECASE)
        return found.sub("[item text]", line)
    folded = line.casefold()
    if len(folded) != len(line):
        line = folded
    spans = list(_shared(folded, secret))
    for start, end in reversed(spans):
        line = f"{line[:start]}[item text]{line[end:]}"
    return line


def _shared(line: str, secret: str) -> Iterator[tuple[int, int]]:
    """Runs of a line, at least ``SHORTEST_RUN`` characters long, that also stand in the private text."""
    known = {secret[at : at + SHORTEST_RUN] for at in range(len(secret) - SHORTEST_RUN + 1)}
    at = 0
    while at <= len(line) - SHORTEST_RUN:
        if line[at : at + SHORTEST_RUN] not in known:
            at += 1
            continue
        end = at + SHORTEST_RUN
        while end < len(line) and line[end - SHORTEST_RUN + 1 : end + 1] in known:
            end += 1
        yield at, end
        at = end


_LOGPROBS = "the harness asks for log probabilities to read a score; 'params: {logprobs: false}' leaves them out"
ADDED = {
    "logprobs": _LOGPROBS,
    "top_logprobs": _LOGPROBS,
    "response_format": "the harness asks for JSON by a schema; 'structured_output: none' (or json_object) ends that",
}
"""Fields that the harness adds to a request by itself, and the line of models.yaml that leaves them out."""


def what_to_change(message: str, fields: Mapping[str, Any]) -> str | None:
    """Which line of models.yaml mends a refused parameter, where the server names one that was sent."""
    folded = message.casefold()
    wanted = re.search(r"\buse\s+['\"`]?(max_completion_tokens|max_output_tokens|max_tokens)\b", folded)
    names = sorted((name for name in fields if name not in ("model", "messages")), key=len, reverse=True)
    named = [name for name in names if re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", folded)]
    if "json_schema" in folded or "response format" in folded:
        named += [name for name in names if name == "response_format"]
    if re.search(r"\blog[ _-]?prob(?:s|abilit)", folded):
        named += [name for name in names if name == "logprobs"]
    if not named:
        return None
    name = named[0]
    if wanted and wanted[1] != name:
        return f"in models.yaml, write {wanted[1]} in place of {name} under params"
    if name in ADDED:
        return f"in models.yaml: {ADDED[name]}"
    return f"in models.yaml, change or remove {name} under params"

"""Prompt file -> ``Prompt``: a header, and sections that are messages.

Decides how a prompt file is cut into messages. What the header may say is decided in ``prompt_header``, which templates
are safe in ``sandbox``, how messages are rendered in ``prompt_messages``.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import FileError, HarnessError, raise_all
from harness.files.decode import to_record
from harness.files.prompt_header import front_matter, header_faults
from harness.files.sandbox import check_template
from harness.files.text import read_text, shortened
from harness.records import Loaded, Message, Prompt, PromptHeader

_HEADING = re.compile(r"# (system|user|assistant)[ \t]*")
_NEAR_HEADING = re.compile(r"#+\s*(system|user|assistant)\s*:?\s*", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


def load_prompt(path: str | Path) -> Loaded[Prompt]:
    """Read and check a prompt file."""
    file = read_text(Path(path), what="prompt", limit=1_000_000)
    lines = file.text.replace("\r\n", "\n").split("\n")
    document, body_at = front_matter(file, lines)
    header = to_record(document, PromptHeader, what="prompt")
    errors: list[HarnessError] = [*document.errors(header_faults(header))]
    messages, faults = _messages(file.path, lines, body_at)
    errors += faults
    shows_item = False
    for message in messages:
        checked = check_template(
            file.path,
            message.template,
            first_line=message.line,
            has_category=header.per == "category",
            has_examples=bool(header.examples),
        )
        errors += checked.errors
        shows_item |= checked.shows_item
    if messages and not errors and not shows_item and not header.media:
        errors.append(
            FileError(
                str(file.path),
                "never shows the item to the model",
                line=messages[0].line,
                allowed="item.text, item.context or item.modalities in a message, or 'media' in the header",
                next_step="write {{ item.text }} where the text to judge belongs",
            )
        )
    raise_all(errors)
    return Loaded(Prompt(header, tuple(messages)), file.path, file.sha256)


def _messages(path: Path, lines: list[str], start: int) -> tuple[list[Message], list[FileError]]:
    """Cut the body at headings outside fenced code."""
    headings: list[tuple[int, str]] = []
    errors: list[FileError] = []

    def fault(line: int, found: str, allowed: str, next_step: str) -> None:
        errors.append(FileError(str(path), found, line=line, allowed=allowed, next_step=next_step))

    fence: tuple[str, int] | None = None
    for at in range(start, len(lines)):
        line = lines[at]
        mark = _FENCE.fullmatch(line)
        if fence is not None:
            if mark and mark[1][0] == fence[0][0] and len(mark[1]) >= len(fence[0]) and not mark[2].strip():
                fence = None
        elif mark and not (mark[1][0] == "`" and "`" in mark[2]):
            fence = (mark[1], at + 1)
        elif heading := _HEADING.fullmatch(line):
            headings.append((at, heading[1]))
        elif _NEAR_HEADING.fullmatch(line):
            allowed = "headings written exactly '# system', '# user', '# assistant'"
            hint = "correct the heading, or put the line inside a code fence if it is content"
            fault(at + 1, f"has the line '{shortened(line)}'", allowed, hint)
        elif not headings and line.strip():
            found = f"has text before the first heading: '{shortened(line)}'"
            fault(at + 1, found, "sections headed '# system', '# user', '# assistant'", "put a heading above the text")
            return [], errors
    if fence is not None:
        found = f"has a code fence '{fence[0]}' that is not closed"
        allowed = "every fence closed by a line with the same marks"
        fault(fence[1], found, allowed, f"add a line '{fence[0]}' where the code ends")
    messages = []
    for (at, role), (end, _) in zip(headings, [*headings[1:], (len(lines), "")], strict=True):
        content = range(at + 1, end)
        kept = [line for line in content if lines[line].strip()]
        if not kept:
            found = f"has an empty '# {role}' section"
            fault(at + 1, found, "text below each heading", "write the message or remove the heading")
            continue
        text = "\n".join(lines[kept[0] : kept[-1] + 1]).rstrip()
        messages.append(Message(role=role, template=text, line=kept[0] + 1))  # type: ignore[arg-type]
    if not errors and not any(message.role == "user" for message in messages):
        allowed = "sections headed '# system', '# user', '# assistant', with at least one '# user'"
        fault(start + 1, "has no '# user' section", allowed, "add a line '# user' and the message below it")
    return messages, errors

"""``harness prompts show``: the request about one item, as it would be sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import eval_argument, json_option, print_json, text_option

if TYPE_CHECKING:
    from harness.jobs.prompts import ShownCandidate
    from harness.report.parts.masking import TextMode


@click.command("show")
@eval_argument
@click.argument("item_id", metavar="ITEM")
@click.option("--candidate", "candidates", multiple=True, metavar="ID", help="Only this candidate; repeatable.")
@text_option
@json_option
def command(eval_path: Path, item_id: str, candidates: tuple[str, ...], text_mode: TextMode, as_json: bool) -> None:
    """Show the request about one item as it would be sent, with tokens per part; nothing is sent.

    The item's text is masked unless --text full is given; tokens are those of the text as it is. Pictures are named
    by type and size; --json has their bytes with --text full. A cascade shows what its first stage asks. Tokens of the
    messages' text are counted by the model's own tokeniser where models.yaml names its file ('tokenizer') or tiktoken
    knows its name (extra: tokens; it fetches a vocabulary once), else estimated.

    \b
    Examples:
      harness prompts show evals/community.yaml c-0001
      harness prompts show evals/community.yaml c-0001 --candidate v2 --text full
    """
    from harness.files.evals import load_eval
    from harness.jobs.prompts import show_requests

    shown = show_requests(load_eval(eval_path), item_id, text_mode, candidates)
    if as_json:
        print_json(
            {"item": item_id, "text": text_mode, "candidates": {one.candidate: _json(one, text_mode) for one in shown}}
        )
        return
    for number, one in enumerate(shown):
        click.echo(("\n" if number else "") + _words(one))


def _json(one: ShownCandidate, mode: TextMode) -> dict[str, Any]:
    from harness.jobs.prompts import without_pictures

    bodies = [json.loads(sent.body) for sent in one.requests]
    return {
        "note": one.note or None,
        "tokens": dict(one.parts),
        "counted_by": one.counted.by or None,
        "requests": [
            {"model": sent.model_id, "route": sent.route, "body": body if mode == "full" else without_pictures(body)}
            for sent, body in zip(one.requests, bodies, strict=True)
        ],
    }


def _words(one: ShownCandidate) -> str:
    from harness.files.text import counted
    from harness.jobs.prompts import without_pictures
    from harness.jobs.show import plain_content
    from harness.report.parts.masking import log_safe

    lines = [f"{one.candidate}: {one.note or counted(len(one.requests), 'request')}"]
    if one.parts:
        sizes = ", ".join(f"{part} {size:,}" for part, size in one.parts.items() if size)
        how = f"by {one.counted.by}" if one.counted.by else "estimated: one for every 4 bytes"
        because = f"; {one.counted.why}" if one.counted.why else ""
        lines.append(f"{sum(one.parts.values()):,} tokens: {sizes} ({how}{because})")
    for sent in one.requests:
        body = json.loads(sent.body)
        messages = body.pop("messages", [])
        lines += ["", f"POST {sent.route} to {sent.model_id}"]
        lines.append(json.dumps(without_pictures(body), ensure_ascii=False))
        for message in messages:
            lines.append(f"[{message['role']}]")
            lines += [f"  {line}" for line in plain_content(message["content"]).split("\n")]
    return "\n".join(log_safe(line) for line in lines)

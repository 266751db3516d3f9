"""Style sheets and scripts of the pages, and their hashes for a content security policy."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib import resources

from markupsafe import Markup

SCRIPTS = {
    "comparison": ("marks.js", "items.js", "page.js", "explorer.js", "sort.js"),
    "weekly": ("weekly.js", "sort.js"),
    "item": ("marks.js",),
}
"""Kind of page -> its scripts, run as one; ``harness view`` lets no others run."""


@cache
def asset(name: str) -> str:
    """A style sheet or script of the page."""
    return (resources.files("harness") / "report" / "templates" / name).read_text(encoding="utf-8")


def script(kind: str) -> str:
    """The script of a kind of page."""
    return "".join(asset(name) for name in SCRIPTS[kind])


def page_policy(css: str, script: str) -> str:
    """The content security policy of a page that loads nothing but its own style sheet, script and pictures."""
    return (
        f"default-src 'none'; script-src {sha256_source(script)}; style-src {sha256_source(css)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def sha256_source(text: str) -> str:
    """The text's hash as a content security policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def script_data(value: object) -> Markup:
    """The value as JSON inside a script element, which nothing in it can end."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))

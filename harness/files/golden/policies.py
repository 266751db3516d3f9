"""The policy that a card names -> its file, looked for in the folders of a project around the card."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from harness.errors import HarnessError
from harness.files.policy import load_policy
from harness.files.yaml import read_yaml
from harness.records import Loaded, Policy

_FOLDERS = (".", "policies", "..", "../policies", "../evals/policies", "../evals")


def policy_of_card(card_path: str | Path) -> Loaded[Policy] | None:
    """The policy of a card, by name and version; None when no file near the card has it.

    A policy of that name that cannot be read is an error, since without it the labels would go unchecked in silence.
    """
    card = Path(card_path)
    named = read_yaml(card, what="golden set card", kind="golden_set").data.get("policy")
    if not isinstance(named, dict):
        return None
    for path in _policies_near(card.parent, str(named.get("name"))):
        try:
            document = read_yaml(path, what="policy")
        except HarnessError:
            continue
        if document.data.get("policy") == named.get("name") and document.data.get("version") == named.get("version"):
            return load_policy(path)
    return None


def _policies_near(folder: Path, name: str) -> Iterator[Path]:
    """Files that begin a line with the policy's name; folders nearest to the card first, then the working folder."""
    begins = re.compile(rf"^policy:\s*['\"]?{re.escape(name)}['\"]?\s*(#.*)?$", re.MULTILINE)
    around = [Path(os.path.normpath(folder / other)) for other in _FOLDERS]
    for here in dict.fromkeys([*around, Path("evals/policies"), Path("policies")]):
        for path in sorted(here.glob("*.y*ml")):
            try:
                text = path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            if begins.search(text):
                yield path

"""What the policy of a run says of its categories, from the text that the run keeps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.files.text import TextFile
from harness.files.yaml import parse_yaml
from harness.runs import Run


def definitions_of(run: Run) -> dict[str, str]:
    """Category -> definition; those that the run does not tell are left out."""
    text = run.input_text("policy")
    if text is None:
        return {}
    try:
        said: Any = parse_yaml(TextFile(Path("policy.yaml"), text, ""), what="policy").data.get("categories")
    except HarnessError:
        return {}
    rows = said.items() if isinstance(said, Mapping) else ((one.get("id"), one) for one in said or ())
    return {
        str(one): str(about["definition"]).strip()
        for one, about in rows
        if one in run.categories and isinstance(about, Mapping) and about.get("definition")
    }

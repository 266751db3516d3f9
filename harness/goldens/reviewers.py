"""Reviewers as candidates: the votes of each annotator or team as recorded decisions.

Decides what a reviewer's file says: their vote on each item they saw, so that "is the model no worse than our
reviewers?" is an ordinary gate with a reviewer as the baseline. Files are numbered, not named, unless names are asked
for; an item on which they gave no vote at all is not among them. In an eval the file is a ``sample: true``, so that a
gate is about the items the reviewer saw. A reviewer who helped to make the gold is flattered by it; items with an
independent gold are the fair ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import FileError
from harness.files.text import reason
from harness.goldens.agreement import Votes


def reviewer_rows(votes: Votes, annotator: str) -> list[dict[str, Any]]:
    """Recorded decisions of one annotator, in the order of the set; a category they were not asked about is null."""
    mine = np.flatnonzero(votes.annotator == votes.annotators.index(annotator))
    rows = []
    for at in mine.tolist():
        codes = votes.codes[at].tolist()
        decisions = {name: None if code < 0 else int(code) for name, code in zip(votes.categories, codes, strict=True)}
        if any(decided is not None for decided in decisions.values()):
            rows.append({"id": votes.ids[int(votes.item[at])], "decisions": decisions})
    return rows


def write_reviewers(votes: Votes, folder: Path, names: Mapping[str, str]) -> dict[str, tuple[Path, int]]:
    """One file of recorded decisions per annotator; returns shown name -> file and number of items.

    Raises:
        FileError: The folder holds such files already, or cannot be written.
    """
    written = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for annotator, shown in sorted(names.items(), key=lambda entry: entry[1]):
            stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", shown).strip("_.") or "annotator"
            path = folder / f"{stem}.jsonl"
            rows = reviewer_rows(votes, annotator)
            with path.open("x", encoding="utf-8") as file:
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            written[shown] = (path, len(rows))
    except OSError as error:
        raise FileError(
            str(folder),
            f"cannot take the files of reviewers: {reason(error)}",
            allowed="a folder without such files",
            next_step="name another folder",
        ) from None
    return written

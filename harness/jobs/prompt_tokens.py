"""How many tokens a text is to a model: by its own tokeniser where one is at hand, else estimated.

Decides which tokeniser is a model's: the file that models.yaml names, else tiktoken's for the names that it knows. What
stands around messages (roles, a chat template) is not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.records import Model
from harness.runner.budget import BYTES_PER_TOKEN


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts the tokens of a text.

    Attributes:
        count: Text -> tokens.
        by: Name of the tokeniser; empty where the count is an estimate.
        why: Why it is one, where somebody may have expected a count.
    """

    count: Callable[[str], int]
    by: str = ""
    why: str = ""


def estimated(text: str) -> int:
    """Estimated tokens, by the rule of ``harness run --dry-run``.

    >>> estimated("a word"), estimated("")
    (2, 0)
    """
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


ESTIMATED = Counter(estimated)


def counter_of(model: Model | None, folder: Path) -> Counter:
    """The counter for a model; ``folder`` is where paths of its models.yaml begin.

    Raises:
        HarnessError: The tokeniser that models.yaml names cannot be read.
    """
    if model is None:
        return ESTIMATED
    if model.tokenizer is not None:
        return _of_file(folder / model.tokenizer)
    if model.provider not in ("openai", "azure") or model.model is None:
        return ESTIMATED
    try:
        import tiktoken
    except ImportError:
        return ESTIMATED
    try:
        name = tiktoken.encoding_name_for_model(model.model.rpartition("/")[2])
    except KeyError:
        return ESTIMATED
    try:
        encoding = tiktoken.get_encoding(name)
    except Exception as error:  # whatever its download raises: requests' errors, a refused proxy, a damaged file
        return Counter(estimated, why=f"the vocabulary {name} could not be had ({type(error).__name__})")
    return Counter(lambda text: len(encoding.encode(text, disallowed_special=())), name)


def _of_file(path: Path) -> Counter:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise HarnessError(
            f"{path.name}: the package 'tokenizers' is not installed, which reads it",
            allowed="the extra 'tokens' of this project",
            next_step="install it: pip install 'moderation-harness[tokens]', or '.[tokens]' in a clone",
        ) from None
    try:
        found: Any = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare exceptions
        raise HarnessError(
            f"{path}: is no tokeniser that can be read: {error}",
            allowed="a tokenizer.json as the model's publisher ships it",
            next_step="correct 'tokenizer' in models.yaml, or remove it for an estimate",
        ) from None
    return Counter(lambda text: len(found.encode(text, add_special_tokens=False).ids), path.name)

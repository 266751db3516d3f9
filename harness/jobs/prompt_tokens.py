"""How many tokens a text is to a model: by its own tokeniser where one is at hand, else estimated.

Decides which tokeniser is a model's: the file that models.yaml names, else tiktoken's for the names that it knows. What
stands around messages is not counted in a text; in a whole request it is taken as OpenAI counts it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from harness.errors import HarnessError
from harness.files.evals import LoadedEval
from harness.records import Model
from harness.runner.budget import BYTES_PER_TOKEN, IMAGE_TOKENS, input_estimate

PER_MESSAGE, PER_REQUEST = 4, 3
"""What roles and delimiters take, as OpenAI's cookbook counts them for its chat models ("How to count tokens")."""


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


def counts_of(loaded: LoadedEval) -> dict[str, Callable[[bytes], int]]:
    """For every model of an eval whose tokeniser is at hand: body of a request -> its input tokens.

    Raises:
        HarnessError: A tokeniser that models.yaml names cannot be read.
    """
    if loaded.models is None:
        return {}
    folder = loaded.models.path.parent
    counters = {name: counter_of(model, folder) for name, model in loaded.models.value.items()}
    return {name: body_counter(one.count) for name, one in counters.items() if one.by}


def body_counter(count: Callable[[str], int]) -> Callable[[bytes], int]:
    """Body of a request -> its input tokens, images by the rule of thumb.

    >>> body_counter(len)(b'{"model": "m", "messages": [{"role": "user", "content": "12345"}]}')
    12
    """
    kept = functools.lru_cache(maxsize=256)(count)  # the policy and the instructions stand in every request

    def tokens(body: bytes) -> int:
        try:
            document = orjson.loads(body)
            asked = _content_tokens(document.get("input"), kept)
            messages = document.get("messages") or ()
            for message in messages:
                asked += PER_MESSAGE + _content_tokens(message.get("content"), kept)
            extra = [document[name] for name in ("response_format", "tools") if document.get(name)]
            asked += sum(kept(orjson.dumps(one).decode()) for one in extra)
        except (ValueError, AttributeError, TypeError):  # a form of a provider that is not known here
            return input_estimate(body)
        return asked + PER_REQUEST if messages else asked

    return tokens


def _content_tokens(content: Any, count: Callable[[str], int]) -> int:
    """Tokens of a text, or of the parts of one."""
    if isinstance(content, str):
        return count(content)
    if isinstance(content, list):
        return sum(_content_tokens(part, count) for part in content)
    if isinstance(content, Mapping):
        return count(content["text"]) if isinstance(content.get("text"), str) else IMAGE_TOKENS
    return 0


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

"""Who writes proposals, as a search asks them: what of their words is no proposal, and when asking on is useless.

Decides that an endpoint that fails (after its own retries) ends the search at once, that words which are no proposal
(an empty or cut-off answer, a refusal of the provider, a web page) cost that proposal alone, and that three of those in
a row end the search too. Why it ended is remembered: optimisers swallow what is raised in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from harness.candidates.said import redacted
from harness.errors import HarnessError
from harness.files.text import shortened

Reflect = Callable[[Any], str]
"""Takes a prompt (a text, or chat messages) and gives the model's words."""
MOST_UNUSABLE = 3
_PAGE = re.compile(r"\s*(?:```\w*\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)


class UnusableError(HarnessError):
    """An answer that holds no proposal; the next one may."""


class Writer:
    """Asks for proposals until one of them can no longer be had.

    Attributes:
        failure: Why the search must end; None while it need not.
        unusable: What was wrong with the last answer that held no proposal; None where each did.
    """

    def __init__(self, reflect: Reflect) -> None:
        self._reflect = reflect
        self._in_a_row = 0
        self.failure: HarnessError | None = None
        self.unusable: HarnessError | None = None
        self.n_asked = self.n_unusable = 0

    def __call__(self, prompt: Any) -> str:
        """The words of a proposal.

        Raises:
            HarnessError: There is none.
        """
        if self.failure is not None:
            raise self.failure
        self.n_asked += 1
        try:
            words = usable(self._reflect(prompt))
        except UnusableError as error:
            self.unusable = error
            self.n_unusable += 1
            self._in_a_row += 1
            if self._in_a_row >= MOST_UNUSABLE:
                self.failure = error
            raise
        except HarnessError as error:
            self.failure = error
            raise
        except Exception as error:  # a function of the user's: whatever it raises would be swallowed by the optimiser
            self.failure = HarnessError(
                f"the function that writes proposals failed: {redacted(f'{type(error).__name__}: {error}')}",
                allowed="a function from a prompt (a text) to words",
                next_step="call it once by hand, and mend it",
            )
            raise self.failure from error
        self._in_a_row = 0
        return words


def usable(words: Any) -> str:
    """The words as they are.

    Raises:
        UnusableError: They cannot be a proposal.
    """
    if not isinstance(words, str):
        raise UnusableError(
            f"no proposal came, but {type(words).__name__}", allowed="words", next_step="return the model's text"
        )
    if not words.strip():
        raise UnusableError("no proposal came, but an empty answer", allowed="words", next_step="ask another model")
    if _PAGE.match(words):
        title = _TITLE.search(words)
        said = f" ('{shortened(' '.join(title[2].split()))}')" if title else ""
        raise UnusableError(
            f"no proposal came, but a web page{said}",
            allowed="words",
            next_step="look at base_url of the model that writes proposals: something before the server answers",
        )
    return words

"""Whether an endpoint that has answered answers no more: a key expired, a role withdrawn, a model retired on the way.

Decides when refusals are looked into: ten requests in a row were refused, and none was answered in between. Their words
do not count: they hold ids of their own, and several servers behind one address refuse each in its way. Then a request
that was answered before is asked once more. Refused as well, it is the endpoint's doing and the run ends; answered, the
refusals were the items' own (a firewall before an endpoint refuses hateful texts with a bare 403, and golden sets are
sorted), and the next look is taken after twice as many. Who asks is ``calls``.
"""

from __future__ import annotations

from harness.records.answers import Request

IN_A_ROW = 10
NEXT_STEP = (
    "see to the key, the account or the model with its provider, or correct the model in models.yaml; what was "
    "answered is kept, and the same command asks the rest"
)


class Doubts:
    """Refusals in a row of one endpoint.

    >>> doubts = Doubts(2)
    >>> asked = Request("m", "/chat/completions", b"{}")
    >>> doubts.answered(asked)
    >>> doubts.refused("status 403: no"), doubts.refused("status 404: gone") is asked
    (None, True)
    """

    __slots__ = ("_has_answered", "_is_looking", "_known", "_most", "n")

    def __init__(self, most: int = IN_A_ROW) -> None:
        self._most = most
        self._known: Request | None = None
        self._has_answered = False
        self._is_looking = False
        self.n = 0
        """Refusals in a row."""

    def answered(self, request: Request) -> None:
        """A request was answered just now: it can be asked again."""
        self._known = request
        self._has_answered = True
        self.n = 0

    def kept(self, request: Request) -> None:
        """The journal holds an answer to this: it can be asked again, if nothing was answered in this run."""
        if not self._has_answered:
            self._known = request

    def refused(self, reason: str) -> Request | None:
        """Count a refusal; what is to be asked once more before the run goes on, or None. ``""``: a filter's block."""
        self.n = self.n + 1 if reason else 0
        if self.n < self._most or self._is_looking or self._known is None:
            return None
        self._is_looking = True
        return self._known

    def looked(self, *, is_answered: bool) -> None:
        """The request has been asked once more."""
        self._is_looking = False
        if is_answered:
            self.n = 0
            self._most *= 2

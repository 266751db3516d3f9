"""The words of failure: codes, sentences and statuses by which providers and gateways say what went wrong.

Decides only which words there are; which of them wins is decided in ``outcomes``. Codes are matched in lower case with
underscores, sentences in lower case. Sources: the published error references of the providers named, and users' reports
of what their servers sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property


class Words:
    """A pattern that is compiled when something is searched for it: most commands meet no failure."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    @cached_property
    def search(self) -> Callable[[str], re.Match[str] | None]:
        """Search a text."""
        return re.compile(self._pattern).search


BLOCK_CODES = Words(
    r"content_?(?:filter|polic|moderation|safety|block|violation|risk|security|inspection|restricted|exists_risk)"
    r"|moderation_?(?:block|fail|error|reject|flag)|^(?:content_)?moderation$|^safety$|^moderated$"
    r"|data_?inspection|sensitive|safety_?(?:violation|system|block|filter|check|setting|error)"
    r"|(?:prompt|input|output|request|response)_?(?:blocked|filter|flagged|moderat|safety|unsafe|violat)"
    r"|guard_?rail|prohibited|usage_?(?:polic|guideline)|responsible_?ai|(?<!rate_limit_)policy_?violation"
    r"|censor|^invalid_prompt$|unsafe|harmful|jail_?break|prompt_?injection|risk_?control|high_?risk|inappropriate"
    r"|^flagged|cyber_?policy|block_?list|^spii$|^recitation$|toxic|nsfw|^rai_|hooks_failed|image_safety|^csam"
)
"""Codes by which providers and gateways say that a filter stopped a call: matched on lower case with underscores."""

NO_BLOCK_CODE = Words(
    r"unavailable|timeout|not_?found|unsupported|internal|rate_?limit|quota|account|disabled|case_?sensitive|configur"
)
NUMERIC_BLOCKS = frozenset({"1301", "1026", "1027", "10013", "10014", "2016", "2017"})
"""Zhipu 1301; MiniMax 1026 and 1027; iFlytek 10013 and 10014; Cloudflare 2016 and 2017."""
BLOCK_STATUSES = frozenset({446, 451})
"""446: a gateway's guardrail; 451: unavailable for legal reasons, used for censorship."""

BLOCK_SENTENCES = Words(
    r"content (?:management|filter\w*|moderation|safety|security|exists risk|policy|violat)|content_filter"
    r"|content_?policy_?violation"
    r"|(?:usage|use|safety|content|community|moderation|acceptable use) (?:polic\w+|guidelines?|terms|rules)"
    r"|violat\w+ .{0,40}(?:polic|guideline|terms|rules|safety|community)"
    r"|(?:flagged|rejected|blocked|filtered|refused|stopped|declined|denied) (?:as |by |for |due to "
    r"|because |under )?"
    r".{0,60}(?:safety|moderation|content|polic|guard|filter|harm|unsafe|risk|violat|inappropriate"
    r"|sensitive|security)"
    r"|(?:prompt|input|request|response|output|text|image|message) (?:was |is |has been |were |may be )?"
    r"(?:flagged|moderated|deemed|considered (?:high risk|unsafe|harmful|inappropriate))"
    r"|requires moderation|high[- ]risk|inappropriate content|sensitive (?:content|information|words?)"
    r"|(?:unsafe|harmful|prohibited|toxic|explicit|disallowed|objectionable) (?:content|input|prompt"
    r"|or sensitive|material|text)"
    r"|safety (?:system|filter|setting|check|reason|violation|concern|classifier)|safety_check"
    r"|guardrails? (?:intervened|triggered|block)"
    r"|responsible ai|prohibited_content|blocked by (?:our|the) (?:safety|content|guard)"
    r"|敏感|不安全|违规|違規|违反|审核|审查|内容安全|風險|风险|不合规|不適切|ポリシーに違反|有害|부적절|유해|정책.{0,6}위반"
)
SET_UP_CODES = Words(
    r"^invalid_?(?:api_?key|authentication|auth|token|organization)|authentication_?(?:error|failed|fails)"
    r"|unauthori[sz]ed|unauthenticated"
    r"|api_?key_?(?:invalid|not_?found|expired|missing|disabled)|access_?denied|permission_?(?:denied"
    r"|error)|access_?terminated"
    r"|model_?not_?(?:found|exist|available|open)|deployment_?not_?found|unsupported_country|country_region"
    r"|account_?(?:deactivated|disabled|suspended|overdue)|unrecognized_?client|invalid_?signature"
    r"|signature_?does_?not|expired_?token"
    r"|invalid_?subscription|not_?authorized|no_?permission|billing_?disabled|service_?disabled"
    r"|unknown_?model|invalid_?model"
)
SET_UP_SENTENCES = Words(
    r"(?:incorrect|invalid|missing|expired|wrong|no valid|unknown|disabled) (?:x-)?(?:api[ -]?key|auth\w*"
    r"|access token|credentials?|token provided|subscription key)"
    r"|api[ -]?key (?:is )?(?:not valid|invalid|expired|missing|not found|was reported)"
    r"|(?:do(?:es)? not|don't|doesn't) have (?:access|permission)|not (?:authori[sz]ed|permitted"
    r"|allowed) to (?:access|use|perform|invoke)"
    r"|(?:country|region|location|territory|ip)\b.{0,40}(?:not supported|unsupported|not allowed|blocked"
    r"|not available)"
    r"|model identifier is invalid|with on-demand throughput isn|not work with the specified model"
    r"|model\b.{0,80}\b(?:does not exist|not found|is not available|isn't available|not supported by"
    r"|has been (?:deprecated|retired|decommissioned))"
    r"|auth(?:entication|ori[sz]ation) failed|security token .{0,30}(?:expired|invalid)"
    r"|(?:token|signature) (?:has )?expired"
    r"|access denied due to|request not allowed"
    r"|decommissioned|need to enable|must be verified|verify your organi[sz]ation"
)
ACCOUNT = Words(
    r"(?:account|organi[sz]ation|project|workspace|subscription|team|access|key)\b[^.]{0,60}"
    r"\b(?:terminated|suspended|disabled|deactivated|banned|blocked|restricted|locked|deleted|expired|flagged)"
    r"|access_terminated|account_(?:deactivated|disabled|suspended|overdue|blocked|banned)"
)
"""The account is blocked, not the text: what else sounds like a filter is then none."""
QUOTA_CODES = Words(
    r"insufficient_?(?:user_?)?(?:quota|balance|credits?|funds)|billing_?(?:hard_?limit|not_?active)"
    r"|credit_?balance|out_?of_?credits"
    r"|payment_?required|arrearage|exceeded_?current_?quota|quota_?exhausted|not_?enough_?(?:balance"
    r"|credits?)|billing_?error"
)
QUOTA_SENTENCES = Words(
    r"(?:exceeded your current quota.{0,60}billing|insufficient (?:balance|credits?|funds|quota)"
    r"|credit balance is too low|out of credits"
    r"|not enough (?:balance|credits?)"
    r"|(?:doesn't|does not|don't|do not) have any credits"
    r"|(?:balance|credits?) (?:is|are) (?:insufficient|exhausted|used up)"
    r"|reached your specified (?:\w+ )?(?:api )?usage limits|out of (?:call volume|bandwidth) quota|key limit exceeded"
    r"|余额不足|欠费|requires more credits)"
)
DAILY = Words(
    r"per[ _-]?day|daily|tokens_per_day|requests_per_day|\b[tr]pd\b|per_?month|monthly|weekly|per_?week|per 24 ?h"
    r"|today's|free-models-per-day|(?:calls|requests|tokens) ?/ ?(?:day|month)"
)
"""Words of limits that do not return within a run."""
PER_MINUTE = Words(r"per_?minute")
NOTHING_ALLOWED = Words(r"\blimit: 0\b(?!\.)")
"""Gemini names every limit a quota: the identifier of one says for how long, and its size whether there is any."""

MORE_THAN_ALLOWED = Words(r"limit:? ([\d,]{1,15})(?:, used:? [\d,]{1,15})?, requested:? ~?([\d,]{1,15})")
"""OpenAI and Groq refuse with 429 what asks for more tokens than a minute has: it never fits."""

RETRY_CODES = Words(
    r"overload|rate_?limit|throttl|resource_?exhausted|too_?many_?requests|server_?error"
    r"|internal_?(?:error|server|failure)"
    r"|unavailable|timed?_?out|engine_?|capacity|model_?not_?ready|try_?again|gateway|system_?busy"
    r"|server_?busy|model_?timeout|model_?error"
)
RETRY_SENTENCES = Words(
    r"rate limit|too many requests|(?:is|currently|temporarily) (?:overloaded|unavailable|loading|busy)"
    r"|try again (?:later|in )|model is loading"
)
UNREAD_CODES = Words(r"json_validat\w*_failed|failed_generation|tool_use_failed|output_parse_failed")
"""The model answered, and the server could not read that as it was asked to (Groq's JSON mode)."""
TOO_LONG_CODES = Words(
    r"context_?(?:length|size|window)|string_(?:above_max|too_long)|(?:request|payload|entity|input|prompt|body|content"
    r"|message)_?too_?(?:large|long)"
    r"|exceed_context|tokens?_(?:limit_)?exceed|max_?context|length_?exceed|request_size"
)
TOO_LONG_SENTENCES = Words(
    r"context[ _-]?(?:length|window|size)|too (?:long|large|many (?:input )?tokens)|maximum (?:input"
    r"|prompt|sequence|request|allowed)? ?(?:length|size|tokens)"
    r"|(?:exceed\w*|longer than|larger than|greater than|beyond) .{0,60}(?:tokens|length|size|limit of \d"
    r"|characters|context)"
    r"|less than \d+ (?:input )?tokens|tokens`? \+ `?max_new_tokens`? must be <= \d+\. given: \d+"
    r"|at most \d+ characters|reduce the length|range of input length|input length"
    r"|token (?:count|limit).{0,40}exceed|string too long"
)
OWN_LIMIT = Words(r"max_(?:completion_|output_)?tokens.{0,20}(?:too large|too high|must be|at most|less than)")
RETRIED_STATUSES = frozenset({408, 409, 423, 425, 429, 498, 499})
SET_UP_STATUSES: Mapping[int, str] = {
    401: "the key was not accepted",
    402: "the account has no credit",
    404: "there is no such address or model",
    405: "the address does not take calls of this kind",
    407: "a proxy wants credentials",
    410: "the model or address is gone",
}

MINIMAX_STATUSES = {1002: 429, 1039: 429, 1004: 401, 1008: 402, 2013: 400, 2049: 401, 1026: 400, 1027: 400}
QIANFAN_STATUSES = {1: 500, 2: 503, 4: 429, 18: 429, 336501: 429, 336502: 429, 17: 402, 19: 402, 110: 401, 111: 401,
                     6: 403, 336003: 400, 336006: 400, 336007: 413, 336103: 413, 336100: 503}  # fmt: skip

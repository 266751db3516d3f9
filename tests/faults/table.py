"""The one table of faults. ``make docs`` writes docs/faults.md from it; a test keeps both equal.

Decides no behaviour: every row is proven by a test of ``test_matrix``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"


@dataclass(frozen=True)
class Fault:
    """One fault: its name, what the user sees, and what is kept."""

    name: str
    seen: str
    kept: str


ITEM = "all other items; the row says why"
ONCE = "every answer; it is paid for once"
ASKED_AGAIN = "every answer; the same command asks only for what is missing"

FAULTS = (
    Fault("400, 403, 413 or 422 for one item", "outcome `rejected` with the server's words; asked once", "all items: the row counts as the fallback"),
    Fault("400, 403, 413 or 422 for every item", "a harmless text is asked in their place; refused too, the run ends within ten items with the server's words, exit code 1; answered, each text's refusal is its own outcome `rejected`", "what was answered before"),
    Fault("every answer is empty, says nothing that can be read, or is blocked", "the run ends after ten items with the reason (of blocks: once a harmless text is blocked too); status `incomplete`, exit code 5", ASKED_AGAIN),
    Fault("the provider blocks the first texts, and no harmless one", "outcome `blocked` each; one harmless text is asked, and the run goes on", "all items: the rows count as the fallback"),
    Fault("refusals of all that differ", "ids, times and texts in them make no other reason, nor do two or three servers with words of their own: the run ends as above", "what was answered before"),
    Fault("404 for one item", "outcome `error`: status 404", ITEM),
    Fault("401 once", "nothing: asked again", ONCE),
    Fault("401 for every item", "the run ends at once: the key is not accepted, exit code 1", "what was answered before"),
    Fault("400 to 404 or a spent quota, from some item on", "after ten in a row an answered item is asked again; refused too, the run ends with the server's words, exit code 1", ASKED_AGAIN),
    Fault("403 for many texts in a row", "outcome `rejected` each; an answered item is asked again after 10, 20, 40, ... of them, and the run goes on", "all items: the rows count as the fallback"),
    Fault("429 with Retry-After", "nothing but time; progress says what holds calls back", ONCE),
    Fault("500, 502, 503 or 529 once", "nothing: asked again", ONCE),
    Fault("500, 502, 503 or 529 that stay", "outcome `error` with status, attempts and the server's words; too many make the run INVALID; no answer at all for five minutes ends it, status `incomplete`", ASKED_AGAIN),
    Fault("302", "outcome `error`: the address points elsewhere; never followed", ITEM),
    Fault("slow headers", "outcome `error`: timeout, after its retries", ASKED_AGAIN),
    Fault("slow body", "outcome `error`: timeout, after its retries", ASKED_AGAIN),
    Fault("hang that ends", "nothing: the call is cut off at its deadline and asked again", ONCE),
    Fault("reset", "outcome `error`: network, after its retries", ASKED_AGAIN),
    Fault("truncated JSON", "outcome `error`: the answer ended before its last byte", ASKED_AGAIN),
    Fault("invalid JSON", "outcome `error`: a body that is no JSON document; asked twice at most, since it may be paid for", ASKED_AGAIN),
    Fault("wrong content type", "nothing: JSON is read whatever it is called", ONCE),
    Fault("HTML with 200", "outcome `error`: a web page instead of a JSON document; asked twice at most", ASKED_AGAIN),
    Fault("200 with an error inside", "read as the status it names: a 429 is waited for, a filter is `blocked`", ITEM),
    Fault("gzip bomb", "outcome `error`: longer than 4 MB; asked once, no more memory than that", ITEM),
    Fault("10 MB answer", "outcome `error`: longer than 4 MB; asked once", ITEM),
    Fault("duplicate ids", "`check` and `run` name both lines, exit code 1", "nothing is asked"),
    Fault("clock jumps", "nothing: waits follow the monotonic clock, dates the server's", ONCE),
    Fault("DNS", "the run ends at once: nothing answers there, correct base_url; exit code 1", "what was answered before"),
    Fault("TLS", "the run ends within ten items with the reason; exit code 1", "what was answered before"),
    Fault("full disk under the runs", "one message: no space left, make room; exit code 1", "every answer, where the journal lies on another disk"),
    Fault("full disk under the journal", "one message: the response cache cannot be used, make room; exit code 1", "every answer committed before"),
    Fault("output without room", "one message, exit code 1", "the run itself"),
    Fault("read-only disk", "one message: the folder cannot be written to; exit code 1", "nothing is asked"),
    Fault("corrupt cache", "one message: move this file away, or name another; exit code 1", "the file, as it is"),
    Fault("four runs on one cache", "nothing: each request is claimed by one run, the others wait for its answer", ONCE),
    Fault("SIGTERM", "calls under way are waited for; status `incomplete`, exit code 5", "every answer, in rows too"),
    Fault("SIGINT twice", "calls under way are cut off; status `incomplete`, exit code 5", "every answer that came"),
    Fault("kill -9", "nothing is written; the same command goes on", "every answer committed before; what was in flight, and nothing else, is asked again and counts as money that may have been spent"),
    Fault("kill -9 of a shard", "nothing is written, and `runs merge` names the missing shard; its command goes on", "every answer committed before; at most what was in flight is asked again"),
    Fault("no file descriptors", "calls wait for a free one or the run ends with: raise the limit (ulimit -n), or lower concurrency", ASKED_AGAIN),
)  # fmt: skip

BATCH_FAULTS = (
    Fault("batch: expired in part", "what nobody began is asked in a second batch; outcome `error`: batch_expired, where that expires too", ASKED_AGAIN),
    Fault("batch: 429 or 5xx for some requests", "they are asked in a second batch; outcome `error` with the server's words, where they meet it again", ASKED_AGAIN),
    Fault("batch: cancelled at the server", "outcome `error`: batch_cancelled for what it left; too many make the run INVALID", ASKED_AGAIN),
    Fault("batch: refused at validation", "the run ends with the server's words, exit code 1; too many tokens at one time are asked in smaller batches", "what was answered before"),
    Fault("batch: lines in any order, doubled, foreign or broken", "nothing: each request has the first answer to it; the others are counted", ONCE),
    Fault("batch: 400, 413 or a block for one request", "outcome `rejected` or `blocked`, as in a live run", "all items: the row counts as the fallback"),
    Fault("batch: the answer to its making is lost", "nothing: it is found in the server's list before another is made", ONCE),
    Fault("batch: gone from the server", "its requests are asked anew; that they may have cost something is said", "what was answered before"),
    Fault("batch: Ctrl-C", "status `incomplete`, exit code 5; the batch goes on at the server", ONCE),
    Fault("batch: open at the server, and the run is asked live", "one message: go on with `--batch`; exit code 1. A warning where the batch is another run's", "nothing is asked, and nothing paid for twice"),
    Fault("batch: kill -9 at any point", "nothing is written; the same command finds the batch and goes on", ONCE),
)  # fmt: skip

STORE_FAULTS = (
    Fault("store: unreachable, or no such bucket, at the beginning", "one message with the store's words, exit code 1", "nothing is asked"),
    Fault("store: lost on the way", "status `complete`, and a warning: what was answered is kept on this machine", "every answer; the next command with this `--cache` puts it there"),
    Fault("store: the right to write is lost", "status `complete`, and a warning with the store's words", "every answer; the next command with this `--cache` puts it there"),
    Fault("store: a part is damaged", "one message that names the object: move it away; exit code 1, and no answer of it is used (pages and accounts have checksums)", "nothing is asked; all other parts, and the part as it is"),
    Fault("store: two machines at one time", "nothing: each asks what the other has not put there yet", "every answer, once; what both asked in the same minute is paid for by both"),
    Fault("store: kill -9 of a run", "nothing is written; the next command with this `--cache` puts there what was answered", "every answer committed before; at most what was in flight is asked again"),
)  # fmt: skip

RAY_FAULTS = (
    Fault("ray: the package is missing", "one message that names the extra, exit code 1", "nothing is asked"),
    Fault("ray: no cluster at the address", "one message within seconds, exit code 1", "nothing is asked"),
    Fault("ray: a machine without the shared disk", "the run ends: which folder, on which machine; exit code 1", "nothing is asked there"),
    Fault("ray: a worker is killed", "one line; its shard goes on in another worker", "every answer committed before; at most what was in flight is asked again"),
    Fault("ray: a machine is lost", "one line a shard; they go on on other machines", "every answer committed before; at most what was in flight is asked again"),
    Fault("ray: the driver is killed", "nothing; the same command goes on", "every answer committed before; at most what was in flight is asked again"),
    Fault("ray: Ctrl-C", "calls under way are waited for; status `incomplete`, exit code 5; a second Ctrl-C ends them at once", "every answer; the same command asks only what is missing"),
    Fault("ray: a bound is reached", "status `incomplete`, exit code 5; no call of any shard goes beyond it", "every answer; a higher bound goes on"),
    Fault("ray: a refusal of every item", "the run ends within twenty items a shard with the server's words, exit code 1", "what was answered before"),
)  # fmt: skip

INTRODUCTION = """# What happens when something goes wrong

Every row is a test (`make test`; many kills, a soak of 200,000 requests and a cluster of Ray: `make test-slow`). A row of a run is never
dropped: outcomes add up to the number of items, whatever happens. `error` is a missing pair and never a "no"; a run with
too many of them is INVALID, and the same command asks only for those. The rows of a full and of a read-only disk need the
right to mount one (root, or a container with CAP_SYS_ADMIN); without it, or without `/dev/full`, their tests are skipped and say so.

| fault | what you see | what is kept |
|---|---|---|
"""


def page() -> str:
    """The page of the docs."""
    return INTRODUCTION + "".join(
        f"| {one.name} | {one.seen} | {one.kept} |\n" for one in (*FAULTS, *BATCH_FAULTS, *STORE_FAULTS, *RAY_FAULTS)
    )

"""``harness review``: label, check and adjudicate items of a golden set in a browser on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.finite import FiniteRange
from harness.cli.golden.options import author_option, card_argument, policy_option
from harness.cli.options import PATH, note

if TYPE_CHECKING:
    from harness.goldens.review.queue import Choice
    from harness.goldens.review.session import Session

_LABELS = {"1": 1, "0": 0, "null": -1}


@click.command("review")
@card_argument
@click.option("--queue", "queue_path", metavar="FILE", type=PATH,
              help="Items to review, in order: the audit's or a report's CSV, or ids, one a line.")  # fmt: skip
@click.option("--category", "categories", multiple=True, metavar="ID", help="Decide only this category; repeatable.")
@click.option("--where", multiple=True, metavar="SLICE=VALUE", help="Only items of this slice value; repeatable.")
@click.option("--label", type=click.Choice(list(_LABELS)), help="Only items whose label is this in a category decided.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="At most N items, drawn at random.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of --sample.")
@click.option("--new-policy", "new_policy_path", metavar="PATH", type=PATH,
              help="Review under this later policy: the labels it makes stale, beside its text.")  # fmt: skip
@click.option("--adjudicate", is_flag=True, help="Settle what reviewers disagree on or have escalated.")
@click.option("--reviewer", "names", multiple=True, metavar="NAME",
              help="A reviewer with a link of their own; two or more work blind to each other.")  # fmt: skip
@click.option("--reviewers", type=click.IntRange(min=1), metavar="N",
              help="Reviewers each label needs; default: as many as are named.")  # fmt: skip
@click.option("--show-labels", is_flag=True, help="Show the label the set has; with one reviewer only.")
@click.option("--break-after", type=FiniteRange(min=0), default=30, show_default=True, metavar="MINUTES",
              help="Propose a break after so much work; 0 never.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port; default: any free one.")
@policy_option
@author_option
def command(
    card_path: Path,
    queue_path: Path | None,
    categories: tuple[str, ...],
    where: tuple[str, ...],
    label: str | None,
    sample: int | None,
    seed: int,
    new_policy_path: Path | None,
    adjudicate: bool,
    names: tuple[str, ...],
    reviewers: int | None,
    show_labels: bool,
    break_after: float,
    port: int,
    policy_path: Path | None,
    author: str,
) -> None:
    """Review the labels of a golden set in a browser on this machine.

    The policy stands beside the item, its text is hidden until asked for, and every decision is one key: 1 violates,
    0 does not, X nobody can tell, S skip, E escalate, U undo. Decisions go to a log beside the card
    (NAME.decisions.jsonl) and change no label; 'harness golden release' publishes them as the next version.

    Listens on 127.0.0.1 only, behind a secret link for each reviewer. Stop it with Ctrl-C; nothing is lost.

    \b
    Examples:
      harness review golden_sets/community_v1.yaml --queue audit.csv
      harness review golden_sets/community_v1.yaml --sample 200 --reviewer ana --reviewer ben
      harness review golden_sets/community_v1.yaml --adjudicate
    """
    import asyncio

    from harness.errors import HarnessError
    from harness.goldens.review.server import ADDRESS, ReviewServer, serve

    people = names or (author,)
    needed = reviewers or len(set(people))
    if show_labels and needed > 1:
        raise click.UsageError("--show-labels is for one reviewer: blind reviewers see no label.")
    if adjudicate and (names or reviewers or queue_path or sample or where or label):
        raise click.UsageError("--adjudicate takes what is open, and nothing else; its author is --author.")
    from harness.goldens.review.queue import Choice

    pairs = tuple(_pair(one) for one in where)
    choice = Choice(queue_path, categories, pairs, None if label is None else _LABELS[label], sample, seed)
    session = _session(card_path, policy_path, new_policy_path, choice, adjudicate, needed, show_labels, break_after)
    server = ReviewServer(session, (author,) if adjudicate else tuple(dict.fromkeys(people)))

    def ready(links: Mapping[str, str]) -> None:
        n = len(session.entries)
        note(f"{n:,} {'item' if n == 1 else 'items'}; decisions go to {session.log.path}. Stop with Ctrl-C.")
        for name, link in links.items():
            click.echo(link if len(links) == 1 else f"{name}: {link}")

    try:
        asyncio.run(serve(server, port, ready))
    except OSError as error:
        raise HarnessError(
            f"port {port} of {ADDRESS}: {error.strerror}", next_step="choose another with --port"
        ) from None
    except KeyboardInterrupt:
        note("stopped")


def _session(
    card_path: Path,
    policy_path: Path | None,
    new_policy_path: Path | None,
    choice: Choice,
    is_adjudication: bool,
    needed: int,
    shows_labels: bool,
    break_after: float,
) -> Session:
    from harness.cli.golden.options import load_with_policy
    from harness.errors import HarnessError
    from harness.files.policy import load_policy
    from harness.goldens.decisions import DecisionLog, log_path, settle
    from harness.goldens.policy_change import category_changes, policy_name, reviewed_since, stale_labels
    from harness.goldens.queues import QueueRow
    from harness.goldens.review.queue import make_queue
    from harness.goldens.review.server import image_root
    from harness.goldens.review.session import Session, Settings, adjudication

    golden, old = load_with_policy(card_path, policy_path)
    if old is None:
        raise HarnessError(
            f"{card_path}: its policy ({golden.card.policy.name} version {golden.card.policy.version}) is not in the "
            "folders around it, and a reviewer needs its text",
            allowed="the policy the set is labelled under",
            next_step="name it with --policy PATH",
        )
    policy = old.value if new_policy_path is None else load_policy(new_policy_path).value
    log = DecisionLog(log_path(golden.path))
    settings = Settings(needed, is_adjudication, shows_labels, 60 * break_after)
    if is_adjudication:
        entries = adjudication(golden, policy, log, settings)
    else:
        rows: list[QueueRow] = []
        if new_policy_path is not None and choice.file is None:
            stale = stale_labels(golden, category_changes(old.value, policy))
            settled, _ = settle(log.read())
            done = ((one.item, one.category, one.decisions[-1].policy) for one in settled)
            left = reviewed_since(stale, done, policy_name(policy))
            if not left:
                raise HarnessError(
                    f"{policy_name(policy)} leaves no label of {card_path} to review",
                    next_step="release the set under it: harness golden release CARD --new-policy FILE",
                )
            rows = [QueueRow(one.item, one.category, f"policy version {policy.version}") for one in left]
        known = policy.category_ids if new_policy_path is not None else golden.categories
        entries = make_queue(golden, known, choice, rows)
    return Session(golden, policy, entries, log, settings, image_root(golden.items_path))


def _pair(written: str) -> tuple[str, str]:
    name, sign, value = written.partition("=")
    if not sign or not name:
        raise click.BadParameter(f"'{written}' is no SLICE=VALUE.", param_hint="--where")
    return name, value

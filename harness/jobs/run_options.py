"""What a person may change about a run and its gate without editing the eval; light: it is made before all reading."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from harness.environment import RUNS_DIR

if TYPE_CHECKING:
    from harness.records.base import FailOn
    from harness.runner.shards import Shard


class RunOptions(Struct, frozen=True):
    """What a person may change about a run without editing the eval."""

    runs_dir: str | Path = RUNS_DIR
    cache_path: Path | None = None
    candidates: tuple[str, ...] = ()
    limit: int | None = None
    is_balanced: bool = False
    repeats: int | None = None
    wave: str | None = None
    max_cost_usd: float | None = None
    gguf: Path | None = None
    max_tokens: int | None = None
    only: tuple[str, ...] = ()
    shard: Shard | None = None
    is_batch: bool = False


class GateOptions(Struct, frozen=True):
    """What is gated, against what."""

    candidate: str | None = None
    baseline: str | None = None
    across_versions: bool = False
    is_cached_only: bool = False
    is_second_look: bool = False
    fail_on: FailOn | None = None
    """None: as the eval says."""

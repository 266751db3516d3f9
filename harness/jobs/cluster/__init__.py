"""A run on a Ray cluster: its shards are tasks, each carried out by the local runner.

``driver`` hands shards out and puts them together, ``task`` is what a worker does, ``connection`` finds the cluster.
Limits and bounds are shared through ``runner.shared``.
"""

from __future__ import annotations

from harness.jobs.cluster.driver import execute_on_ray

__all__ = ["execute_on_ray"]

"""The way to a Ray cluster: the package, an address, and what is said where one of them is wrong.

Decides which cluster is meant: the one named, the one this process is connected to already, or a new one of this
machine's processors, which ends with the run.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any

from harness.errors import HarnessError

PROBE_S = 5.0
STARTS = 3
ALLOWED = "auto (the cluster that this machine is part of), or HOST:PORT of its head"
STEP = "start Ray on this machine with: ray start --head, or ray start --address=HEAD:6379; or leave --ray-address out"


def ray_package() -> Any:
    """The package.

    Raises:
        HarnessError: It is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise HarnessError(
            f"--engine ray needs the package ray, which cannot be imported here ({error})",
            allowed="the same versions of Python, ray and the harness on all machines of a cluster",
            next_step="install the extra: pip install 'moderation-harness[ray]'",
        ) from None
    return ray


@contextmanager
def cluster(ray: Any, address: str | None) -> Iterator[None]:
    """Be connected to a cluster; what was connected before stays so.

    Ray prints what happens to its workers among a program's own output; meanwhile that goes to stderr.

    Raises:
        HarnessError: There is none at this address.
    """
    if address is not None:
        _check(address)
    with redirect_stdout(sys.stderr):
        if ray.is_initialized():
            yield
        else:
            with _connected(ray, address):
                yield


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    for attempt in range(STARTS):
        try:
            ray.init(
                address=address or "local",
                include_dashboard=False if address is None else None,
                log_to_driver=False,
                logging_level="ERROR",
            )
            break
        except Exception as error:  # Ray raises a bare one where its own processes take more than 30 s to start
            ray.shutdown()
            if address is None and type(error) is Exception and attempt + 1 < STARTS:
                continue
            said = " ".join(str(error).split())[:300]
            where = "Ray cannot be started here" if address is None else f"no Ray cluster answers at '{address}'"
            raise HarnessError(f"{where}: {said}", allowed=ALLOWED, next_step=STEP) from None
    try:
        yield
    finally:
        ray.shutdown()


def _check(address: str) -> None:
    """Refuse what cannot be an address, and ask once at the door, where Ray itself would try for a minute."""
    if address == "auto":
        return
    if "://" in address:
        raise HarnessError(
            f"--ray-address is '{address[:80]}'",
            allowed=ALLOWED,
            next_step="type the command on a machine of the cluster (ray job submit does): it reads and writes files",
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise HarnessError(f"--ray-address is '{address[:80]}'", allowed=ALLOWED, next_step=STEP)
    try:
        connected = socket.create_connection((host.strip("[]"), int(port)), timeout=PROBE_S)
    except OSError as error:
        raise HarnessError(f"no Ray cluster answers at '{address}': {error}", allowed=ALLOWED, next_step=STEP) from None
    with suppress(OSError):
        connected.close()

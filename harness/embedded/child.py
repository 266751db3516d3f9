"""The process that holds the model; started by path, so it imports nothing of the harness.

It reads one JSON line from stdin (the key comes that way: arguments and environment can be seen by others), loads the
model, writes one JSON line to stdout, ``{"url": …}``, and serves until stdin ends. Stdin ends when the parent stops it
or dies, in whatever way.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time


def main() -> None:
    """Serve until stdin ends."""
    settings = json.loads(sys.stdin.readline())
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever the library prints must not end up between the lines of the answer

    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.model_alias = {settings["model_name"]}
    params.api_keys = [settings["api_key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.endpoint_slots = False
    params.n_ctx = settings["context_tokens"]
    params.n_parallel = 1  # one-token answers are bound by arithmetic: more slots only cost memory
    params.cache_ram_mib = settings["prompt_cache_mib"]
    params.fit_params = False  # the context is what was asked for, whatever memory is free
    params.verbosity = 1  # errors only: they are the last words of a failed start
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    try:
        server = xllamacpp.Server(params)  # one per process: a second one hangs
    except RuntimeError as error:
        sys.exit(f"the model could not be loaded: {error}")
    url = server.listening_address
    if not url:
        sys.exit("the model could not be loaded: the server has no address")
    print(json.dumps({"url": url}), file=answer, flush=True)
    threading.Thread(target=_leave_with_parent, args=(settings["parent"],), daemon=True).start()
    while sys.stdin.read(4096):
        pass
    os._exit(0)  # nothing to save, and a request in flight must not hold up the end


def _leave_with_parent(parent: int) -> None:
    """A process forked from the parent may hold the pipe open after the parent's death: watch its id as well."""
    while os.name == "posix":
        if os.getppid() != parent:
            os._exit(0)
        time.sleep(1)


if __name__ == "__main__":
    main()

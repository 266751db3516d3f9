"""Which proxy a call goes through.

Decides what HTTPS_PROXY and NO_PROXY mean: a call to the own machine, or by plain http, never leaves through a proxy.
"""

from __future__ import annotations

from collections.abc import Mapping


def proxy_for(scheme: str, host: str, environment: Mapping[str, str]) -> str | None:
    """The proxy of an https address by HTTPS_PROXY and NO_PROXY; never one for plain http or the own machine."""
    proxy = environment.get("https_proxy") or environment.get("HTTPS_PROXY")
    if scheme != "https" or not proxy or host in {"localhost", "127.0.0.1", "::1"}:
        return None
    excluded = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    for entry in (part.strip().lower().removeprefix("*").lstrip(".") for part in excluded.split(",")):
        name = entry.partition(":")[0]
        if excluded.strip() == "*" or (name and (host.lower() == name or host.lower().endswith("." + name))):
            return None
    return proxy if "://" in proxy else f"http://{proxy}"

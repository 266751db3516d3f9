"""Which models can be asked in batches, and how the pass over what batches have brought treats them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from msgspec import structs

from harness.errors import HarnessError
from harness.runner.endpoint import Endpoint

ALLOWED = "models with OpenAI's Batch API: provider openai, or azure with a base_url that ends in /openai/v1"


def check_batches(endpoints: Mapping[str, Endpoint]) -> None:
    """Refuse models that cannot be asked in batches.

    Raises:
        HarnessError: A model's provider has another protocol, or none.
    """
    other = [name for name, one in endpoints.items() if one.wire is not None or one.url_base.startswith("embedded:")]
    if other or not endpoints:
        raise HarnessError(
            f"--batch: {', '.join(sorted(other))} cannot be asked in batches"
            if other
            else "--batch: no model is asked",
            allowed=ALLOWED,
            next_step="leave --batch out, or choose candidates with --candidate",
        )


def without_retries(endpoints: Mapping[str, Endpoint]) -> dict[str, Endpoint]:
    """The endpoints for the pass over what batches have brought: nobody is called, and asking again brings no more."""
    return {
        name: replace(one, limits=structs.replace(one.limits, max_retries=0, rpm=None, tpm=None))
        for name, one in endpoints.items()
    }

"""A model of ``models.yaml`` as the one that writes proposals.

Decides that it is asked as declared there (address, key, parameters) and that its words are taken as they come: what
they are worth is found by asking the prompt they make.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from harness.candidates.chat import encode_body
from harness.candidates.responses import document_of
from harness.candidates.shapes import choice_of
from harness.errors import HarnessError
from harness.files.evals import LoadedEval
from harness.files.text import joined, suggestion
from harness.jobs.ask import answer_of
from harness.jobs.optimise.gepa import Reflect
from harness.jobs.optimise.objective import Objective
from harness.records.answers import CHAT_ROUTE, Request
from harness.runner.endpoint import endpoint_from_model
from harness.runner.transport import AiohttpTransport, Transport


def teacher(objective: Objective, model_id: str, environment: Mapping[str, str]) -> Reflect:
    """What asks the model and gives its words; an embedded one stays up as long as the objective.

    Raises:
        HarnessError: There is no such model, or its key is missing.
    """
    model = _model(objective.loaded, model_id)
    if model.provider == "embedded":
        from harness.runner.embedded import EmbeddedTransport, embedded_endpoint

        endpoint, made = embedded_endpoint(model_id, model)
        servers = {model_id: objective.kept_server(model_id, made)}

        def around(inner: Transport) -> Transport:
            return EmbeddedTransport(inner, servers, is_kept=True)

    else:
        endpoint = endpoint_from_model(model_id, model, environment)

        def around(inner: Transport) -> Transport:
            return inner

    patient = dataclasses.replace(endpoint, limits=dataclasses.replace(endpoint.limits, timeout_s=600.0))

    async def ask(messages: Any) -> str:
        transport = around(AiohttpTransport(1, time.monotonic))
        try:
            body = encode_body({"model": model.model or model_id, "messages": messages, **model.params})
            response = await answer_of(Request(model_id, CHAT_ROUTE, body), patient, transport)
        finally:
            await transport.close()
        choice = choice_of(document_of(response)) if response.error is None else None
        if choice is None or not choice.text.strip():
            raise HarnessError(
                f"model '{model_id}' wrote no proposal: {response.error or 'an empty answer'}",
                next_step="look at its parameters in models.yaml (max_tokens), or name another model",
            )
        return choice.text

    def reflect(prompt: Any) -> str:
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        return asyncio.run(ask(messages))

    return reflect


def _model(loaded: LoadedEval, model_id: str) -> Any:
    models = loaded.models.value if loaded.models is not None else {}
    if model_id not in models:
        raise HarnessError(
            f"there is no model '{model_id}' in {loaded.eval.value.models}",
            allowed=joined(models),
            next_step=suggestion(model_id, models, "name a model that writes well: it makes the proposals"),
        )
    return models[model_id]

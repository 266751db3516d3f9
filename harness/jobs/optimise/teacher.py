"""A model of ``models.yaml`` as the one that writes proposals.

Decides that it is asked as declared there (address, key, parameters), that what it costs counts with the answers, and
that its words are taken as they come: what they are worth is found by asking the prompt they make.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from msgspec import structs

from harness.candidates.chat import encode_body
from harness.candidates.outcomes import meaning_of
from harness.candidates.responses import document_of
from harness.candidates.shapes import choice_of
from harness.errors import HarnessError
from harness.files.evals import LoadedEval
from harness.files.text import joined, suggestion
from harness.jobs.ask import answer_of
from harness.jobs.optimise.objective import Objective
from harness.jobs.optimise.proposals import Reflect, UnusableError
from harness.records.answers import CHAT_ROUTE, Request, Response
from harness.runner.endpoint import endpoint_from_model
from harness.runner.retry import describe
from harness.runner.transport import AiohttpTransport, RawResponse, Transport

MOST_WAIT_S = 120.0
"""A search waits this long for one proposal where the server says that it is busy."""


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

    patient = dataclasses.replace(endpoint, limits=structs.replace(endpoint.limits, timeout_s=600.0))
    objective.purse.must_know_price(patient)

    async def ask(messages: Any) -> str:
        body = encode_body({"model": model.model or model_id, "messages": messages, **model.params})
        transport = around(AiohttpTransport(1, time.monotonic))
        try:
            async with objective.purse.paying(patient, body) as took:
                response = await answer_of(Request(model_id, CHAT_ROUTE, body), patient, transport, MOST_WAIT_S)
                took(response)
        finally:
            await transport.close()
        return words_of(response, model_id)

    def reflect(prompt: Any) -> str:
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        try:
            return asyncio.run(ask(messages))
        except HarnessError as error:
            objective.failure = error
            raise

    return reflect


def words_of(response: Response, model_id: str) -> str:
    """The words of an answer.

    Raises:
        UnusableError: It came, and has none, or not all of them.
        HarnessError: There is no answer.
    """
    document = document_of(response)
    meaning = meaning_of(response.status, document)
    choice = choice_of(document)
    if response.error is not None or not 200 <= response.status < 300 or choice is None:
        said = f"status {response.status}: {describe(RawResponse(response.status, {}, response.body))}"
        raise HarnessError(
            f"model '{model_id}' wrote no proposal: {response.error or said}",
            next_step="mend the endpoint or its entry in models.yaml, or name another model; what was answered is kept",
        )
    if meaning.kind in ("answered", "unknown_end") and choice.text.strip():
        return choice.text
    why = "an empty answer" if meaning.kind == "answered" else meaning.reason()
    raise UnusableError(
        f"model '{model_id}' wrote no proposal: {why}",
        next_step="look at its parameters in models.yaml (max_tokens), or name another model",
    )


def _model(loaded: LoadedEval, model_id: str) -> Any:
    models = loaded.models.value if loaded.models is not None else {}
    if model_id not in models:
        raise HarnessError(
            f"there is no model '{model_id}' in {loaded.eval.value.models}",
            allowed=joined(models),
            next_step=suggestion(model_id, models, "name a model that writes well: it makes the proposals"),
        )
    if models[model_id].provider == "azure_content_safety":
        raise HarnessError(
            f"model '{model_id}' is of provider azure_content_safety, which answers no prompts",
            allowed="a chat model",
            next_step="name a model that writes well: it makes the proposals",
        )
    return models[model_id]

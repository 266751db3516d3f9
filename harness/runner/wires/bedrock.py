"""Amazon Bedrock Converse, with signed requests.

Decides how a chat request becomes ``POST /model/ID/converse`` and how it is signed: by ``botocore`` (extra ``bedrock``,
imported here alone) with the environment's credentials, or by a Bedrock API key as bearer. Sampling stands in
``inferenceConfig``; ``guardrailConfig``, ``performanceConfig`` and ``requestMetadata`` go beside it as written; every
other parameter goes into ``additionalModelRequestFields``, whose names are the model's own.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from harness.errors import HarnessError
from harness.runner.wires.base import Part, Sent, asked_in, stops

INSTALL = "pip install 'moderation-harness[bedrock]', which brings botocore, or name a Bedrock API key in api_key_env"
NAMES = {
    "temperature": "temperature",
    "top_p": "topP",
    "max_tokens": "maxTokens",
    "max_completion_tokens": "maxTokens",
}
BESIDE = frozenset(
    {
        "guardrailConfig", "performanceConfig", "requestMetadata", "promptVariables", "toolConfig", "outputConfig",
        "serviceTier", "additionalModelResponseFieldPaths",
    }
)  # fmt: skip
OWN = frozenset({"maxTokens", "topP", "stopSequences"})
"""Of inferenceConfig, in Bedrock's own spelling."""
SERVICE = "bedrock"


class BedrockWire:
    """Converse of Bedrock.

    Args:
        region: Region of the endpoint; part of the signature.
        credentials: Of botocore; None where a bearer key is sent instead.
    """

    name = "bedrock-1"

    def __init__(self, region: str, credentials: Any = None) -> None:
        self._region = region
        self._credentials = credentials

    def sent(self, url_base: str, body: bytes) -> Sent:
        """What goes out for a chat completions body, signed."""
        asked = asked_in(body)
        fields: dict[str, Any] = {
            "messages": [{"role": role, "content": [_block(part) for part in parts]} for role, parts in asked.turns]
        }
        if asked.system:
            fields["system"] = [{"text": asked.system}]
        config: dict[str, Any] = {}
        more: dict[str, Any] = {}
        for name, value in asked.params.items():
            if name == "stop":
                config["stopSequences"] = stops(value)
            elif name in BESIDE:
                fields[name] = value
            elif name == "inferenceConfig" and isinstance(value, dict):
                config |= value
            elif name == "additionalModelRequestFields" and isinstance(value, dict):
                more |= value
            elif name in NAMES or name in OWN:
                config[NAMES.get(name, name)] = value
            else:
                more[name] = value
        if config:
            fields["inferenceConfig"] = config
        if more:
            fields["additionalModelRequestFields"] = more
        route = f"model/{quote(asked.model, safe='')}/converse"
        content = orjson.dumps(fields)
        return Sent(route, content, self._signature(f"{url_base}/{route}", content))

    def _signature(self, url: str, content: bytes) -> Mapping[str, str]:
        if self._credentials is None:
            return {}
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest("POST", url, headers={"content-type": "application/json"}, data=content)
        SigV4Auth(self._credentials.get_frozen_credentials(), SERVICE, self._region).add_auth(request)
        return {name.lower(): str(value) for name, value in request.headers.items()}


def _block(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"text": part}
    return {"image": {"format": part.media_type.removeprefix("image/"), "source": {"bytes": part.data}}}


def bedrock_credentials(model_id: str, environment: Mapping[str, str]) -> Any:
    """The environment's AWS credentials: its variables, or what botocore finds (profile, role, instance).

    Raises:
        HarnessError: botocore is not installed, or there are none.
    """
    try:
        from botocore.credentials import Credentials
        from botocore.session import Session
    except ImportError:
        raise HarnessError(
            f"model '{model_id}': provider bedrock signs its calls with botocore, which is not installed",
            next_step=INSTALL,
        ) from None
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        return Credentials(key, secret, environment.get("AWS_SESSION_TOKEN") or None)
    try:
        found = Session(profile=environment.get("AWS_PROFILE") or None).get_credentials()
    except Exception as error:  # botocore has many, and each says what is missing
        raise HarnessError(
            f"model '{model_id}': botocore found no AWS credentials: {error}", next_step="correct AWS_PROFILE"
        ) from error
    if found is None:
        raise HarnessError(
            f"model '{model_id}' needs AWS credentials, and there are none",
            allowed="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, a role, or a Bedrock key in api_key_env",
            next_step="export them, or sign in with 'aws sso login'",
        )
    return found

"""Endpoints: where a model's calls go and what they carry.

Decides base URL, headers, query and proxy of every model from its record and an environment that comes in as an
argument. The ``openai`` package owns configuration and authentication of Azure and of OpenAI's own address; it is
imported only there. Sending is left to ``transport``. Key values appear in no repr, error or stored file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from harness.errors import HarnessError
from harness.records import Limits, Model, Price
from harness.records.candidates import FROM_ENVIRONMENT
from harness.runner.proxies import proxy_for
from harness.runner.spelt import longest_word, spelt, spelt_in_bytes
from harness.runner.wires import ANTHROPIC, GEMINI, Wire
from harness.runner.wires.anthropic import VERSION_HEADER

DEFAULT_KEY_ENV = {
    "openai": "OPENAI_API_KEY",
    "azure": "AZURE_OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "bedrock": "AWS_BEARER_TOKEN_BEDROCK",
    "azure_content_safety": "CONTENT_SAFETY_KEY",
}
KEPT_SDK_HEADERS = ("openai-organization", "openai-project")
CONTENT_SAFETY_VERSION = "2024-09-01"
FREE = Price(0.0, 0.0)
SHORTEST_KEY = 12
SHORTEST_MASKED = 6
"""Shorter keys are dummies for servers that want none (``x``, ``none``, ``EMPTY``): masked, they tear words apart."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model's address with everything a call to it needs.

    Attributes:
        url_base: Address without a trailing slash; routes are appended to it.
        headers: Headers of every call; they hold the key and are never shown.
        query: Query string without the question mark; empty for none.
        price: US dollars per million tokens; None when nobody wrote it down.
        identity: What the cache knows the endpoint by: the address, or the weights of a local server.
        secrets: Values that ``redact`` removes.
        wire: Says a chat request in the provider's own language; None where that is chat completions.
    """

    model_id: str
    url_base: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: str = ""
    limits: Limits = field(default_factory=Limits)
    price: Price | None = None
    identity: str = ""
    proxy: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    wire: Wire | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "url_base", self.url_base.rstrip("/"))
        if not self.identity:
            address = f"{self.url_base}?{self.query}" if self.query else self.url_base
            object.__setattr__(self, "identity", address if self.wire is None else f"{address}#{self.wire.name}")

    def url(self, route: str) -> str:
        """Full address of a route."""
        url = f"{self.url_base}/{route.lstrip('/')}"
        return f"{url}?{self.query}" if self.query else url

    def redact(self, text: str) -> str:
        """The text without any key of this endpoint, and without any value of a header that holds one."""
        for secret in self.secrets:
            if len(secret) >= SHORTEST_MASKED:
                text = spelt(secret).sub("[key]", text)
            else:
                for value in self.headers.values():
                    if secret in value and len(value) >= SHORTEST_MASKED:
                        text = text.replace(value, "[key]")
        return text

    def redact_bytes(self, body: bytes, shortest: int = SHORTEST_KEY) -> bytes:
        """The body without any key of this endpoint: some servers and proxies repeat what they were sent.

        Placeholders that local servers take for a key (``none``, ``EMPTY``) are words, and stay.
        """
        for secret in self.secrets:
            if len(secret) >= shortest and (longest_word(secret) in body or b"\\u00" in body):
                body = spelt_in_bytes(secret).sub(b"[key]", body)
        return body


def ready_endpoint(
    model_id: str,
    base_url: str,
    api_key: str = "",
    *,
    identity: str = "",
    limits: Limits | None = None,
    price: Price | None = FREE,
) -> Endpoint:
    """An endpoint that somebody has started: the embedded server, a stub.

    ``identity`` names what answers (the sha256 of the weights) where the address changes with every start.
    """
    endpoint = Endpoint(model_id, base_url, limits=limits or Limits(), price=price, identity=identity)
    if not api_key:
        return endpoint
    return replace(endpoint, headers={"authorization": f"Bearer {api_key}"}, secrets=(api_key,))


def endpoint_from_model(model_id: str, model: Model, environment: Mapping[str, str]) -> Endpoint:
    """The endpoint of a hosted model.

    Raises:
        HarnessError: The key's variable is not set, the address is no http(s) address, or the provider needs a field.
    """
    if model.provider == "embedded":
        raise HarnessError(
            f"model '{model_id}' is embedded: it has no address until it is started",
            allowed=f"provider: {', '.join(DEFAULT_KEY_ENV)}",
            next_step="start the embedded model first and pass its address",
        )
    endpoint = _of_provider(model_id, model, environment)
    own = _own_headers(model_id, model, environment)
    if not own:
        return endpoint
    secrets = (*endpoint.secrets, *own.values())
    return replace(endpoint, headers={**endpoint.headers, **own}, secrets=secrets)


def _of_provider(model_id: str, model: Model, environment: Mapping[str, str]) -> Endpoint:
    if model.provider in NATIVE:
        return NATIVE[model.provider](model_id, model, environment)
    if model.provider == "azure":
        return _azure(model_id, model, environment)
    if model.base_url is None:
        return _openai(model_id, model, environment)
    key = _key(model_id, model, environment) if model.api_key_env else ""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return _endpoint(model_id, model, model.base_url, headers, "", key, environment)


def _own_headers(model_id: str, model: Model, environment: Mapping[str, str]) -> dict[str, str]:
    """Headers of models.yaml, with the values of the variables they name."""
    found = {}
    for header, written in model.headers.items():
        name = written.removeprefix(FROM_ENVIRONMENT)
        value = environment.get(name, "").strip()
        if not value or not value.isascii() or not value.isprintable():
            raise HarnessError(
                f"model '{model_id}': its header {header} needs the environment variable {name}, which is "
                f"{'no header value' if value else _state(name, environment)}",
                allowed="a variable that holds printable ASCII",
                next_step=f"export {name}=..., or remove the header",
            )
        found[header.lower()] = value
    return found


def _anthropic(model_id: str, model: Model, environment: Mapping[str, str]) -> Endpoint:
    key = _key(model_id, model, environment)
    headers = {"x-api-key": key, "anthropic-version": model.api_version or VERSION_HEADER}
    base = model.base_url or "https://api.anthropic.com/v1"
    return _endpoint(model_id, model, base, headers, "", key, environment, wire=ANTHROPIC)


def _gemini(model_id: str, model: Model, environment: Mapping[str, str]) -> Endpoint:
    key = _key(model_id, model, environment)
    base = model.base_url or f"https://generativelanguage.googleapis.com/{model.api_version or 'v1beta'}"
    headers = {"x-goog-api-key": key}
    return _endpoint(model_id, model, base, headers, "", key, environment, wire=GEMINI)


def _bedrock(model_id: str, model: Model, environment: Mapping[str, str]) -> Endpoint:
    from harness.runner.wires.bedrock import BedrockWire, bedrock_credentials

    region = model.region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not region:
        raise HarnessError(
            f"model '{model_id}': provider bedrock needs a region",
            allowed="region in models.yaml, or the variable AWS_REGION",
            next_step="add region, for example us-east-1",
        )
    base = model.base_url or f"https://bedrock-runtime.{region}.amazonaws.com"
    if model.api_key_env or environment.get(DEFAULT_KEY_ENV["bedrock"]):
        key = _key(model_id, model, environment)
        headers = {"authorization": f"Bearer {key}"}
        return _endpoint(model_id, model, base, headers, "", key, environment, wire=BedrockWire(region))
    credentials = bedrock_credentials(model_id, environment)
    frozen = credentials.get_frozen_credentials()
    secrets = tuple(value for value in (frozen.access_key, frozen.secret_key, frozen.token) if value)
    endpoint = _endpoint(model_id, model, base, {}, "", "", environment, wire=BedrockWire(region, credentials))
    return replace(endpoint, secrets=(*endpoint.secrets, *secrets))


def _content_safety(model_id: str, model: Model, environment: Mapping[str, str]) -> Endpoint:
    key = _key(model_id, model, environment)
    base = (model.base_url or "").rstrip("/").removesuffix("/contentsafety")
    query = urlencode({"api-version": model.api_version or CONTENT_SAFETY_VERSION})
    headers = {"ocp-apim-subscription-key": key}
    return _endpoint(model_id, model, f"{base}/contentsafety", headers, query, key, environment)


NATIVE: Mapping[str, Callable[[str, Model, Mapping[str, str]], Endpoint]] = {
    "anthropic": _anthropic,
    "gemini": _gemini,
    "bedrock": _bedrock,
    "azure_content_safety": _content_safety,
}
"""Providers whose wire is not chat completions."""


def _openai(model_id: str, model: Model, environment: Mapping[str, str]) -> Endpoint:
    key = _key(model_id, model, environment)
    address = environment.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
    _address(model_id, address)
    import openai

    with _settings_of(model_id):
        client = openai.OpenAI(
            api_key=key,
            base_url=address,
            organization=environment.get("OPENAI_ORG_ID"),
            project=environment.get("OPENAI_PROJECT_ID"),
            max_retries=0,
        )
    return _from_client(model_id, model, client, key, environment)


def _azure(model_id: str, model: Model, environment: Mapping[str, str]) -> Endpoint:
    key = _key(model_id, model, environment)
    address = model.base_url or environment.get("AZURE_OPENAI_ENDPOINT")
    if not address:
        raise HarnessError(
            f"model '{model_id}': provider azure needs an address",
            allowed="base_url in models.yaml, or the variable AZURE_OPENAI_ENDPOINT",
            next_step="add base_url: https://RESOURCE.openai.azure.com",
        )
    if _address(model_id, address).path.rstrip("/").endswith("/openai/v1"):
        # Azure's version-free API: no deployment in the path
        return _endpoint(model_id, model, address, {"api-key": key}, "", key, environment)
    version = model.api_version or environment.get("OPENAI_API_VERSION")
    if not version:
        raise HarnessError(
            f"model '{model_id}': provider azure needs an API version",
            allowed="api_version in models.yaml, or the variable OPENAI_API_VERSION",
            next_step="add api_version, for example '2024-10-21'",
        )
    import openai

    with _settings_of(model_id):
        client = openai.AzureOpenAI(
            api_key=key,
            azure_endpoint=address,
            azure_deployment=model.model,
            api_version=version,
            organization="",
            max_retries=0,
        )
    return _from_client(model_id, model, client, key, environment)


@contextmanager
def _settings_of(model_id: str) -> Iterator[None]:
    """Whatever the package refuses is a setting of the model, in its words."""
    import openai

    try:
        yield
    except openai.OpenAIError as error:
        raise HarnessError(
            f"model '{model_id}': the package openai refuses its settings: {error or type(error).__name__}",
            allowed="an address, a key and a version that it takes",
            next_step="correct the model in models.yaml, or the variables of its provider",
        ) from None


def _from_client(model_id: str, model: Model, client: Any, key: str, environment: Mapping[str, str]) -> Endpoint:
    """Take address and authentication over from the package that owns them, and nothing else."""
    with client:
        sent = {str(name).lower(): str(value) for name, value in client.default_headers.items() if value}
        headers = dict(client.auth_headers) | {name: sent[name] for name in KEPT_SDK_HEADERS if sent.get(name)}
        headers.setdefault("api-key", sent["api-key"]) if "api-key" in sent else None
        query = urlencode(dict(client.default_query))
        return _endpoint(model_id, model, str(client.base_url), headers, query, key, environment)


def _endpoint(
    model_id: str,
    model: Model,
    base_url: str,
    headers: Mapping[str, str],
    query: str,
    key: str,
    environment: Mapping[str, str],
    *,
    wire: Wire | None = None,
) -> Endpoint:
    parts = _address(model_id, base_url)
    proxy = proxy_for(parts.scheme, parts.hostname or "", environment)
    secrets = [key] if key else []
    if proxy is not None and (password := urlsplit(proxy).password):
        secrets.append(password)
    return Endpoint(
        model_id, base_url, headers, query, model.limits, model.price, proxy=proxy, secrets=tuple(secrets), wire=wire
    )


def _address(model_id: str, base_url: str) -> SplitResult:
    """The parts of an address that can be called."""
    try:
        parts = urlsplit(base_url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that hold no address, a port that is no number
        is_address = False
    if not is_address or any(one.isspace() or not one.isprintable() for one in base_url):
        raise HarnessError(
            f"model '{model_id}': base_url {base_url!r} is no address",
            allowed="http://HOST/... or https://HOST/...",
            next_step="correct base_url in models.yaml, or the variable that holds it",
        )
    if parts.username or parts.password:
        raise HarnessError(
            f"model '{model_id}': base_url holds a user name or password",
            allowed="an address without credentials, and api_key_env naming an environment variable",
            next_step="move the credential to an environment variable",
        )
    return parts


def secret_variables(model: Model) -> set[str]:
    """Environment variables that an endpoint of the model takes a secret from; none of them is part of its address."""
    key = model.api_key_env or DEFAULT_KEY_ENV.get(model.provider)
    return {written.removeprefix(FROM_ENVIRONMENT) for written in model.headers.values()} | ({key} if key else set())


def _key(model_id: str, model: Model, environment: Mapping[str, str]) -> str:
    name = model.api_key_env or DEFAULT_KEY_ENV[model.provider]
    key = environment.get(name, "").strip()
    if not key:
        raise HarnessError(
            f"model '{model_id}' needs the environment variable {name}, which is {_state(name, environment)}",
            allowed="a variable that holds the key of this model's provider",
            next_step=f"export {name}=..., or name another variable in api_key_env",
        )
    if not key.isascii() or not key.isprintable():
        raise HarnessError(
            f"model '{model_id}': the environment variable {name} holds characters that no key has",
            allowed="printable ASCII",
            next_step=f"set {name} again",
        )
    return key


def _state(name: str, environment: Mapping[str, str]) -> str:
    return "empty" if name in environment else "not set"

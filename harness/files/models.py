"""Models file -> endpoints by name.

Decides which endpoints are well formed. Keys are only ever the *name* of an environment variable: whatever looks like
a key is refused, and messages do not repeat it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from harness.errors import FileError, raise_all
from harness.files.decode import to_record
from harness.files.schema import Loc
from harness.files.secrets import ENV_NAME, is_secret, looks_like_key
from harness.files.text import shortened
from harness.files.yaml import Fault, read_yaml
from harness.records import Bounds, FromFile, Loaded, Model
from harness.records.candidates import FROM_ENVIRONMENT

OWN_HEADERS = frozenset(
    {"host", "content-type", "content-length", "transfer-encoding", "connection", "accept-encoding", "cookie"}
)
"""Headers that belong to the call itself."""
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "azure": ("base_url", "api_version", "model"),
    "azure_content_safety": ("base_url",),
}
"""Fields that a provider cannot do without; the others need the model's name alone."""
OWN_PARAMS = ("model", "messages", "n", "stream")

_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]*")


class _ModelsFile(FromFile, frozen=True):
    models: Annotated[Mapping[str, Model], Bounds(min_length=1)]


def load_models(path: str | Path) -> Loaded[Mapping[str, Model]]:
    """Read and check a models file; model name -> endpoint, in the order of the file."""
    document = read_yaml(Path(path), what="models file", kind="models")
    models = to_record(document, _ModelsFile, what="models file").models
    errors: list[FileError] = []
    for name, model in models.items():
        place: Loc = ("models", name)
        if not _MODEL_NAME.fullmatch(name) or len(name) > 100:
            errors.append(
                document.error(
                    place,
                    "is not a name" if looks_like_key(name) else f"is '{shortened(name)}'",
                    allowed="letters, digits and any of _ - . : /, beginning with a letter or digit",
                    next_step="rename the model",
                    key="models",
                )
            )
        for faults in (_endpoint_faults, _key_faults, _header_faults, _param_faults):
            errors += document.errors(faults(place, model))
    raise_all(errors)
    return Loaded(models, document.path, document.sha256)


def _endpoint_faults(place: Loc, model: Model) -> Iterator[Fault]:
    if model.base_url is not None:
        yield from _url_faults((*place, "base_url"), model.base_url)
    if model.provider == "embedded":
        for name in ("base_url", "api_key_env", "api_version", "region", "headers"):
            if getattr(model, name):
                allowed = "no endpoint with 'provider: embedded'"
                hint = "remove it, or write 'provider: openai'"
                yield (*place, name), "is given for the embedded model", allowed, hint
        return
    for name, provider in (("gguf", "embedded"), ("region", "bedrock")):
        if getattr(model, name) is not None and model.provider != provider:
            allowed = f"{name} only with 'provider: {provider}'"
            yield (*place, name), f"is given with 'provider: {model.provider}'", allowed, "remove it"
    if model.structured_output in ("json_schema", "json_object") and model.provider in ("anthropic", "bedrock"):
        found = f"is '{model.structured_output}', which 'provider: {model.provider}' has no field for"
        yield (*place, "structured_output"), found, "auto or none: the prompt asks for JSON in words", "remove it"
    required = REQUIRED.get(model.provider, ("model",))
    host = "cognitiveservices" if model.provider == "azure_content_safety" else "openai"
    examples = {
        "base_url": f"the resource's URL, such as https://NAME.{host}.azure.com",
        "api_version": "the API version, such as 2024-10-21",
        "model": "the name the endpoint knows the model by",
    }
    for name in required:
        if not getattr(model, name):
            found = f"is missing, and 'provider: {model.provider}' needs it"
            yield (*place, name), found, examples[name], f"add '{name}: ...'"


def _url_faults(place: Loc, url: str) -> Iterator[Fault]:
    allowed = "a URL with http:// or https:// and a host, without user, password, query or fragment"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        yield place, "is not a URL", allowed, "correct the URL"
        return
    if parts.username is not None or parts.password is not None or "@" in parts.netloc or "%" in parts.netloc:
        found = "holds a user name, a password or a '%' before its path (not shown)"
        yield place, found, allowed, "put the key in an environment variable and name it in api_key_env"
    elif parts.query or parts.fragment:
        yield place, "has a query or fragment (not shown)", allowed, "remove what follows '?' or '#'"
    elif parts.scheme not in ("http", "https") or not host or any(char.isspace() for char in url):
        yield place, f"is '{shortened(url)}'", allowed, "correct the URL"


def _key_faults(place: Loc, model: Model) -> Iterator[Fault]:
    name = model.api_key_env
    if name is None or (ENV_NAME.fullmatch(name) and len(name) <= 100 and not looks_like_key(name)):
        return
    if looks_like_key(name):
        found = f"looks like a key itself ('{name[:3]}...', {len(name)} characters)"
        next_step = "replace the key, since it stands in a file; put it in a variable and write the variable's name"
    else:
        found = f"is not a variable name ('{shortened(name[:3])}...', {len(name)} characters)"
        next_step = "write the name of the variable that holds the key"
    allowed = "the name of an environment variable: A-Z, 0-9 and '_', such as OPENAI_API_KEY"
    yield (*place, "api_key_env"), found, allowed, next_step


def _header_faults(place: Loc, model: Model) -> Iterator[Fault]:
    """Headers whose values are not named but written, or that belong to the call itself."""
    for name, value in model.headers.items():
        here = (*place, "headers", name)
        variable = value.removeprefix(FROM_ENVIRONMENT)
        if not _HEADER_NAME.fullmatch(name) or len(name) > 100 or looks_like_key(name):
            found = "has a name that no header has (not shown)"
            yield (*place, "headers"), found, "letters, digits and '-', such as X-Team", "correct the name"
        elif name.lower() in OWN_HEADERS:
            yield here, "is set by the harness", "any other header", "remove it"
        elif not value.startswith(FROM_ENVIRONMENT) or not ENV_NAME.fullmatch(variable) or len(variable) > 100:
            found = f"has a value that stands in the file ({len(value)} characters, not shown)"
            hint = f"write {name}: env:{re.sub('[^A-Z0-9]+', '_', name.upper())}, and export that variable"
            yield here, found, "env:NAME, the environment variable that holds the value", hint


def _param_faults(place: Loc, model: Model) -> Iterator[Fault]:
    for name, value in model.params.items():
        here = (*place, "params", name)
        if name in OWN_PARAMS:
            hint = "write 'model:' beside params" if name == "model" else "remove it"
            yield here, "is set by the harness", f"any parameter but {', '.join(OWN_PARAMS)}", hint
        elif is_secret(name, value):
            yield (
                (*place, "params") if looks_like_key(name) else here,
                "would put a key into requests and runs (not shown)",
                "parameters of the request body; keys only through api_key_env",
                "remove it and name the key's variable in api_key_env",
            )

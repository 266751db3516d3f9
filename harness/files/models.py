"""Models file -> endpoints by name.

Decides which endpoints are well formed. Keys are only ever the *name* of an environment variable: whatever looks like
a key is refused, and messages do not repeat it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from annotated_types import MinLen

from harness.errors import FileError, raise_all
from harness.files.decode import to_record
from harness.files.schema import Loc
from harness.files.secrets import ENV_NAME, is_secret, looks_like_key
from harness.files.text import shortened
from harness.files.yaml import Document, read_yaml
from harness.records import FROM_FILE, Loaded, Model
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


@dataclass(frozen=True, slots=True)
class _ModelsFile:
    __pydantic_config__: ClassVar[Any] = FROM_FILE
    models: Annotated[Mapping[str, Model], MinLen(1)]


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
        errors += _endpoint_faults(document, place, model)
        errors += _key_faults(document, place, model)
        errors += _header_faults(document, place, model)
        errors += _param_faults(document, place, model)
    raise_all(errors)
    return Loaded(models, document.path, document.sha256)


def _endpoint_faults(document: Document, place: Loc, model: Model) -> list[FileError]:
    errors = []
    if model.base_url is not None:
        errors += _url_faults(document, (*place, "base_url"), model.base_url)
    if model.provider == "embedded":
        for name in ("base_url", "api_key_env", "api_version", "region", "headers"):
            if getattr(model, name):
                errors.append(
                    document.error(
                        (*place, name),
                        "is given for the embedded model",
                        allowed="no endpoint with 'provider: embedded'",
                        next_step="remove it, or write 'provider: openai'",
                    )
                )
        return errors
    for name, provider in (("gguf", "embedded"), ("region", "bedrock")):
        if getattr(model, name) is not None and model.provider != provider:
            errors.append(
                document.error(
                    (*place, name),
                    f"is given with 'provider: {model.provider}'",
                    allowed=f"{name} only with 'provider: {provider}'",
                    next_step="remove it",
                )
            )
    if model.structured_output in ("json_schema", "json_object") and model.provider in ("anthropic", "bedrock"):
        errors.append(
            document.error(
                (*place, "structured_output"),
                f"is '{model.structured_output}', which 'provider: {model.provider}' has no field for",
                allowed="auto or none: the prompt asks for JSON in words",
                next_step="remove it",
            )
        )
    required = REQUIRED.get(model.provider, ("model",))
    host = "cognitiveservices" if model.provider == "azure_content_safety" else "openai"
    examples = {
        "base_url": f"the resource's URL, such as https://NAME.{host}.azure.com",
        "api_version": "the API version, such as 2024-10-21",
        "model": "the name the endpoint knows the model by",
    }
    errors += [
        document.error(
            (*place, name),
            f"is missing, and 'provider: {model.provider}' needs it",
            allowed=examples[name],
            next_step=f"add '{name}: ...'",
        )
        for name in required
        if not getattr(model, name)
    ]
    return errors


def _url_faults(document: Document, place: Loc, url: str) -> list[FileError]:
    allowed = "a URL with http:// or https:// and a host, without user, password, query or fragment"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return [document.error(place, "is not a URL", allowed=allowed, next_step="correct the URL")]
    if parts.username is not None or parts.password is not None or "@" in parts.netloc or "%" in parts.netloc:
        return [
            document.error(
                place,
                "holds a user name, a password or a '%' before its path (not shown)",
                allowed=allowed,
                next_step="put the key in an environment variable and name it in api_key_env",
            )
        ]
    if parts.query or parts.fragment:
        return [
            document.error(
                place,
                "has a query or fragment (not shown)",
                allowed=allowed,
                next_step="remove what follows '?' or '#'",
            )
        ]
    if parts.scheme not in ("http", "https") or not host or any(char.isspace() for char in url):
        return [document.error(place, f"is '{shortened(url)}'", allowed=allowed, next_step="correct the URL")]
    return []


def _key_faults(document: Document, place: Loc, model: Model) -> list[FileError]:
    name = model.api_key_env
    if name is None or (ENV_NAME.fullmatch(name) and len(name) <= 100 and not looks_like_key(name)):
        return []
    if looks_like_key(name):
        found = f"looks like a key itself ('{name[:3]}...', {len(name)} characters)"
        next_step = "replace the key, since it stands in a file; put it in a variable and write the variable's name"
    else:
        found = f"is not a variable name ('{shortened(name[:3])}...', {len(name)} characters)"
        next_step = "write the name of the variable that holds the key"
    return [
        document.error(
            (*place, "api_key_env"),
            found,
            allowed="the name of an environment variable: A-Z, 0-9 and '_', such as OPENAI_API_KEY",
            next_step=next_step,
        )
    ]


def _header_faults(document: Document, place: Loc, model: Model) -> list[FileError]:
    """Headers whose values are not named but written, or that belong to the call itself."""
    errors = []
    for name, value in model.headers.items():
        here = (*place, "headers", name)
        variable = value.removeprefix(FROM_ENVIRONMENT)
        if not _HEADER_NAME.fullmatch(name) or len(name) > 100 or looks_like_key(name):
            errors.append(
                document.error(
                    (*place, "headers"),
                    "has a name that no header has (not shown)",
                    allowed="letters, digits and '-', such as X-Team",
                    next_step="correct the name",
                )
            )
        elif name.lower() in OWN_HEADERS:
            errors.append(
                document.error(here, "is set by the harness", allowed="any other header", next_step="remove it")
            )
        elif not value.startswith(FROM_ENVIRONMENT) or not ENV_NAME.fullmatch(variable) or len(variable) > 100:
            errors.append(
                document.error(
                    here,
                    f"has a value that stands in the file ({len(value)} characters, not shown)",
                    allowed="env:NAME, the environment variable that holds the value",
                    next_step=f"write {name}: env:{re.sub('[^A-Z0-9]+', '_', name.upper())}, and export that variable",
                )
            )
    return errors


def _param_faults(document: Document, place: Loc, model: Model) -> list[FileError]:
    errors = []
    for name, value in model.params.items():
        here = (*place, "params", name)
        if name in OWN_PARAMS:
            errors.append(
                document.error(
                    here,
                    "is set by the harness",
                    allowed=f"any parameter but {', '.join(OWN_PARAMS)}",
                    next_step="write 'model:' beside params" if name == "model" else "remove it",
                )
            )
        elif is_secret(name, value):
            errors.append(
                document.error(
                    here if not looks_like_key(name) else (*place, "params"),
                    "would put a key into requests and runs (not shown)",
                    allowed="parameters of the request body; keys only through api_key_env",
                    next_step="remove it and name the key's variable in api_key_env",
                )
            )
    return errors

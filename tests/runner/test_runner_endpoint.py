"""Endpoints: where calls go, and keys that are never seen."""

import re
import subprocess
import sys
from urllib.parse import quote

import orjson
import pytest
from runner_fakes import Asking, FakeGolden, FakeTransport, failure, make_request, run

from harness.errors import HarnessError
from harness.records import Limits, Model, Price
from harness.records.answers import Answer
from harness.runner.endpoint import Endpoint, endpoint_from_model, ready_endpoint
from harness.runner.proxies import proxy_for
from harness.runs import open_run

KEY = "sk-very-secret"


def test_an_explicit_address_needs_only_its_key():
    model = Model(
        "openai", base_url="https://host/v1/", api_key_env="TEAM_KEY", limits=Limits(concurrency=3), price=Price(1, 2)
    )
    endpoint = endpoint_from_model("mini", model, {"TEAM_KEY": KEY})
    assert endpoint.url("/chat/completions") == "https://host/v1/chat/completions"
    assert endpoint.headers == {"authorization": f"Bearer {KEY}"}
    assert (endpoint.limits.concurrency, endpoint.price) == (3, Price(1, 2))


def test_a_local_server_needs_no_key():
    endpoint = endpoint_from_model("local", Model("openai", base_url="http://127.0.0.1:8000/v1"), {})
    assert endpoint.headers == {}


def test_an_explicit_address_does_not_import_the_sdk():
    script = (
        "import sys; from harness.records import Model; from harness.runner import endpoint_from_model\n"
        "endpoint_from_model('m', Model('openai', base_url='http://h/v1'), {})\n"
        "print(sorted({'openai', 'pandas', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("environment", [{}, {"TEAM_KEY": ""}, {"TEAM_KEY": "  "}])
def test_a_missing_key_is_named_with_its_model(environment):
    model = Model("openai", base_url="https://host/v1", api_key_env="TEAM_KEY")
    with pytest.raises(HarnessError, match="model 'mini' needs the environment variable TEAM_KEY"):
        endpoint_from_model("mini", model, environment)


def test_a_key_with_a_line_break_is_refused_and_not_shown():
    model = Model("openai", base_url="https://host/v1", api_key_env="TEAM_KEY")
    with pytest.raises(HarnessError) as caught:
        endpoint_from_model("mini", model, {"TEAM_KEY": "sk-abc\nx-evil: 1"})
    assert "sk-abc" not in str(caught.value)


@pytest.mark.parametrize("address", ["host/v1", "ftp://host/v1", "https://", "https://user:pw@host/v1"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(HarnessError, match="base_url"):
        endpoint_from_model("m", Model("openai", base_url=address), {})


def test_openai_itself_is_configured_by_its_package():
    environment = {"OPENAI_API_KEY": KEY, "OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT_ID": "proj-1"}
    endpoint = endpoint_from_model("gpt", Model("openai", model="gpt-x"), environment)
    assert endpoint.url("/chat/completions") == "https://api.openai.com/v1/chat/completions"
    assert {name.lower(): value for name, value in endpoint.headers.items()} == {
        "authorization": f"Bearer {KEY}",
        "openai-organization": "org-1",
        "openai-project": "proj-1",
    }


def test_openai_may_be_elsewhere():
    environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://eu.api.example.com/v1"}
    assert endpoint_from_model("gpt", Model("openai"), environment).url_base == "https://eu.api.example.com/v1"


def test_azure_is_configured_by_the_package():
    model = Model(
        "azure", base_url="https://team.openai.azure.com", api_key_env="AZ", api_version="2024-10-21", model="dep"
    )
    endpoint = endpoint_from_model("az", model, {"AZ": KEY})
    assert endpoint.url("/chat/completions") == (
        "https://team.openai.azure.com/openai/deployments/dep/chat/completions?api-version=2024-10-21"
    )
    assert endpoint.headers == {"api-key": KEY}
    assert "2024-10-21" in endpoint.identity


def test_azures_version_free_api_needs_no_version():
    model = Model("azure", base_url="https://team.openai.azure.com/openai/v1/", api_key_env="AZ")
    endpoint = endpoint_from_model("az", model, {"AZ": KEY})
    assert endpoint.url("chat/completions") == "https://team.openai.azure.com/openai/v1/chat/completions"
    assert endpoint.headers == {"api-key": KEY}


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Model("azure", api_key_env="AZ"), "needs an address"),
        (Model("azure", api_key_env="AZ", base_url="https://team.openai.azure.com"), "needs an API version"),
        (Model("embedded"), "is embedded"),
    ],
)
def test_what_a_provider_lacks_is_said(model, told):
    with pytest.raises(HarnessError, match=told):
        endpoint_from_model("az", model, {"AZ": KEY})


def test_keys_are_in_no_repr_and_removed_from_texts():
    endpoint = ready_endpoint("m", "http://127.0.0.1:1/v1", KEY)
    assert KEY not in repr(endpoint)
    assert endpoint.redact(f"wrong key {KEY}!") == "wrong key [key]!"


def test_a_started_server_is_known_by_what_answers():
    one = ready_endpoint("m", "http://127.0.0.1:1111/v1", identity="sha256:abc")
    other = ready_endpoint("m", "http://127.0.0.1:2222/v1", identity="sha256:abc")
    assert one.identity == other.identity == "sha256:abc"
    assert Endpoint("m", "http://host/v1/").identity == "http://host/v1"


@pytest.mark.parametrize(
    ("scheme", "host", "environment", "proxy"),
    [
        ("https", "api.example.com", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https", "api.example.com", {"https_proxy": "p:3128"}, "http://p:3128"),
        ("http", "api.example.com", {"HTTPS_PROXY": "http://p:3128", "HTTP_PROXY": "http://p:3128"}, None),
        ("https", "localhost", {"HTTPS_PROXY": "http://p:3128"}, None),
        ("https", "api.example.com", {"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "other, .example.com"}, None),
        ("https", "api.example.com", {"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "*"}, None),
        ("https", "notexample.com", {"HTTPS_PROXY": "http://p:3128", "no_proxy": "example.com"}, "http://p:3128"),
        ("https", "api.example.com", {"ALL_PROXY": "http://p:3128"}, None),
    ],
)
def test_proxies_are_used_only_where_they_are_named(scheme, host, environment, proxy):
    assert proxy_for(scheme, host, environment) == proxy


@pytest.mark.parametrize("key", ["x", "none", "EMPTY"])
def test_a_dummy_key_tears_no_word_apart(key):
    """The key "x" made "e[key]ample" of every word, and said where the key was."""
    endpoint = ready_endpoint("m", "http://host/v1", key)
    assert endpoint.redact(f"an example of {key} in text") == f"an example of {key} in text"
    assert endpoint.redact(f"bad header: Bearer {key}") == "bad header: [key]"


def test_a_proxys_password_is_a_secret():
    model = Model("openai", base_url="https://host/v1")
    endpoint = endpoint_from_model("m", model, {"HTTPS_PROXY": "http://user:hidden-word@p:3128"})
    assert "hidden-word" not in repr(endpoint)
    assert "hidden-word" not in endpoint.redact("cannot connect to user:hidden-word@p:3128")


@pytest.mark.parametrize("key", ["ab/cd+ef==ghijkl", 'quote"back\\slash-123', "plain-key-0123456789"])
def test_a_key_is_found_however_a_server_spells_it(key):
    """One with an escaped slash was stored."""
    endpoint = ready_endpoint("m", "http://host/v1", key)
    plain = orjson.dumps({"echo": key})
    spelt = [plain, plain.replace(b"/", b"\\/"), f"key={quote(key, safe='')}".encode()]
    spelt.append(plain.replace(b"+", b"\\u002b").replace(b"=", b"\\u003D"))
    for body in spelt:
        kept = endpoint.redact_bytes(b"before " + body + b" after")
        assert b"[key]" in kept
        assert kept.startswith(b"before ")
        assert "[key]" in endpoint.redact(body.decode())
        assert not any(part.encode() in kept for part in re.findall("[a-z0-9]{6,}", key))


def test_a_key_in_a_refusal_reaches_no_row(tmp_path):
    key = "hunter2hunter2"
    endpoint = ready_endpoint("m", "http://host/v1", key)
    transport = FakeTransport(lambda text, attempt: failure(422, f"no {key} here") if text.endswith(" 3") else None)

    class Telling(Asking):
        def read(self, response):
            return (
                Answer("rejected", error=response.body.decode()) if response.status == 422 else super().read(response)
            )

    summary = run(make_request(tmp_path, FakeGolden(20), [Telling()], endpoints={"m": endpoint}), transport)
    (said,) = [row[0] for row in open_run(summary.path).texts("v1", "error") if row[0]]
    assert "hunter2" not in said

"""Native wires: what goes out, against servers in each provider's own shapes, and what comes of their answers."""

import datetime
import hashlib
import hmac
from urllib.parse import quote

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.errors import HarnessError
from harness.files.models import load_models
from harness.records import Model
from harness.records.answers import Usage
from harness.runner.endpoint import endpoint_from_model
from harness.runner.usage import usage_of
from harness.runner.wires import ANTHROPIC, GEMINI
from harness.runner.wires.bedrock import BedrockWire
from tests.stub_server import StubServer

CHAT = {
    "model": "m-1",
    "messages": [
        {"role": "system", "content": "You judge."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "no"},
        {"role": "user", "content": "two"},
        {"role": "user", "content": "three"},
    ],
    "temperature": 0,
    "max_tokens": 50,
    "stop": "END",
}


def sent(wire, **more):
    out = wire.sent("http://h", orjson.dumps({**CHAT, **more}))
    return out.route, orjson.loads(out.body)


def test_anthropic_messages():
    route, body = sent(ANTHROPIC, top_k=5)
    assert route == "messages"
    assert body == {
        "model": "m-1",
        "max_tokens": 50,
        "system": "You judge.",
        "messages": [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "no"},
            {"role": "user", "content": "two\n\nthree"},
        ],
        "temperature": 0,
        "stop_sequences": ["END"],
        "top_k": 5,
    }
    chat = {name: value for name, value in CHAT.items() if name != "max_tokens"}
    assert orjson.loads(ANTHROPIC.sent("", orjson.dumps(chat)).body)["max_tokens"] == 1024


def test_gemini_contents():
    off = [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "OFF"}]
    route, body = sent(GEMINI, safetySettings=off, logprobs=True, top_logprobs=5, thinkingConfig={"thinkingBudget": 0})
    assert route == "models/m-1:generateContent"
    assert body["systemInstruction"] == {"parts": [{"text": "You judge."}]}
    assert [one["role"] for one in body["contents"]] == ["user", "model", "user"]
    assert body["contents"][2]["parts"] == [{"text": "two\n\nthree"}]
    assert body["safetySettings"] == off
    assert body["generationConfig"] == {
        "temperature": 0,
        "maxOutputTokens": 50,
        "stopSequences": ["END"],
        "responseLogprobs": True,
        "logprobs": 5,
        "thinkingConfig": {"thinkingBudget": 0},
    }
    _, body = sent(GEMINI, response_format={"type": "json_schema", "json_schema": {"schema": {"type": "object"}}})
    assert body["generationConfig"]["responseMimeType"] == "application/json"
    assert body["generationConfig"]["responseJsonSchema"] == {"type": "object"}


def test_bedrock_converse():
    wire = BedrockWire("us-east-1")
    route, body = sent(wire, model="anthropic.claude-v2:1", top_k=5, guardrailConfig={"guardrailIdentifier": "g"})
    assert route == "model/anthropic.claude-v2%3A1/converse"
    assert body["system"] == [{"text": "You judge."}]
    assert body["messages"][2] == {"role": "user", "content": [{"text": "two\n\nthree"}]}
    assert body["inferenceConfig"] == {"temperature": 0, "maxTokens": 50, "stopSequences": ["END"]}
    assert body["additionalModelRequestFields"] == {"top_k": 5}
    assert body["guardrailConfig"] == {"guardrailIdentifier": "g"}


def test_bedrocks_own_spellings_stand_where_bedrock_reads_them():
    """They were sent as additionalModelRequestFields, which a model refuses or passes over."""
    own = {"maxTokens": 9, "toolConfig": {"tools": []}, "serviceTier": {"type": "flex"}}
    nested = {"inferenceConfig": {"topP": 0.5}, "additionalModelRequestFields": {"thinking": {"type": "disabled"}}}
    _, body = sent(BedrockWire("us-east-1"), max_tokens=None, **own, **nested)
    assert body["inferenceConfig"]["maxTokens"] == 9
    assert body["inferenceConfig"]["topP"] == 0.5
    assert (body["toolConfig"], body["serviceTier"]) == ({"tools": []}, {"type": "flex"})
    assert body["additionalModelRequestFields"] == {"thinking": {"type": "disabled"}}


def test_geminis_generation_config_is_not_nested_twice():
    _, body = sent(GEMINI, generationConfig={"thinkingConfig": {"thinkingBudget": 0}}, topK=3)
    assert body["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 0}
    assert body["generationConfig"]["topK"] == 3


# ------------------------------------------------------------------------------------------------------ signatures


def sigv4(secret, region, when, method, path, headers, signed, body):
    """Signature Version 4 by docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html."""
    canonical = "\n".join(
        [method, quote(path, safe="/~"), "", *(f"{name}:{headers[name].strip()}" for name in signed), "",
         ";".join(signed), hashlib.sha256(body).hexdigest()]
    )  # fmt: skip
    scope = f"{when[:8]}/{region}/bedrock/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{when}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (when[:8], region, "bedrock", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


# ------------------------------------------------------------------------------------------------------- the stubs


class Stub(StubServer):
    """Answers in a provider's own language by what the last message says."""

    def __init__(self, provider):
        super().__init__(lambda asked: SHAPES[provider](asked.body, self.times(asked) - 1))


FLAG, CLEAN = '{"categories": ["hate"]}', '{"categories": []}'


def anthropic(body, n):
    text = body["messages"][-1]["content"]
    told = {
        "anthropic-ratelimit-requests-limit": "4000",
        "anthropic-ratelimit-requests-remaining": "3999",
        "anthropic-ratelimit-requests-reset": "2026-11-27T09:00:00Z",
        "request-id": "req_1",
    }
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "?"}}

    def message(*content, stop="end_turn"):
        usage = {
            "input_tokens": 10,
            "cache_read_input_tokens": 90,
            "cache_creation_input_tokens": 0,
            "output_tokens": 7,
        }
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": list(content),
                "stop_reason": stop, "stop_sequence": None, "usage": usage}  # fmt: skip

    match text:
        case "flag":
            thought = {"type": "thinking", "thinking": CLEAN, "signature": "s"}
            return 200, told, message(thought, {"type": "text", "text": FLAG})
        case "refuse":
            return 200, told, message(stop="refusal")
        case "block":
            return 400, told, error | {"error": {"type": "invalid_request_error",
                                                 "message": "Output blocked by content filtering policy"}}  # fmt: skip
        case "busy" if n == 0:
            return 429, told | {"retry-after": "0"}, error | {"error": {"type": "rate_limit_error", "message": "wait"}}
        case "cut":
            return 200, told, message({"type": "text", "text": '{"categ'}, stop="max_tokens")
        case _:
            return 200, told, message({"type": "text", "text": CLEAN})


def gemini(body, n):
    text = body["contents"][-1]["parts"][0]["text"]
    usage = {"promptTokenCount": 100, "candidatesTokenCount": 5, "thoughtsTokenCount": 2, "cachedContentTokenCount": 90,
             "totalTokenCount": 107}  # fmt: skip

    def candidate(parts, finish="STOP"):
        content = {"content": {"parts": parts, "role": "model"}} if parts else {}
        return {"candidates": [{**content, "finishReason": finish, "index": 0}], "usageMetadata": usage,
                "modelVersion": "m-1"}  # fmt: skip

    match text:
        case "flag":
            return 200, {}, candidate([{"text": CLEAN, "thought": True}, {"text": FLAG}])
        case "refuse":
            return 200, {}, candidate([{"text": "I cannot help with that."}])
        case "block":
            return 200, {}, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": usage}
        case "busy" if n == 0:
            details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0s"}]
            error = {"code": 429, "message": "Resource exhausted", "status": "RESOURCE_EXHAUSTED", "details": details}
            return 429, {}, {"error": error}
        case "cut":
            return 200, {}, candidate([{"text": '{"categ'}], "MAX_TOKENS")
        case _:
            return 200, {}, candidate([{"text": CLEAN}])


def bedrock(body, n):
    text = body["messages"][-1]["content"][0]["text"]

    def output(*content, stop="end_turn"):
        usage = {"inputTokens": 10, "outputTokens": 7, "totalTokens": 107, "cacheReadInputTokens": 90,
                 "cacheWriteInputTokens": 0}  # fmt: skip
        return {"output": {"message": {"role": "assistant", "content": list(content)}}, "stopReason": stop,
                "usage": usage, "metrics": {"latencyMs": 12}}  # fmt: skip

    match text:
        case "flag":
            thought = {"reasoningContent": {"reasoningText": {"text": CLEAN, "signature": "s"}}}
            return 200, {}, output(thought, {"text": FLAG})
        case "refuse":
            return 200, {}, output({"text": "I'm sorry, but I can't help with that."})
        case "block":
            return 200, {}, output({"text": "Sorry, the model cannot answer."}, stop="guardrail_intervened")
        case "busy" if n == 0:
            return 429, {"x-amzn-errortype": "ThrottlingException"}, {"message": "Too many requests, please wait."}
        case "cut":
            return 200, {}, output({"text": '{"categ'}, stop="max_tokens")
        case _:
            return 200, {}, output({"text": CLEAN})


SHAPES = {"anthropic": anthropic, "gemini": gemini, "bedrock": bedrock}
TEXTS = {"a": "flag", "b": "clean", "c": "refuse", "d": "block", "e": "busy", "f": "cut"}
MODEL = {"bedrock": "eu.m/m-1:0"}
"""A name whose signs are encoded in the path, and once more in what is signed."""
WANTED = {"a": ("ok", 1), "b": ("ok", 0), "c": ("refused", None), "d": ("blocked", None), "e": ("ok", 0),
          "f": ("unparsed", None)}  # fmt: skip
KEYS = {
    "anthropic": {"ANTHROPIC_API_KEY": "sk-ant-secret-0001"},
    "gemini": {"GEMINI_API_KEY": "AIzaSecretSecret01"},
    "bedrock": {"AWS_ACCESS_KEY_ID": "AKIASECRETSECRET1", "AWS_SECRET_ACCESS_KEY": "secret/secret+secret1",
                "AWS_SESSION_TOKEN": "token-token-token"},
}  # fmt: skip


def project(folder, provider, url):
    more, name = provider == "bedrock", MODEL.get(provider, "m-1")
    files = {
        "policy.yaml": "policy: p\nversion: 1\ncategories:\n  hate: {name: Hate, definition: Attacks.}\n",
        "card.yaml": "golden_set: g\nversion: 1\npolicy: {name: p, version: 1}\nitems: items.jsonl\nlabels: [hate]\n",
        "items.jsonl": "".join(
            f'{{"id": "{name}", "text": "{text}", "labels": {{"hate": 0}}}}\n' for name, text in TEXTS.items()
        ),
        "prompt.md": "---\nprompt: p\nanswer: json\n---\n\n# system\nJudge.\n\n# user\n{{ item.text }}\n",
        "models.yaml": f"models:\n  m:\n    provider: {provider}\n    base_url: {url}\n    model: {name}\n"
        f"    params: {{temperature: 0, max_tokens: 50}}\n    headers: {{X-Team: env:TEAM_HEADER}}\n"
        + ("    region: eu-west-1\n" if more else "")
        + "    price: {input_per_mtok: 1.0, cached_input_per_mtok: 0.1, output_per_mtok: 10.0}\n",
        "eval.yaml": "eval: e\npolicy: policy.yaml\ngolden_set: card.yaml\nmodels: models.yaml\ncandidates:\n"
        "  v1: {prompt: prompt.md, model: m}\nbaseline: v1\nmax_error_rate: 0.5\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")


@pytest.mark.parametrize("provider", sorted(SHAPES))
def test_a_whole_run_in_a_providers_own_language(tmp_path, monkeypatch, provider):
    if provider == "bedrock":
        pytest.importorskip("botocore", reason="the extra bedrock is not installed")
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    secrets = {**KEYS[provider], "TEAM_HEADER": "team-secret-value-1"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    with Stub(provider) as stub:
        project(tmp_path, provider, stub.url)
        arguments = ["run", "eval.yaml", "--json", "--runs-dir", "runs", "--cache", "cache.sqlite"]
        first = CliRunner().invoke(main, arguments, catch_exceptions=False)
        summary = orjson.loads(first.stdout)
    assert summary["status"] == "complete", first.stderr
    (rows_file,) = (tmp_path / "runs").rglob("predictions.parquet")
    rows = pq.read_table(rows_file).to_pylist()
    assert {row["item_id"]: (row["outcome"], row["decision.hate"]) for row in rows} == WANTED
    flagged = next(row for row in rows if row["item_id"] == "a")
    assert (flagged["input_tokens"], flagged["cached_tokens"], flagged["output_tokens"]) == (100, 90, 7)
    assert flagged["cost_usd"] == pytest.approx((10 * 1.0 + 90 * 0.1 + 7 * 10.0) / 1e6)
    assert summary["calls"] == len(TEXTS) + 1
    path, headers, raw = stub.seen[0].path, stub.seen[0].headers, stub.seen[0].raw
    assert headers["x-team"] == "team-secret-value-1"
    if provider == "anthropic":
        assert (path, headers["x-api-key"], headers["anthropic-version"]) == (
            "/messages", "sk-ant-secret-0001", "2023-06-01")  # fmt: skip
    elif provider == "gemini":
        assert (path, headers["x-goog-api-key"]) == ("/models/m-1:generateContent", "AIzaSecretSecret01")
        assert orjson.loads(raw)["generationConfig"]["responseMimeType"] == "application/json"
    else:
        said = headers["authorization"]
        signed = said.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        assert {"host", "x-amz-date", "x-amz-security-token"} <= set(signed)
        wanted = sigv4(
            "secret/secret+secret1", "eu-west-1", headers["x-amz-date"], "POST", path, headers, signed, raw
        )  # fmt: skip
        assert said.endswith(f"Signature={wanted}")
        assert abs(age_s(headers["x-amz-date"])) < 300
    for file in tmp_path.rglob("*"):
        if file.is_file():
            kept = file.read_bytes()
            assert not any(value.encode() in kept for value in secrets.values()), file


def age_s(when):
    then = datetime.datetime.strptime(when, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    return (datetime.datetime.now(datetime.UTC) - then).total_seconds()


# ---------------------------------------------------------------------------------------------- endpoints and files


def test_endpoints_of_providers():
    claude = endpoint_from_model("c", Model("anthropic", model="claude"), {"ANTHROPIC_API_KEY": "k" * 20})
    assert claude.url("messages") == "https://api.anthropic.com/v1/messages"
    assert claude.identity == "https://api.anthropic.com/v1#anthropic-1"
    flash = endpoint_from_model("g", Model("gemini", model="f", api_version="v1"), {"GEMINI_API_KEY": "k" * 20})
    assert flash.url_base == "https://generativelanguage.googleapis.com/v1"
    key = {"AWS_BEARER_TOKEN_BEDROCK": "k" * 20, "AWS_REGION": "us-west-2"}
    nova = endpoint_from_model("b", Model("bedrock", model="amazon.nova"), key)
    assert nova.url_base == "https://bedrock-runtime.us-west-2.amazonaws.com"
    assert nova.headers["authorization"] == f"Bearer {'k' * 20}"
    assert "k" * 20 not in repr((claude, flash, nova))


@pytest.mark.parametrize(
    ("model", "environment", "said"),
    [
        (Model("anthropic", model="c"), {}, "ANTHROPIC_API_KEY"),
        (Model("gemini", model="g"), {}, "GEMINI_API_KEY"),
        (Model("bedrock", model="b"), {"AWS_BEARER_TOKEN_BEDROCK": "k"}, "region"),
        (Model("openai", base_url="http://h/v1", headers={"X-Team": "env:TEAM"}), {}, "TEAM, which is not set"),
        (Model("openai", base_url="http://h/v1", headers={"X-Team": "env:TEAM"}), {"TEAM": "a\nb"}, "no header value"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(model, environment, said):
    with pytest.raises(HarnessError, match=said):
        endpoint_from_model("m", model, environment)


def test_no_credentials_are_one_message(monkeypatch, tmp_path):
    pytest.importorskip("botocore", reason="the extra bedrock is not installed")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(HarnessError, match="AWS credentials"):
        endpoint_from_model("b", Model("bedrock", model="b", region="us-east-1"), {})
    with pytest.raises(HarnessError, match="nobody"):
        endpoint_from_model("b", Model("bedrock", model="b", region="us-east-1"), {"AWS_PROFILE": "nobody"})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("headers: {X-Team: sk-ant-abcdef123456}", "stands in the file"),
        ("headers: {X-Team: env:lower}", "stands in the file"),
        ("headers: {Host: env:HOST}", "is set by the harness"),
        ("headers: {'X Team': env:TEAM}", "a name that no header has"),
        ("region: us-east-1", "only with 'provider: bedrock'"),
        ("structured_output: json_schema", "has no field for"),
    ],
)
def test_a_models_file_is_refused_with_where_and_why(tmp_path, line, said):
    path = tmp_path / "models.yaml"
    path.write_text(f"models:\n  m:\n    provider: anthropic\n    model: c\n    {line}\n", "utf-8")
    with pytest.raises(HarnessError) as caught:
        load_models(path)
    assert said in str(caught.value)
    assert "sk-ant" not in str(caught.value)


@pytest.mark.parametrize(
    ("document", "usage"),
    [
        ({"usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 3}},
         Usage(15, 5, 3)),
        ({"usage": {"inputTokens": 10, "outputTokens": 3, "totalTokens": 13}}, Usage(10, 0, 3)),
        ({"usageMetadata": {"promptTokenCount": 10}}, Usage(10, 0, 0)),
        ({"usageMetadata": {"promptTokenCount": 60, "toolUsePromptTokenCount": 20, "candidatesTokenCount": 8,
                            "thoughtsTokenCount": 12, "cachedContentTokenCount": 40, "totalTokenCount": 100}},
         Usage(80, 40, 20, 12)),
        ({"usage": {"inputTokens": 3, "outputTokens": 8, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 50}},
         Usage(153, 100, 8)),
        ({"usage": {"input_tokens": 3, "output_tokens": 8, "cache_read_input_tokens": None,
                    "cache_creation_input_tokens": None}}, Usage(3, 0, 8)),
        ({"usageMetadata": {"promptTokenCount": None}}, None),
        ({"usageMetadata": {"promptTokenCount": 2**70, "candidatesTokenCount": 1}}, None),
    ],
)  # fmt: skip
def test_usage_in_each_providers_words(document, usage):
    assert usage_of(document) == usage

"""Which environment variables a model takes its secrets from: a replay and a look back need none of them."""

import pytest

from harness.records import Model
from harness.runner.endpoint import endpoint_from_model, secret_variables


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (Model(provider="openai", model="m"), {"OPENAI_API_KEY"}),
        (Model(provider="openai", model="m", api_key_env="OURS"), {"OURS"}),
        (Model(provider="anthropic", model="m"), {"ANTHROPIC_API_KEY"}),
        (Model(provider="gemini", model="m", headers={"X-Team": "env:TEAM"}), {"GEMINI_API_KEY", "TEAM"}),
        (Model(provider="embedded"), set()),
    ],
)
def test_the_variables_of_a_model(model, names):
    assert secret_variables(model) == names
    if names:
        endpoint_from_model("m", model, dict.fromkeys(names, "stand-in"))

"""What looks like a secret in a models file, and what a message may repeat of an address."""

import pytest

from harness.errors import FileError, GroupedError, HarnessError, without_password
from harness.files.models import load_models
from harness.files.secrets import is_secret, looks_like_key

KEYS = ("sk-abcdef123456", "AKIAIOSFODNN7EXAMPLE", "SKPROJ0A1B2C3D4E5F6G7", "GSK_9XKQZ7TTP2LMN8RRV5WWA",
        "HF_ABCDEFGHIJKLMNOPQRSTUVWXYZ1234", "bearer abc", "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6")  # fmt: skip
NAMES = ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY_EU2", "TEAM_MODERATION_GATEWAY_TOKEN", "HF_TOKEN", "KEY1", "VLLM2KEY")


@pytest.mark.parametrize("key", KEYS)
def test_a_literal_key_is_never_taken_for_a_variable_s_name(tmp_path, key):
    """One in capitals was printed as the name of a variable that is not set."""
    path = tmp_path / "models.yaml"
    path.write_text(f"models:\n  m: {{provider: openai, base_url: 'http://h/v1', model: x, api_key_env: '{key}'}}\n")
    assert looks_like_key(key)
    with pytest.raises(FileError) as caught:
        load_models(path)
    assert key not in str(caught.value)
    assert "api_key_env" in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_variables_are_names(name):
    assert not looks_like_key(name)


SECRET = ("token", "Token", "password", "api_key", "api-key", "apiKey", "X-Api-Key", "access_token", "sessionToken",
          "jwt", "client_secret", "user_key", "Authorization", "auth", "cookie", "credentials")  # fmt: skip
HARMLESS = ("max_tokens", "max_completion_tokens", "stop_token", "eos_token", "prompt_cache_key", "logit_bias",
            "user", "stop", "safety_identifier", "guided_choice", "author", "keyword")  # fmt: skip


@pytest.mark.parametrize("name", SECRET)
def test_a_parameter_that_would_carry_a_key_is_refused_and_not_shown(tmp_path, name):
    path = tmp_path / "models.yaml"
    for params in (f"{{'{name}': hunter2hunter2}}", f"{{metadata: {{list: [{{'{name}': hunter2hunter2}}]}}}}"):
        path.write_text(f"models:\n  m: {{provider: openai, base_url: 'http://h/v1', model: x, params: {params}}}\n")
        with pytest.raises((FileError, GroupedError)) as caught:
            load_models(path)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", HARMLESS)
def test_parameters_of_models_are_no_secrets(name):
    assert not is_secret(name, "some words")
    assert not is_secret(name, 20)


@pytest.mark.parametrize(
    "url", ["http://user:hunter2@h/v1", "http://hunter2@h/v1", "http://u%3Ahunter2%40h/v1", "http://h/v1?key=hunter2"]
)
def test_an_address_with_a_password_is_refused_and_not_shown(tmp_path, url):
    path = tmp_path / "models.yaml"
    path.write_text(f"models:\n  m: {{provider: openai, base_url: '{url}', model: x}}\n")
    with pytest.raises(FileError) as caught:
        load_models(path)
    assert "hunter2" not in str(caught.value)


def test_no_message_repeats_a_password():
    for text in (
        "ftp://me:hunter2@h/x: no",
        "a zip://a::https://hunter2@h",
        "at 'http://u:hunter2@h:9/', and s3://a/b@c",
    ):
        assert "hunter2" not in str(HarnessError(text))
    assert without_password("mail to a@b.c, see https://h/@x") == "mail to a@b.c, see https://h/@x"

"""The environment variables that the harness reads, what each means, and the defaults where they are not set.

Decides names and defaults alone; values come in as an argument from whoever stands at the edge.
"""

from __future__ import annotations

RUNS_DIR_VARIABLE = "HARNESS_RUNS_DIR"
CACHE_VARIABLE = "HARNESS_CACHE"
TEXT_VARIABLE = "HARNESS_TEXT"
RUNS_DIR = "reports/runs"

VARIABLES: dict[str, str] = {
    RUNS_DIR_VARIABLE: f"Folder or fsspec address that holds runs, where --runs-dir is not given. Default: {RUNS_DIR}.",
    CACHE_VARIABLE: "Journal of answers, where --cache is not given. Default: in the user's cache folder.",
    TEXT_VARIABLE: "How item text is shown where --text is not given: masked, full or none.",
    "OPENAI_API_KEY": "Key of the provider 'openai' where the model names no api_key_env; other keys are read from the "
    "variable that the model's api_key_env names.",
    "OPENAI_BASE_URL": "Address of the provider 'openai' where the model names no base_url.",
    "OPENAI_ORG_ID": "Organisation sent to the provider 'openai'.",
    "OPENAI_PROJECT_ID": "Project sent to the provider 'openai'.",
    "OPENAI_API_VERSION": "API version of the provider 'azure' where the model names no api_version.",
    "AZURE_OPENAI_API_KEY": "Key of the provider 'azure' where the model names no api_key_env.",
    "AZURE_OPENAI_ENDPOINT": "Address of the provider 'azure' where the model names no base_url.",
    "ANTHROPIC_API_KEY": "Key of the provider 'anthropic' where the model names no api_key_env.",
    "GEMINI_API_KEY": "Key of the provider 'gemini' where the model names no api_key_env.",
    "CONTENT_SAFETY_KEY": "Key of the provider 'azure_content_safety' where the model names no api_key_env.",
    "AWS_BEARER_TOKEN_BEDROCK": "Key of the provider 'bedrock'; without one its calls are signed.",
    "AWS_REGION": "Region of the provider 'bedrock' where the model names none; AWS_DEFAULT_REGION is read next.",
    "AWS_DEFAULT_REGION": "As AWS_REGION.",
    "AWS_ACCESS_KEY_ID": "Credentials that sign calls of the provider 'bedrock', as AWS defines them.",
    "AWS_SECRET_ACCESS_KEY": "As AWS_ACCESS_KEY_ID.",
    "AWS_SESSION_TOKEN": "As AWS_ACCESS_KEY_ID.",
    "AWS_PROFILE": "Profile of the AWS configuration that holds the credentials.",
    "HTTPS_PROXY": "Proxy of calls over https; https_proxy is read first.",
    "https_proxy": "As HTTPS_PROXY.",
    "NO_PROXY": "Hosts that are called without a proxy, with commas; no_proxy is read first.",
    "no_proxy": "As NO_PROXY.",
    "PYTHONPATH": "Folders whose classifiers and parsers an eval may name, beside what is installed.",
    "COLUMNS": "Width of help texts; where it is not set, the terminal's.",
    "NO_COLOR": "Where set, terminals show no colour (no-color.org).",
    "TERM": "'dumb' means no colour either.",
    "CI": "Where set, reports show no item texts unless --text asks for them.",
    "GITHUB_ACTIONS": "'true' turns on annotations of harness ci.",
    "GITHUB_STEP_SUMMARY": "File to which harness ci adds the job summary.",
    "GIT_AUTHOR_NAME": "Who decides on a baseline or a label where --by is not given; else the login.",
    "SOURCE_DATE_EPOCH": "Seconds since 1970 that reports give as their time of writing, for byte-equal rebuilds.",
}
"""Name -> meaning; a test finds every variable that the code reads here."""

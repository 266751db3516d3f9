"""Names of parameters that the known servers document, and those of a models file that are none of them.

Decides what deserves a warning in ``params``: a name nobody documents, with the nearest one that somebody does. None is
refused, since a server may have parameters of its own; but most servers pass over what they do not know, so that
``temprature: 0`` changes nothing and says nothing.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping

from harness.files.kinds import Doubt
from harness.files.text import nearest, shortened, words
from harness.files.yaml import read_yaml
from harness.records import Loaded, Model

_NOT_SENT = ("self", "extra_headers", "extra_query", "extra_body", "timeout")
"""What the openai package takes beside the request's body."""

USUAL = frozenset(words("temperature top_p max_tokens max_completion_tokens seed stop logprobs top_logprobs"))
"""So common that the openai package need not be loaded to know them."""

DOCUMENTED: Mapping[str, tuple[str, ...]] = {
    "vLLM": words(  # docs.vllm.ai, "OpenAI-Compatible Server", extra parameters
        "top_k min_p repetition_penalty length_penalty stop_token_ids include_stop_str_in_output ignore_eos "
        "min_tokens skip_special_tokens spaces_between_special_tokens truncate_prompt_tokens prompt_logprobs "
        "allowed_token_ids bad_words echo add_generation_prompt continue_final_message add_special_tokens "
        "documents chat_template chat_template_kwargs mm_processor_kwargs structured_outputs guided_json "
        "guided_regex guided_choice guided_grammar guided_decoding_backend guided_whitespace_pattern priority "
        "request_id return_tokens_as_token_ids return_token_ids cache_salt kv_transfer_params vllm_xargs "
        "use_beam_search best_of early_stopping include_reasoning thinking_token_budget"
    ),
    "OpenRouter": words(  # openrouter.ai/docs/api-reference, request schema and parameters
        "prompt top_k top_a min_p repetition_penalty transforms models route provider reasoning include_reasoning "
        "plugins usage structured_outputs"
    ),
    "Ollama": words(  # docs.ollama.com, API and OpenAI compatibility
        "options format keep_alive think raw template suffix system num_ctx num_predict"
    ),
    "llama.cpp": words(  # tools/server/README.md of llama.cpp
        "top_k min_p typical_p repeat_penalty repeat_last_n grammar json_schema n_predict n_probs cache_prompt "
        "id_slot samplers mirostat mirostat_tau mirostat_eta dynatemp_range dynatemp_exponent xtc_probability "
        "xtc_threshold dry_multiplier dry_base dry_allowed_length dry_penalty_last_n dry_sequence_breakers n_keep "
        "ignore_eos min_keep t_max_predict_ms post_sampling_probs return_tokens timings_per_token lora "
        "chat_template_kwargs reasoning_format thinking_forced_open reasoning_budget"
    ),
    "other servers": words(  # Mistral, DeepSeek, Together, Groq, Azure, SGLang and Qwen's own documentation
        "safe_prompt random_seed prompt_mode thinking enable_thinking thinking_budget safety_model "
        "context_length_exceeded_behavior reasoning_format documents citation_options search_settings "
        "data_sources separate_reasoning stream_reasoning regex ebnf no_stop_trim stop_regex top_k result_format "
        "guardrails compound_custom"
    ),
}
"""Server -> parameters beside OpenAI's own, each list from the documentation named."""

NATIVE: Mapping[str, tuple[str, ...]] = {
    "anthropic": words(  # docs.anthropic.com, Messages API
        "stop_sequences top_k thinking service_tier metadata system tools tool_choice container context_management "
        "mcp_servers output_config output_format"
    ),
    "gemini": words(  # ai.google.dev/api/generate-content, request and generationConfig
        "safetySettings tools toolConfig cachedContent labels stopSequences responseMimeType responseSchema "
        "responseJsonSchema responseModalities candidateCount maxOutputTokens topP topK presencePenalty "
        "frequencyPenalty responseLogprobs enableEnhancedCivicAnswers speechConfig thinkingConfig imageConfig "
        "mediaResolution audioTimestamp generationConfig routingConfig safety_settings cached_content"
    ),
    "bedrock": words(  # docs.aws.amazon.com/bedrock, Converse
        "guardrailConfig performanceConfig requestMetadata promptVariables toolConfig outputConfig serviceTier "
        "additionalModelRequestFields additionalModelResponseFieldPaths inferenceConfig maxTokens topP stopSequences"
    ),
    "azure_content_safety": words(  # learn.microsoft.com, reference of text:analyze
        "categories blocklistNames haltOnBlocklistHit outputType"
    ),
}
"""Provider with a wire of its own -> its own spellings, known to it alone: elsewhere ``topK`` changes nothing."""

SERVERS = {
    "anthropic": "Anthropic",
    "gemini": "Gemini",
    "bedrock": "Bedrock",
    "azure_content_safety": "Azure Content Safety",
}


@functools.cache
def openai_params() -> frozenset[str]:
    """What the installed openai package sends to the routes that candidates ask."""
    from openai.resources.chat.completions import Completions
    from openai.resources.moderations import Moderations
    from openai.resources.responses import Responses

    found = {name for one in (Completions, Responses, Moderations) for name in inspect.signature(one.create).parameters}
    return frozenset(found.difference(_NOT_SENT))


def param_doubts(models: Loaded[Mapping[str, Model]]) -> list[Doubt]:
    """Warnings about parameters that no known server documents, at their lines."""
    everywhere = USUAL.union(*DOCUMENTED.values())
    places = [
        (model_id, name)
        for model_id, model in models.value.items()
        for name in model.params
        if name not in everywhere and name not in NATIVE.get(model.provider, ()) and name not in openai_params()
    ]
    if not places:
        return []
    document = read_yaml(models.path, what="models file")
    found = []
    for model_id, name in places:
        provider = models.value[model_id].provider
        near = nearest(name, sorted(everywhere.union(NATIVE.get(provider, ()), openai_params())))
        hint = "remove it, unless this server documents it: most servers pass over what they do not know, in silence"
        found.append(
            Doubt(
                models.path,
                document.line(("models", model_id, "params", name)),
                f"model '{shortened(model_id)}' has the parameter '{shortened(name)}', which neither OpenAI nor "
                f"{SERVERS.get(provider, 'vLLM, OpenRouter, Ollama or llama.cpp')} document",
                hint if near is None else f"did you mean '{near}'? If not: {hint}",
            )
        )
    return found

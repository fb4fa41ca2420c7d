"""What OpenAI's clients send without asking for anything that this server could do.

A field that says nothing (null, false, empty), or wants what is done here anyway, is dropped. What
asks for more is refused by name, never ignored.
"""

import json
from collections.abc import Collection
from typing import Any

# Labels, keys of caches and the like, which change no answer: whatever they say.
_LABELS = frozenset(
    {
        *("cache_prompt", "cache_salt", "chat_id", "id", "keep_alive", "litellm_call_id"),
        *("litellm_metadata", "metadata", "priority", "prompt_cache_key", "prompt_cache_options"),
        *("prompt_cache_retention", "request_id", "rid", "safety_identifier", "session_id"),
        *("trace", "usage", "user_id"),
    }
)
# Wishes that no value but an empty one can take back.
_WISHES = frozenset(
    {
        # OpenAI, chat completions and responses
        *("audio", "background", "conversation", "functions", "include", "instructions"),
        *("moderation", "prediction", "previous_response_id", "store", "tools"),
        "web_search_options",
        # Thinking, in the words of several providers and servers
        *("chat_template_kwargs", "enable_thinking", "interleaved_thinking", "preserve_thinking"),
        "think",
        # Decoding of vLLM, SGLang and llama.cpp
        *("allowed_token_ids", "bad_words", "early_stopping", "ignore_eos", "logits_processors"),
        *("include_stop_str_in_output", "lora", "no_stop_trim", "samplers", "stop_regex"),
        *("stop_token_ids", "return_token_ids", "return_tokens_as_token_ids", "use_beam_search"),
        # Structured output
        *("ebnf", "grammar", "guided_choice", "guided_decoding_backend", "guided_grammar"),
        *("guided_json", "guided_regex", "guided_whitespace_pattern", "json_schema", "regex"),
        "structured_outputs",
        # Prompts and templates
        *("chat_template", "continue_final_message", "documents", "mm_processor_kwargs"),
        "truncate_prompt_tokens",
        # Routing, search and files of providers and front ends
        *("background_tasks", "data_sources", "deferred", "enable_search", "extra_body"),
        *("extra_headers", "fallbacks", "features", "files", "filter_ids", "models", "plugins"),
        *("provider", "route", "safe_prompt", "search_parameters", "tool_ids", "tool_resources"),
        *("tool_stream", "transforms", "variables"),
    }
)
# Wishes that some values take back too, or that say what is so here anyway.
_ALREADY: dict[str, tuple[Any, ...]] = {
    "add_generation_prompt": (True,),
    "add_special_tokens": (True,),
    "dry_multiplier": (0,),
    "dynatemp_range": (0,),
    "function_call": ("none", "auto"),
    "include_reasoning": (True,),
    "length_penalty": (1,),
    "min_tokens": (0,),
    "mirostat": (0,),
    "modalities": (["text"],),
    "n_probs": (0,),
    "no_repeat_ngram_size": (0,),
    "num_beams": (1,),
    "parallel_tool_calls": (True,),
    "prompt_logprobs": (0,),
    "reasoning": ({"effort": "none"}, {"effort": "minimal"}, {"exclude": True}),
    "reasoning_effort": ("none", "minimal"),
    "reasoning_format": ("none", "auto", "parsed", "hidden", "raw", "deepseek"),
    "repeat_penalty": (1,),
    "separate_reasoning": (True,),
    "service_tier": ("auto", "default"),
    "skip_special_tokens": (True,),
    "spaces_between_special_tokens": (True,),
    "stream_reasoning": (True,),
    "text": ({"format": {"type": "text"}},),
    "tfs_z": (1,),
    "thinking": ({"type": "disabled"},),
    "thinking_budget": (0,),
    "tool_choice": ("none", "auto"),
    "top_a": (0,),
    "truncation": ("auto", "disabled"),
    "verbosity": ("medium",),
    "xtc_probability": (0,),
}
NOT_OFFERED = _LABELS | _WISHES | _ALREADY.keys()


def without_unasked(body: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
    """`body` without what asks for nothing; the fields in `known` are left as they are.

    >>> without_unasked({"tools": [], "store": None, "service_tier": "flex", "n": 0}, ["n"])
    {'service_tier': 'flex', 'n': 0}
    """
    return {
        name: value
        for name, value in body.items()
        if name in known or not (value is None or name in _LABELS or _asks_nothing(name, value))
    }


def permitted(name: str) -> str:
    """What a field of `NOT_OFFERED` may say, for the message that refuses another value."""
    return ", ".join(["null", *(json.dumps(value) for value in _ALREADY.get(name, ()))])


def _asks_nothing(name: str, value: Any) -> bool:
    if name not in NOT_OFFERED:
        return False
    return _empty(value) or any(_same(value, one) for one in _ALREADY.get(name, ()))


def _empty(value: Any) -> bool:
    """Whether a value is false or empty, as is an object that has no others."""
    values = value.values() if isinstance(value, dict) else [value]
    return all(one in (None, "", [], {}) or one is False for one in values)


def _same(value: Any, other: Any) -> bool:
    # In Python 1 equals True, in JSON it does not.
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)

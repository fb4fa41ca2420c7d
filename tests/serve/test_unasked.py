"""What clients send without asking for anything is taken; what they ask for in vain is refused."""

from collections.abc import Iterator
from typing import Any, get_type_hints

import pytest
from fastapi.testclient import TestClient
from openai import types
from openai.types import chat
from pydantic import BaseModel

from lianju.serve import create_app
from lianju.serve.openai_schema import ChatRequest, CompletionRequest
from tests.serve.running import open_service

FIRST = "白日依山盡，黃河入海流。"
USER = {"role": "user", "content": FIRST}
Body = dict[str, Any]
COMPLETIONS: Body = {"prompt": FIRST, "top_p": 1, "max_tokens": 12, "seed": 3}
CHAT: Body = {"messages": [USER], "top_p": 1, "max_tokens": 12, "seed": 3}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(open_service(tokens=100))) as client:
        yield client


def answer(client: TestClient, body: Body) -> Body:
    path = "completions" if "prompt" in body else "chat/completions"
    response = client.post(f"/v1/{path}", json=body)
    assert response.status_code == 200, response.text
    found: Body = response.json()
    return found


def refused(client: TestClient, body: Body) -> Body:
    path = "completions" if "prompt" in body else "chat/completions"
    response = client.post(f"/v1/{path}", json=body)
    assert response.status_code == 400, response.text
    error: Body = response.json()["error"]
    return error


NEUTRAL: list[Body] = [
    {"tools": None, "tool_choice": None},
    {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True},
    {"tool_choice": "none", "functions": [], "function_call": "none"},
    {"store": False, "service_tier": "auto", "metadata": {}},
    {"metadata": {"chat": "7"}, "user": "me", "safety_identifier": "x", "prompt_cache_key": "y"},
    {"service_tier": "default", "modalities": ["text"], "audio": None, "verbosity": "medium"},
    {"reasoning_effort": "none", "web_search_options": None, "prediction": None},
    {"response_format": None, "logit_bias": [], "presence_penalty": 0, "frequency_penalty": None},
    {"enable_thinking": False, "chat_template_kwargs": {"enable_thinking": False}},
    {"thinking": {"type": "disabled"}, "reasoning": {"enabled": False}, "thinking_budget": 0},
    {"repeat_penalty": 1.0, "mirostat": 0, "min_tokens": 0, "length_penalty": 1, "top_k": -1},
    {"guided_json": None, "grammar": "", "use_beam_search": False, "ignore_eos": False},
    {"features": {"web_search": False, "image_generation": False}, "files": [], "keep_alive": "5m"},
    {"stop": ""},
    {"stop": ["x", ""]},
    {"stop": list("abcdefghi")},
    {"stream_options": None},
    {"stream_options": {"include_usage": True}},
    {"model": ""},
    {"no_client_has_this": None},
]


@pytest.mark.parametrize("plain", [COMPLETIONS, CHAT], ids=["completions", "chat"])
@pytest.mark.parametrize("more", NEUTRAL, ids=lambda more: "-".join(more))
def test_what_asks_for_nothing_changes_nothing(client: TestClient, plain: Body, more: Body) -> None:
    expected, found = answer(client, plain), answer(client, plain | more)
    assert found["choices"] == expected["choices"]
    assert found["lianju"] == expected["lianju"]


WISHES: list[tuple[str, Any]] = [
    ("tools", [{"type": "function", "function": {"name": "f"}}]),
    ("tool_choice", "required"),
    ("functions", [{"name": "f"}]),
    ("store", True),
    ("service_tier", "flex"),
    ("modalities", ["text", "audio"]),
    ("reasoning_effort", "high"),
    ("enable_thinking", True),
    ("chat_template_kwargs", {"enable_thinking": True}),
    ("thinking", {"type": "enabled"}),
    ("web_search_options", {"search_context_size": "low"}),
    ("repeat_penalty", 1.1),
    ("min_tokens", True),
    ("grammar", "root ::= x"),
]


@pytest.mark.parametrize("plain", [COMPLETIONS, CHAT], ids=["completions", "chat"])
@pytest.mark.parametrize(("name", "value"), WISHES)
def test_a_wish_is_refused_and_what_can_be_said_instead_is_told(
    client: TestClient, plain: Body, name: str, value: Any
) -> None:
    error = refused(client, plain | {name: value})
    assert error["param"] == name and error["code"] == "unsupported_field"
    assert error["message"].startswith(f"{name}: not offered here; it can only be null")


def test_the_message_names_the_values_that_pass(client: TestClient) -> None:
    error = refused(client, CHAT | {"service_tier": "priority"})
    assert error["message"].endswith('null, "auto", "default" or left out')


@pytest.mark.parametrize("plain", [COMPLETIONS, CHAT], ids=["completions", "chat"])
def test_null_is_taken_for_every_field_that_openai_has(client: TestClient, plain: Body) -> None:
    params: Any = types.completion_create_params.CompletionCreateParamsBase
    shape: type[BaseModel] = CompletionRequest
    if "messages" in plain:
        params, shape = chat.completion_create_params.CompletionCreateParamsBase, ChatRequest
    others = set(get_type_hints(params)) - set(shape.model_fields)
    found = answer(client, plain | dict.fromkeys(others, None))
    assert found["choices"] == answer(client, plain)["choices"]


# --- limits and seeds ----------------------------------------------------------------------


@pytest.mark.parametrize("most", [101, 2000, 32_000, 10**30])
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_over_the_servers_is_cut_to_it_and_noted(
    client: TestClient, name: str, most: int
) -> None:
    body = {"messages": [USER], "seed": 3, "temperature": 0, "stop": None}
    found, expected = (answer(client, body | {name: length}) for length in (most, 100))
    assert found["choices"] == expected["choices"]
    assert found["usage"]["completion_tokens"] <= 100 and expected["lianju"]["notes"] == []
    [note] = found["lianju"]["notes"]
    assert "at most 100 tokens" in note and "max_tokens" in note


def test_the_native_call_cuts_its_limit_too(client: TestClient) -> None:
    body = {"couplet": FIRST, "verse": {"form": "free"}, "seed": 1, "max_tokens": 5000}
    found = client.post("/v1/poems", json=body)
    assert found.status_code == 200, found.text
    assert any("at most 100 tokens" in note for note in found.json()["notes"])


def test_minus_one_is_no_limit_and_a_seed_of_the_servers_own(client: TestClient) -> None:
    body = {"prompt": FIRST, "top_p": 1, "seed": 5}
    assert (
        answer(client, body | {"max_tokens": -1})["choices"]
        == answer(client, body | {"max_tokens": None})["choices"]
    )
    first, second = (answer(client, COMPLETIONS | {"seed": -1}) for _ in range(2))
    assert first["lianju"]["seed"] != second["lianju"]["seed"]
    again = answer(client, COMPLETIONS | {"seed": first["lianju"]["seed"]})
    assert again["choices"] == first["choices"]


def test_other_seeds_below_zero_are_seeds(client: TestClient) -> None:
    first, second, other = (answer(client, COMPLETIONS | {"seed": n}) for n in (-2, -2, -3))
    assert first["choices"] == second["choices"] != other["choices"]
    told = answer(client, COMPLETIONS | {"seed": first["lianju"]["seed"]})
    assert told["choices"] == first["choices"]


# --- messages ------------------------------------------------------------------------------

CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TALKS: dict[str, list[Body]] = {
    "extra keys": [{**USER, "id": 7, "opts": {"visible": True}, "name": "Li", "timestamp": 1.5}],
    "parts with extra keys": [
        {"role": "user", "content": [{"type": "text", "text": FIRST, "cache_control": {"a": 1}}]}
    ],
    "parts of another name": [{"role": "user", "content": [{"type": "input_text", "text": FIRST}]}],
    "a part that is a text": [{"role": "user", "content": [FIRST]}],
    "an assistant that said nothing": [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [], "refusal": None, "audio": None},
        USER,
    ],
    "an assistant without content": [USER, {"role": "assistant", "tool_calls": [CALL]}, USER],
    "tools": [USER, {"role": "tool", "tool_call_id": "a", "content": "x"}, USER],
    "a function": [USER, {"role": "function", "name": "f", "content": None}, USER],
    "tools at the end": [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "x"}]},
    ],
    "a picture that is not read": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        USER,
    ],
    "developer": [{"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}, USER],
}


@pytest.mark.parametrize("talk", TALKS.values(), ids=TALKS)
def test_what_is_not_read_of_a_conversation_can_be_anything(
    client: TestClient, talk: list[Body]
) -> None:
    assert answer(client, CHAT | {"messages": talk})["choices"] == answer(client, CHAT)["choices"]


def test_a_picture_that_is_to_be_read_is_refused(client: TestClient) -> None:
    parts = [{"type": "text", "text": FIRST}, {"type": "image_url", "image_url": {"url": "x"}}]
    error = refused(client, CHAT | {"messages": [{"role": "user", "content": parts}]})
    assert error["param"] == "messages.0.content.1.type" and "'text'" in error["message"]

"""OpenAI's endpoints: answers against decoding itself, and against OpenAI's own types."""

import json
from collections.abc import AsyncIterator, Iterator
from itertools import product
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openai import types
from openai.types import chat
from pydantic import BaseModel, ConfigDict

from lianju.config import DecodeSettings, ServeSettings
from lianju.decode import Grown, Token, complete
from lianju.model import LanguageModel
from lianju.prompt import render
from lianju.serve import Service, create_app
from lianju.serve.api_errors import ApiError
from lianju.serve.conversation import FoundCouplet, parted
from lianju.serve.detokenize import Piece
from lianju.serve.openai_answers import ChatShape, TextShape
from lianju.serve.openai_schema import CompletionRequest
from lianju.serve.poem_call import read_call
from lianju.verse import check, lines_of
from tests import tiny
from tests.serve.running import full, open_service, served

FIRST, SECOND = "白日依山盡，黃河入海流。", "千山鳥飛絕，萬徑人蹤滅。"
WILD = {"model": "tiny", "top_p": 1.0, "max_tokens": 40}
USER = {"role": "user", "content": FIRST}
Body = dict[str, Any]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny.model()


@pytest.fixture(scope="module")
def service(model: LanguageModel) -> Service:
    return open_service(served(model, "tiny"), served(tiny.model(1), "other"), queue=4)


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[TestClient]:
    with TestClient(create_app(service)) as client:
        yield client


def _post(client: TestClient, path: str, **body: Any) -> Body:
    response = client.post(f"/v1/{path}", json=WILD | body)
    assert response.status_code == 200, response.text
    answer: Body = response.json()
    return answer


def _stream(client: TestClient, path: str, **body: Any) -> list[Body]:
    """The chunks of a stream, [DONE] looked for and left out."""
    response = client.post(f"/v1/{path}", json=WILD | {"stream": True} | body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    *events, done, rest = response.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def _refused(client: TestClient, path: str, body: Body) -> Body:
    response = client.post(f"/v1/{path}", json=body)
    assert response.status_code == 400, response.text
    error: Body = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return error


# --- what is written -----------------------------------------------------------------------


def test_completions_are_those_of_decode(client: TestClient, model: LanguageModel) -> None:
    answer = _post(client, "completions", prompt=[FIRST, SECOND], n=3, seed=5, logprobs=0)
    settings = DecodeSettings(top_p=1, max_length=40, seed=5, candidates=3)
    expected = [
        one for group in complete(model, "plain", [FIRST, SECOND], settings) for one in group
    ]
    assert [choice["index"] for choice in answer["choices"]] == list(range(6))
    whole = 0
    for choice, one in zip(answer["choices"], expected, strict=True):
        assert (choice["text"], choice["finish_reason"]) == (one.text, one.finish)
        scores = choice["logprobs"]["token_logprobs"]
        # Control tokens are not listed.
        assert one.tokens - 3 < len(scores) <= one.tokens
        if len(scores) == one.tokens:
            whole += 1
            assert sum(scores) == pytest.approx(one.logprob, abs=1e-4)
    assert whole > 2
    prompt = sum(len(render("plain", model.vocabulary, couplet)) for couplet in (FIRST, SECOND))
    written = sum(one.tokens for one in expected)
    usage = {"prompt_tokens": prompt, "completion_tokens": written}
    assert answer["usage"] == usage | {"total_tokens": prompt + written}


def test_what_the_request_leaves_out_is_as_in_config(
    client: TestClient, model: LanguageModel
) -> None:
    body = {"model": "tiny", "messages": [USER], "seed": 3}
    message = client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]
    [[expected]] = complete(model, "plain", [FIRST], DecodeSettings(seed=3))
    assert message == {"role": "assistant", "content": expected.text, "refusal": None}


def test_null_is_the_same_as_leaving_out(client: TestClient) -> None:
    known = CompletionRequest.model_fields.keys() - {"model", "prompt", "seed", "max_tokens"}
    nothing = dict.fromkeys(known - WILD.keys(), None)
    plain, given = (_post(client, "completions", prompt=FIRST, seed=1, **b) for b in ({}, nothing))
    assert plain["choices"] == given["choices"]


def test_the_seed_that_was_drawn_is_told(client: TestClient) -> None:
    first = _post(client, "completions", prompt=FIRST)
    again = _post(client, "completions", prompt=FIRST, seed=first["lianju"]["seed"])
    other = _post(client, "completions", prompt=FIRST)
    assert first["choices"] == again["choices"] != other["choices"]
    assert first["id"] != again["id"]
    assert first["system_fingerprint"] == again["system_fingerprint"]


def test_both_calls_take_rhymes_for_the_even_lines(client: TestClient) -> None:
    body = {"seed": 4, "verse": {"rhymes": "樓_愁"}, "max_tokens": None}
    plain = _post(client, "completions", prompt=FIRST, **body)["choices"]
    chat = _post(client, "chat/completions", messages=[USER], **body)["choices"]
    for text in (plain[0]["text"], chat[0]["message"]["content"]):
        fourth, _, eighth = (line[-1] for line in lines_of(text)[1::2])
        assert (fourth, eighth) == ("樓", "愁") and check(FIRST + text).regular


@pytest.mark.parametrize("stop", [None, "山", ["入", "。", "日山"]])
@pytest.mark.parametrize("verse", [None, {"particles": 3}])
def test_a_stream_puts_together_to_the_answer(
    client: TestClient, stop: Any, verse: Body | None
) -> None:
    body = {"prompt": [FIRST, SECOND], "n": 2, "seed": 9, "stop": stop, "verse": verse}
    body |= {"logprobs": 2, "max_tokens": None if verse else 40}
    whole = _post(client, "completions", **body)
    chunks = _stream(client, "completions", **body)
    for choice in whole["choices"]:
        parts = [c for chunk in chunks for c in chunk["choices"] if c["index"] == choice["index"]]
        assert "".join(part["text"] for part in parts) == choice["text"]
        assert [part["finish_reason"] for part in parts[:-1]] == [None] * (len(parts) - 1)
        assert parts[-1]["finish_reason"] == choice["finish_reason"]
        for name, values in choice["logprobs"].items():
            listed = [part["logprobs"][name] for part in parts if part["logprobs"]]
            assert [value for one in listed for value in one] == values
    assert chunks[0]["lianju"] == whole["lianju"]
    assert not any("lianju" in chunk for chunk in chunks[1:])
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_chat_streams_the_same(client: TestClient) -> None:
    body = {"messages": [USER], "n": 2, "seed": 2, "logprobs": True, "top_logprobs": 3}
    whole = _post(client, "chat/completions", **body)
    chunks = _stream(client, "chat/completions", **body)
    for choice in whole["choices"]:
        parts = [c for chunk in chunks for c in chunk["choices"] if c["index"] == choice["index"]]
        assert parts[0]["delta"] == {"role": "assistant", "content": ""}
        assert parts[-1]["delta"] == {}
        text = "".join(part["delta"].get("content", "") for part in parts)
        assert text == choice["message"]["content"]
        listed = [token for p in parts if p["logprobs"] for token in p["logprobs"]["content"]]
        assert listed == choice["logprobs"]["content"]
        assert b"".join(bytes(t["bytes"]) for t in listed).decode("utf-8", "replace") == text


def test_candidates_stream_interleaved(client: TestClient) -> None:
    chunks = _stream(client, "completions", prompt=[FIRST, SECOND], n=2, seed=3)
    order = [choice["index"] for chunk in chunks for choice in chunk["choices"] if choice["text"]]
    assert len(order) > 40
    assert set(order[:12]) == {0, 1, 2, 3}


@pytest.mark.parametrize("path", ["completions", "chat/completions"])
def test_usage_comes_last_where_it_was_asked_for(client: TestClient, path: str) -> None:
    body: Body = {"prompt": FIRST} if path == "completions" else {"messages": [USER]}
    body |= {"seed": 4, "n": 2}
    usage = _post(client, path, **body)["usage"]
    *chunks, last = _stream(client, path, stream_options={"include_usage": True}, **body)
    assert all(chunk["usage"] is None for chunk in chunks)
    assert (last["choices"], last["usage"]) == ([], usage)
    for options in ({}, {"stream_options": {"include_usage": False}}):
        assert not any("usage" in chunk for chunk in _stream(client, path, **body, **options))


def test_a_stop_text_ends_the_writing_too(client: TestClient) -> None:
    free = _post(client, "completions", prompt=FIRST, seed=6)["choices"][0]["text"]
    stop = free[7:9]
    assert stop not in free[:7]
    answer = _post(client, "completions", prompt=FIRST, seed=6, stop=stop)
    assert answer["choices"][0]["text"] == free[:7]
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens"] < 40


def test_echo_begins_with_the_prompt_as_it_was_sent(client: TestClient) -> None:
    prompts = ["白日依山尽 黄河入海流", f"{SECOND}孤舟"]
    body = {"prompt": prompts, "n": 2, "seed": 1}
    plain = _post(client, "completions", **body)
    echoed = _post(client, "completions", echo=True, **body)
    chunks = _stream(client, "completions", echo=True, **body)
    for number, (one, other) in enumerate(zip(plain["choices"], echoed["choices"], strict=True)):
        assert other["text"] == prompts[number // 2] + one["text"]
        parts = [c["text"] for chunk in chunks for c in chunk["choices"] if c["index"] == number]
        assert "".join(parts) == other["text"]
    notes = plain["lianju"]["notes"]
    assert any(note.startswith("Prompt 1: ") and "simplified" in note for note in notes)


def test_max_tokens_counts_what_is_written(client: TestClient) -> None:
    for path, body in (
        ("completions", {"prompt": f"{FIRST}欲窮千里目，"}),
        ("chat/completions", {"messages": [USER, {"role": "assistant", "content": "欲窮千里"}]}),
        ("chat/completions", {"messages": [USER], "max_completion_tokens": 5, "max_tokens": None}),
    ):
        answer = _post(client, path, **{"max_tokens": 5, "seed": 1} | body)
        assert answer["usage"]["completion_tokens"] == 5
        assert answer["choices"][0]["finish_reason"] == "length"


def test_logprobs_name_tokens_by_their_bytes(client: TestClient, model: LanguageModel) -> None:
    body = {"seed": 8, "n": 8, "max_tokens": 60}
    legacy = _post(client, "completions", prompt=FIRST, logprobs=5, **body)["choices"]
    told = _post(
        client, "chat/completions", messages=[USER], logprobs=True, top_logprobs=20, **body
    )
    names: set[str] = set()
    for old, new in zip(legacy, told["choices"], strict=True):
        logs = old["logprobs"]
        assert logs["tokens"] == [token["token"] for token in new["logprobs"]["content"]]
        assert all(len(top) in (5, 6) for top in logs["top_logprobs"])
        for token, top, score in zip(
            logs["tokens"], logs["top_logprobs"], logs["token_logprobs"], strict=True
        ):
            assert top[token] == score
        for token in new["logprobs"]["content"]:
            tops = [one["logprob"] for one in token["top_logprobs"]]
            assert len(tops) == 20 and tops == sorted(tops, reverse=True)
            for one in [token, *token["top_logprobs"]]:
                names.add(one["token"])
                if one["bytes"] is None:
                    assert one["token"] == "<|endoftext|>"
                elif not one["token"].startswith("bytes:"):
                    assert bytes(one["bytes"]).decode() == one["token"]
                else:
                    (byte,) = one["bytes"]
                    assert one["token"] == f"bytes:\\x{byte:02x}"
    assert any(name.startswith("bytes:") for name in names)


def test_likeliest_tokens_keep_their_names_apart() -> None:
    # Of two tokens that read alike the likelier counts; what ends a poem reads as nothing.
    top = ((1, b"", -0.5), (2, b"a", -1.0), (3, b"a", -2.0), (4, b"\xe7\xa9", float("-inf")))
    piece = Piece("b", (Token(5, b"b", -3.0, top),), (0,))
    old = TextShape(True).choice(0, [piece], "stop")["logprobs"]["top_logprobs"]
    named = {"<|endoftext|>": -0.5, "a": -1.0, "bytes:\\xe7\\xa9": -9999.0, "b": -3.0}
    assert list(old[0].items()) == list(named.items())
    [new] = ChatShape(True).choice(0, [piece], "stop")["logprobs"]["content"]
    assert [one["bytes"] for one in new["top_logprobs"]] == [None, [97], [97], [0xE7, 0xA9]]


def test_verse_is_kept(gemma: LanguageModel) -> None:
    service = open_service(served(gemma, "gemma"))
    couplet = "空山新雨後，天氣晚來秋。"
    with TestClient(create_app(service)) as client:
        body = {"model": "gemma", "prompt": couplet, "seed": 1, "max_tokens": None}
        verse = {"form": "wujue", "given": {"3": "明月松間照"}, "particles": 2}
        chunks = _stream(client, "completions", **body, verse=verse)
        text = couplet + "".join(c["text"] for chunk in chunks for c in chunk["choices"])
        assert (check(text).form, check(text).regular) == ("wujue", True)
        assert lines_of(text)[2] == "明月松間照"
        too_few = _refused(client, "completions", body | {"verse": {}, "max_tokens": 20})
        assert (too_few["param"], "max_tokens 20" in too_few["message"]) == ("max_tokens", True)
        message = {"role": "user", "content": couplet}
        begun = [message, {"role": "assistant", "content": "明月松間"}]
        answer = _post(
            client, "chat/completions", model="gemma", messages=begun, verse={}, max_tokens=None
        )
        whole = couplet + "明月松間" + answer["choices"][0]["message"]["content"]
        assert check(whole).regular


# --- prompts and conversations -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "couplet", "rest"),
    [
        (FIRST, FIRST, ""),
        (f"{FIRST}欲窮千里目，", FIRST, "欲窮千里目，"),
        ("白日依山盡\n黃河入海流\n欲窮", "白日依山盡 黃河入海流", "欲窮"),
    ],
)
def test_a_prompt_is_a_couplet_and_what_follows(text: str, couplet: str, rest: str) -> None:
    assert parted(text) == FoundCouplet(couplet, rest)


@pytest.mark.parametrize("text", ["白日依山盡，黃河入海", "Hello, world. More", "。", ""])
def test_a_prompt_without_a_couplet_is_not_parted(text: str) -> None:
    assert parted(text) is None


def test_only_the_last_couplet_of_a_conversation_is_shown(client: TestClient) -> None:
    alone = _post(client, "chat/completions", messages=[USER], seed=1)
    parts = [{"type": "text", "text": "白日依山盡，"}, {"type": "text", "text": "黃河入海流。"}]
    earlier = [{"role": "user", "content": SECOND}, alone["choices"][0]["message"]]
    talk = [
        {"role": "system", "content": "Be brief."},
        *earlier,
        {"role": "user", "content": parts, "name": "Li"},
    ]
    answer = _post(client, "chat/completions", messages=talk, seed=1)
    assert answer["choices"] == alone["choices"]
    assert alone["lianju"]["notes"] == []
    system, turns = answer["lianju"]["notes"]
    assert "system and developer messages were not shown" in system
    assert "2 earlier messages were not shown" in turns
    chunks = _stream(client, "chat/completions", messages=talk, seed=1)
    assert chunks[0]["lianju"] == answer["lianju"]


def test_an_assistant_message_at_the_end_is_gone_on_from(
    client: TestClient, model: LanguageModel
) -> None:
    begun = {"role": "assistant", "content": "欲窮千里目，"}
    answer = _post(client, "chat/completions", messages=[USER, begun], seed=7, max_tokens=None)
    settings = DecodeSettings(top_p=1, seed=7)
    [[expected]] = complete(model, "plain", [FIRST], settings, prefixes=["欲窮千里目，"])
    assert "欲窮千里目，" + answer["choices"][0]["message"]["content"] == expected.text
    same = _post(client, "completions", prompt=FIRST + "欲窮千里目，", seed=7, max_tokens=None)
    assert same["choices"][0]["text"] == answer["choices"][0]["message"]["content"]
    assert same["usage"] == answer["usage"]


# --- OpenAI's shape ------------------------------------------------------------------------


def _fits(shape: type[BaseModel], value: Body) -> None:
    """Strictly of a shape, with no field that it lacks but ours."""

    class Strict(shape):  # type: ignore[misc, valid-type]
        model_config = ConfigDict(strict=True)

    _no_other_fields(Strict.model_validate(value))


def _no_other_fields(value: Any) -> None:
    if isinstance(value, BaseModel):
        assert set(value.model_extra or ()) <= {"lianju", "bytes"}, value
        for name in value.model_fields_set - {"lianju", "bytes"}:
            _no_other_fields(getattr(value, name))
    elif isinstance(value, list):
        for item in value:
            _no_other_fields(item)


def test_answers_are_of_openais_shape(client: TestClient) -> None:
    plain = {"prompt": [FIRST, SECOND], "n": 2, "logprobs": 2}
    talk = {"messages": [USER], "n": 2, "logprobs": True, "top_logprobs": 2}
    counted = {"stream_options": {"include_usage": True}}
    _fits(types.Completion, _post(client, "completions", **plain))
    _fits(types.Completion, _post(client, "completions", prompt=FIRST))
    _fits(chat.ChatCompletion, _post(client, "chat/completions", **talk))
    _fits(chat.ChatCompletion, _post(client, "chat/completions", messages=[USER]))
    for chunk in _stream(client, "completions", **plain, **counted):
        # OpenAI's own streams have null here; its type does not say so.
        final = [c | {"finish_reason": c["finish_reason"] or "stop"} for c in chunk["choices"]]
        _fits(types.Completion, chunk | {"choices": final})
    for chunk in _stream(client, "chat/completions", **talk, **counted):
        _fits(chat.ChatCompletionChunk, chunk)


def test_models_are_listed_the_default_first(client: TestClient) -> None:
    listed = client.get("/v1/models").json()
    assert [model["id"] for model in listed["data"]] == ["tiny", "other"]
    extra = {"base": "tiny", "style": "plain", "tuned": False}
    assert listed["data"][1] == client.get("/v1/models/other").json()
    assert listed["data"][1].items() >= extra.items()
    _fits(types.Model, {k: v for k, v in listed["data"][0].items() if k not in extra})
    missing = client.get("/v1/models/some/thing")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"


def test_each_model_writes_its_own(client: TestClient) -> None:
    texts = [
        _post(client, "completions", prompt=FIRST, seed=1, model=name)["choices"][0]["text"]
        for name in ("tiny", "other")
    ]
    assert texts[0] != texts[1]
    gone = client.post("/v1/completions", json={"model": "gpt-4o", "prompt": FIRST})
    assert (gone.status_code, gone.json()["error"]["param"]) == (404, "model")


# --- refusals ------------------------------------------------------------------------------

_COMPLETIONS: list[tuple[Body, str, str]] = [
    ({"prompt": [1, 2]}, "prompt", "as text"),
    ({"prompt": [[1, 2]]}, "prompt", "as text"),
    ({"prompt": []}, "prompt", "at least 1"),
    ({"prompt": [FIRST] * 17}, "prompt", "at most 16"),
    ({"prompt": ["", FIRST]}, "prompt.0", "at least 1"),
    ({"prompt": None}, "prompt", "list"),
    ({"prompt": "山" * 201}, "prompt", "too long"),
    ({"logprobs": 6}, "logprobs", "5"),
    ({"logprobs": True}, "logprobs", "integer"),
    ({"logprobs": 1, "echo": True}, "echo", "logprobs"),
    ({"best_of": 3, "n": 2}, "best_of", "same as n"),
    ({"suffix": "。"}, "suffix", "not offered"),
    ({"temprature": 1}, "temprature", "'temperature'"),
]
_CHATS: list[tuple[Body, str, str]] = [
    ({"messages": []}, "messages", "at least 1"),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages", "need a user message"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages", "need a user message"),
    ({"messages": [{"role": "critic", "content": "x"}]}, "messages.0.role", "'system'"),
    ({"messages": [{"role": "user", "content": None}]}, "messages.0.content", "list"),
    ({"messages": [{"role": "user"}]}, "messages.0.content", "list"),
    ({"messages": [{"role": "user", "content": FIRST}, {"content": FIRST}]}, "messages.1.role", ""),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        "messages.0.content.0.type",
        "'text'",
    ),
    ({"logprobs": 2}, "logprobs", "boolean"),
    ({"top_logprobs": 2}, "top_logprobs", "needs logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "20"),
    ({"max_tokens": 5, "max_completion_tokens": 6}, "max_completion_tokens", "max_tokens"),
    ({"response_format": {"type": "json_object"}}, "response_format.type", "'text'"),
    ({"messages": [USER] * 257}, "messages", "at most 256"),
    (
        {"messages": [{"role": "user", "content": "a" * 100_001}]},
        "messages.0.content.0.text",
        "100000",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "山"}] * 17}]},
        "messages.0.content",
        "at most 16",
    ),
]
_BOTH: list[tuple[Body, str, str]] = [
    ({"model": 1}, "model", "string"),
    ({"form": "qilu"}, "form", "unknown field 'form': it belongs in `verse`, as verse.form"),
    ({"verse": {"seed": 1}}, "verse.seed", "it belongs at the top of the body"),
    ({"verse": {"rime": "東"}}, "verse.rime", "did you mean 'verse.rhyme'?"),
    ({"temperature": "0.7"}, "temperature", "number"),
    ({"temperature": True}, "temperature", "number"),
    ({"temperature": -1}, "temperature", "greater"),
    ({"temperature": 0.0001}, "temperature", "0.001"),
    ({"top_p": 0}, "top_p", "greater"),
    ({"n": True}, "n", "integer"),
    ({"n": 17}, "n", "16"),
    ({"n": 1.5}, "n", "integer"),
    ({"max_tokens": 0}, "max_tokens", "1"),
    ({"max_tokens": -2}, "max_tokens", "1"),
    ({"seed": -(2**63) - 1}, "seed", "-9223372036854775808"),
    ({"seed": 2**63}, "seed", "9223372036854775808"),
    ({"top_k": -2}, "top_k", "-1"),
    ({"stop": ["a"] * 65}, "stop", "at most 64"),
    ({"stop": ["a" * 101]}, "stop.0", "100"),
    ({"stop": 1}, "stop", "list"),
    ({"stream": "yes"}, "stream", "boolean"),
    ({"stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation", ""),
    ({"stream_options": {"include_use": True}}, "stream_options.include_use", "_usage'?"),
    ({"presence_penalty": 0.5}, "presence_penalty", "repetition_penalty"),
    ({"frequency_penalty": -0.5}, "frequency_penalty", "repetition_penalty"),
    ({"logit_bias": {"1": 5}}, "logit_bias", "not offered"),
    ({"verse": {"lines": "4"}}, "verse.lines", "integer"),
    ({"verse": {"lines": 5}}, "verse.lines", "even"),
    ({"verse": {"meter": "on"}}, "verse.meter", "unknown"),
    ({"verse": {"particles": 0}}, "verse.particles", "1"),
    ({"verse": {"form": "qijue"}}, "verse", "lines of 7"),
    ({"verse": True}, "verse", 'an object such as {"form": "wujue"} is expected'),
    ({"stream": True, "stream_options": 1}, "stream_options", "an object is expected"),
]


def _plain(path: str) -> Body:
    text: Body = {"prompt": FIRST} if path == "completions" else {"messages": [USER]}
    return {"model": "tiny"} | text


@pytest.mark.parametrize(
    ("path", "change", "param", "word"),
    [("completions", *case) for case in _COMPLETIONS + _BOTH]
    + [("chat/completions", *case) for case in _CHATS + _BOTH],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else "",
)
def test_what_is_not_right_is_refused_by_name(
    client: TestClient, path: str, change: Body, param: str, word: str
) -> None:
    error = _refused(client, path, _plain(path) | change)
    assert error["param"] == param
    assert word in error["message"]
    assert error["type"] == "invalid_request_error"


def test_verse_says_how_many_particles() -> None:
    service = open_service(served(tiny.model(), "tiny"))
    for verse, particles in ((None, 1), ({}, 4), ({"particles": 7}, 7)):
        body = CompletionRequest.model_validate(_plain("completions") | {"verse": verse})
        [candidate] = read_call(service, body, [(FIRST, "")]).candidates
        assert len(candidate.particles) == particles


@pytest.mark.parametrize("path", ["completions", "chat/completions"])
def test_what_is_missing_is_named(client: TestClient, path: str) -> None:
    model, text = _plain(path).items()
    assert _refused(client, path, dict([model]))["param"] == text[0]


@pytest.mark.parametrize("path", ["completions", "chat/completions"])
def test_without_a_model_the_default_writes(client: TestClient, path: str) -> None:
    named = _plain(path) | {"max_tokens": 4, "temperature": 0}
    unnamed = {name: value for name, value in named.items() if name != "model"}
    for body in (unnamed, named | {"model": None}):
        answer = client.post(f"/v1/{path}", json=body)
        assert answer.json()["model"] == "tiny"


@pytest.mark.parametrize("path", ["completions", "chat/completions"])
def test_rows_have_one_bound(client: TestClient, path: str) -> None:
    # Not one of these is written: what is not refused for its rows is refused for its rhyme.
    several = [2, 16] if path == "completions" else [1]
    for prompts, n, particles in product(several, [4, 16], [1, 16, 64]):
        body = _plain(path) | {"n": n, "verse": {"particles": particles, "rhyme": "狗"}}
        if prompts > 1:
            body["prompt"] = [FIRST] * prompts
        rows = prompts * n * particles
        error = _refused(client, path, body)
        assert error["param"] == ("n" if rows > 256 else "verse")
        assert (f"{rows} rows: at most 256" in error["message"]) == (rows > 256)
        if path != "completions":
            free = {"form": "free", "particles": particles}
            answer = client.post(f"/v1/{path}", json=body | {"verse": free, "max_tokens": 1})
            assert answer.status_code == 200


@pytest.mark.parametrize("tokens", [16, 40])
def test_a_server_of_few_tokens_says_so(model: LanguageModel, tokens: int) -> None:
    with TestClient(create_app(open_service(served(model, "tiny"), tokens=tokens))) as client:
        for change, param in (({}, "verse.form"), ({"verse": {"lines": 20}}, "verse.lines")):
            error = _refused(client, "completions", _plain("completions") | {"verse": {}} | change)
            assert error["param"] == param
            assert f"max_tokens of this server is {tokens}" in error["message"]
        begun = _plain("completions") | {"prompt": FIRST + "山" * 60}
        assert "max_tokens" in _refused(client, "completions", begun)["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_full_queue_is_a_status_even_for_a_stream(
    client: TestClient, service: Service, stream: bool
) -> None:
    body = _plain("completions") | {"stream": stream, "max_tokens": 4, "temperature": 0}
    with full(service):
        response = client.post("/v1/completions", json=body)
        assert response.status_code == 429
        assert response.headers["retry-after"] == "1"
        assert response.json()["error"]["type"] == "rate_limit_error"
    assert client.post("/v1/completions", json=body).status_code == 200


@pytest.mark.parametrize(
    ("failure", "said"),
    [(ApiError(504, "time is up"), "time is up"), (KeyError("secret"), "the server failed")],
)
def test_what_breaks_on_the_way_is_an_event(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, failure: Exception, said: str
) -> None:
    async def events(*_: Any) -> AsyncIterator[Grown]:
        yield Grown(0, (Token(1, "山".encode(), -1.0),), "山")
        raise failure

    monkeypatch.setattr(Service, "events", events)
    *_, grown, error = _stream(client, "completions", prompt=FIRST)
    assert grown["choices"][0]["text"] == "山"
    assert said in error["error"]["message"]
    assert "secret" not in str(error)


def test_while_models_are_loading_everything_is_refused() -> None:
    with TestClient(create_app(Service(lambda: [], ServeSettings()))) as client:
        asked = client.post("/v1/completions", json=_plain("completions"))
        for response in (asked, client.get("/v1/models"), client.get("/v1/models/tiny")):
            assert response.status_code == 503
            assert response.headers["retry-after"]


# --- documentation -------------------------------------------------------------------------


def test_the_documentation_tells_all(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    for path in ("completions", "chat/completions"):
        answers = document["paths"][f"/v1/{path}"]["post"]["responses"]
        assert " ".join(answers) == "200 400 401 404 408 413 429 503 504"
        assert answers["200"]["content"].keys() == {"application/json", "text/event-stream"}
        for status, one in answers.items():
            content = one["content"]["application/json"]
            assert one["description"]
            if status != "200":
                assert content["schema"]["$ref"].endswith("/ErrorAnswer")
                assert content["example"]["error"].keys() >= {"message", "type"}
    for name in ("CompletionRequest", "ChatRequest"):
        assert schemas[name]["additionalProperties"] is False
        assert all(one.get("description") for one in schemas[name]["properties"].values())
    assert schemas["CompletionRequest"]["properties"]["top_p"]["default"] == 0.5


def test_the_examples_work_on_any_server(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    tried = 0
    for path, operations in document["paths"].items():
        if body := operations.get("post", {}).get("requestBody"):
            shape = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            for example in document["components"]["schemas"][shape]["examples"]:
                answer = client.post(path, json=example)
                assert answer.status_code == 200, answer.text
                assert "error" not in answer.text
                tried += 1
    assert tried >= 9

"""The clients that people have, against a running server: Python, Node, litellm, llm."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from lianju.config import DecodeSettings
from lianju.decode import complete
from lianju.serve import Service
from lianju.verse import check
from tests import tiny
from tests.serve.running import full, held, open_service, running

HERE = Path(__file__).parent
VENV = HERE.parents[1] / ".venv"
NODE = Path(os.environ.get("LIANJU_NODE", VENV / "node"))
LITELLM = Path(os.environ.get("LIANJU_LITELLM", VENV / "litellm"))
COUPLET = "白日依山盡，黃河入海流。"
TALK: dict[str, Any] = {
    "model": "tiny",
    "messages": [{"role": "user", "content": COUPLET}],
    "top_p": 1,
    "max_tokens": 30,
    "seed": 3,
}
TEXT = {name: value for name, value in TALK.items() if name != "messages"} | {"prompt": COUPLET}


@pytest.fixture(scope="module")
def service() -> Service:
    return open_service(queue=2)


@pytest.fixture(scope="module")
def address(service: Service) -> Iterator[str]:
    with running(service) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[OpenAI]:
    with OpenAI(api_key="any", base_url=f"{address}/v1", timeout=20, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def expected() -> list[str]:
    """What the model writes: the first completions of TALK."""
    settings = DecodeSettings(top_p=1, max_length=30, seed=3, candidates=2)
    return [one.text for one in complete(tiny.model(), "plain", [COUPLET], settings)[0]]


def _run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command, capture_output=True, timeout=100, check=False, env=os.environ | environment
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def _until(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


# --- openai for Python ---------------------------------------------------------------------


def test_openai_completes(client: OpenAI, expected: list[str]) -> None:
    answer = client.completions.create(**TEXT, n=2, logprobs=2)
    assert [choice.text for choice in answer.choices] == expected
    logprobs = answer.choices[0].logprobs
    assert logprobs and logprobs.tokens and logprobs.token_logprobs and logprobs.top_logprobs
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.top_logprobs)
    assert answer.usage and answer.usage.completion_tokens == 60


def test_openai_chats(client: OpenAI, expected: list[str]) -> None:
    answer = client.chat.completions.create(**TALK, logprobs=True, top_logprobs=2)
    message = answer.choices[0].message
    assert (message.role, message.content) == ("assistant", expected[0])
    logprobs = answer.choices[0].logprobs
    assert logprobs and logprobs.content
    data = b"".join(bytes(token.bytes or []) for token in logprobs.content)
    assert data.decode("utf-8", "replace") == expected[0]
    # As people do: the answer goes back with the next question.
    talk = [*TALK["messages"], message, {"role": "user", "content": "千山鳥飛絕，萬徑人蹤滅。"}]
    again = client.chat.completions.create(**TALK | {"messages": talk})
    assert again.choices[0].message.content not in ("", expected[0])


@pytest.mark.parametrize("counted", [False, True])
def test_openai_streams(client: OpenAI, expected: list[str], counted: bool) -> None:
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if counted else {}
    texts, usages = ["", ""], []
    for chunk in client.completions.create(**TEXT, n=2, stream=True, **options):
        usages.append(chunk.usage)
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert texts == expected
    assert [usage for usage in usages if usage] == usages[-1:] * counted


def test_openais_own_gathering_of_a_stream_gives_the_answer(
    client: OpenAI, expected: list[str]
) -> None:
    # It takes a completion that was cut off for a failure.
    told = TALK | {"logprobs": True, "top_logprobs": 2, "stop": expected[0][9:11]}
    whole = client.chat.completions.create(**told)
    with client.chat.completions.stream(**told, stream_options={"include_usage": True}) as stream:
        contents = [event.delta for event in stream if event.type == "content.delta"]
        gathered = stream.get_final_completion()
    assert len(contents) > 5
    assert gathered.choices[0].message.content == whole.choices[0].message.content
    assert gathered.choices[0].finish_reason == whole.choices[0].finish_reason == "stop"
    assert gathered.usage == whole.usage
    assert gathered.choices[0].logprobs and whole.choices[0].logprobs
    assert gathered.choices[0].logprobs.content == whole.choices[0].logprobs.content


def test_openai_asks_for_verse(client: OpenAI) -> None:
    body = {"verse": {"form": "wujue", "particles": 2}}
    answer = client.completions.create(model="tiny", prompt=COUPLET, extra_body=body)
    assert check(COUPLET + answer.choices[0].text).form == "wujue"
    assert answer.choices[0].finish_reason == "stop"


def test_openai_asks_many_at_once(address: str, expected: list[str]) -> None:
    async def work() -> list[str]:
        base = f"{address}/v1"
        async with AsyncOpenAI(api_key="any", base_url=base, timeout=30) as client:

            async def one() -> str:
                stream = await client.chat.completions.create(**TALK, stream=True)
                parts = [c.delta.content or "" async for chunk in stream for c in chunk.choices]
                return "".join(parts)

            return await asyncio.gather(*[one() for _ in range(6)])

    assert asyncio.run(work()) == expected[:1] * 6


def test_openai_lists_models(client: OpenAI) -> None:
    [model] = client.models.list()
    assert (model.id, client.models.retrieve("tiny")) == ("tiny", model)


def test_openai_knows_the_errors(client: OpenAI, service: Service) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        client.completions.create(**TEXT | {"temperature": 99})
    assert (bad.value.param, bad.value.type) == ("temperature", "invalid_request_error")
    tool: Any = {"type": "function", "function": {"name": "f"}}
    with pytest.raises(openai.BadRequestError) as unknown:
        client.chat.completions.create(**TALK, tools=[tool])
    assert unknown.value.param == "tools"
    for ask in (
        lambda: client.completions.create(**TEXT | {"model": "gpt-4o"}),
        lambda: client.models.retrieve("gpt-4o"),
    ):
        with pytest.raises(openai.NotFoundError) as missing:
            ask()
        assert missing.value.code == "model_not_found"
    for stream in (False, True):
        with full(service), pytest.raises(openai.RateLimitError) as refused:
            client.completions.create(**TEXT, stream=stream)
        assert refused.value.response.headers["retry-after"] == "1"


def test_openai_needs_the_key_that_was_set() -> None:
    with running(open_service(api_keys=("secret",))) as address:
        base = f"{address}/v1"
        with pytest.raises(openai.AuthenticationError):
            OpenAI(api_key="wrong", base_url=base, max_retries=0).models.list()
        [model] = OpenAI(api_key="secret", base_url=base, max_retries=0).models.list()
    assert model.id == "tiny"


def test_openai_is_told_when_time_is_up() -> None:
    service = open_service(seconds=0.3)
    with running(service) as address:
        client = OpenAI(api_key="any", base_url=f"{address}/v1", timeout=20, max_retries=0)
        with held(service), pytest.raises(openai.InternalServerError) as late:
            client.completions.create(**TEXT)
        assert late.value.status_code == 504
        slow = client.completions.create(**TEXT | {"n": 16, "max_tokens": 1024}, stream=True)
        with pytest.raises(openai.APIError, match="longer than"):
            for _ in slow:
                pass


def test_openai_tries_again_where_the_queue_was_full(address: str, service: Service) -> None:
    def refused() -> float:
        labels = {"route": "/v1/completions", "status": "429"}
        return service.metrics.registry.get_sample_value("lianju_requests_total", labels) or 0

    before = refused()
    client = OpenAI(api_key="any", base_url=f"{address}/v1", timeout=20, max_retries=2)
    with ThreadPoolExecutor() as pool:
        with full(service):
            again = pool.submit(lambda: client.completions.create(**TEXT))
            _until(lambda: refused() > before)
        assert again.result().choices[0].text


def test_a_client_that_goes_away_frees_its_place(client: OpenAI, service: Service) -> None:
    long = TEXT | {"n": 16, "max_tokens": 1024}
    stream = client.completions.create(**long, stream=True)
    next(iter(stream))
    assert service.engine.rows > 0
    stream.close()
    _until(lambda: service.engine.rows == 0, 1)


# --- the llm command -----------------------------------------------------------------------


@pytest.fixture
def llm(address: str, tmp_path: Path) -> Path:
    """A folder of settings in which llm knows the server."""
    rows = [
        {"model_id": name, "model_name": "tiny", "api_base": f"{address}/v1", "completion": text}
        for name, text in (("poems", False), ("poems-text", True))
    ]
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps(rows), encoding="utf-8")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(("name", "stream"), [("poems", []), ("poems-text", ["--no-stream"])])
def test_llm_prints_the_poem(llm: Path, name: str, stream: list[str], expected: list[str]) -> None:
    options = [x for o in ("top_p 1", "max_tokens 30", "seed 3") for x in ("-o", *o.split())]
    command = [sys.executable, "-m", "llm", "--no-log", "-m", name, *options, *stream, COUPLET]
    # Without plugins: one of them carries a model for other tests, and not what it needs to run.
    alone = {"LLM_USER_PATH": str(llm), "LLM_LOAD_PLUGINS": "", "PYTHONIOENCODING": "utf-8"}
    printed = _run(*command, **alone)
    assert printed.rstrip("\n") == expected[0].rstrip("\n")


# --- openai for Node -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(
    not (NODE / "node_modules/openai").is_dir(),
    reason=f"no Node package openai in {NODE}: `make test-all` installs it",
)
def test_node(address: str, expected: list[str]) -> None:
    seen = json.loads(_run("node", HERE / "node/client.mjs", NODE, address))
    assert seen["models"] == ["tiny"]
    assert [choice["text"] for choice in seen["completion"]["choices"]] == expected
    assert seen["completionText"] == expected[0]
    assert seen["chat"]["choices"][0]["message"]["content"] == expected[0]
    assert "".join(seen["deltas"]) == expected[0]
    streamed = seen["streamed"]["choices"][0]
    assert streamed["message"]["content"] == expected[0]
    assert streamed["logprobs"]["content"] == seen["chat"]["choices"][0]["logprobs"]["content"]
    assert seen["streamed"]["usage"] == seen["chat"]["usage"]
    assert check(COUPLET + seen["verse"]["choices"][0]["message"]["content"]).regular
    bad, missing = seen["errors"]["temperature"], seen["errors"]["model"]
    assert (bad["class"], bad["status"], bad["param"]) == ("BadRequestError", 400, "temperature")
    assert (missing["class"], missing["code"]) == ("NotFoundError", "model_not_found")


# --- litellm -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(
    not (LITELLM / "bin/python").exists(),
    reason=f"no litellm in {LITELLM}: `make test-all` installs it",
)
def test_litellm(address: str, expected: list[str]) -> None:
    script = HERE / "litellm_client.py"
    # Without its list of prices, which it would fetch.
    local = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": ""}
    seen = json.loads(_run(LITELLM / "bin/python", script, address, **local).splitlines()[-1])
    chat = seen["chat"]["choices"]
    assert [choice["message"]["content"] for choice in chat] == expected
    assert all(choice["logprobs"]["content"] for choice in chat)
    assert seen["streamed"]["choices"][0]["message"]["content"] == expected[0]
    assert seen["streamed"]["usage"]["completion_tokens"] == 30
    assert seen["completion"]["choices"][0]["text"] == expected[0]
    assert seen["completion_text"] == expected[0]
    assert check(COUPLET + seen["verse"]["choices"][0]["message"]["content"]).form == "wujue"
    name, status, said = seen["errors"]["temperature"]
    assert (name, status) == ("BadRequestError", 400) and "temperature" in said
    name, status, said = seen["errors"]["model"]
    assert (name, status) == ("NotFoundError", 404) and "gpt-4o" in said

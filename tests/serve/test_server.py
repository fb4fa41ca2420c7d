"""The server as a whole: keys, limits, who goes away, and what keeps it from starting."""

import asyncio
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from json import dumps
from pathlib import Path
from typing import Any

import httpx2
import pytest
import torch

import lianju.serve.server
from lianju.config import ModelSettings, ServeSettings
from lianju.errors import UserError
from lianju.model import load_base
from lianju.progress import SILENT
from lianju.prompt import LAYOUTS
from lianju.serve import Service, guard, named
from lianju.serve.guard import LARGEST
from lianju.serve.models import load_served
from tests import checkpoints, tiny
from tests.serve.conftest import made_adapter, running, served
from tests.typed import Typed

COUPLET = tiny.COUPLETS[0][0]
ASK = {"model": "tang", "prompt": COUPLET}
# So long that only a limit, a cancellation or a shutdown ends it.
ENDLESS = ASK | {"max_tokens": 1000, "temperature": 2, "top_p": 1, "seed": 1}


@contextmanager
def tiny_server(**settings: Any) -> Iterator[tuple[str, Service]]:
    service = Service(list, ServeSettings(**settings))
    service.open([served(tiny.model(), "tang", Path("tang")), served(tiny.model(1), "base")])
    with running(service) as address:
        yield address, service


def test_alive_ready_and_metrics() -> None:
    with tiny_server() as (address, _):
        assert httpx2.get(f"{address}/healthz").json() == {"status": "alive"}
        ready = httpx2.get(f"{address}/readyz")
        assert ready.status_code == 200
        assert ready.json()["models"] == {
            "tang": {"adapter": True, "changes_nats": 1.0},
            "base": {"adapter": False, "changes_nats": 0.0},
        }
        httpx2.post(f"{address}/v1/completions", json=ASK).raise_for_status()
        text = httpx2.get(f"{address}/metrics").text
        assert 'lianju_requests_total{route="/v1/completions",status="200"} 1.0' in text
        assert float(re.findall(r"^lianju_tokens_total (\S+)", text, re.M)[0]) > 1
        assert "lianju_queue 0.0" in text and 'lianju_batch_rows_bucket{le="1.0"}' in text


def test_before_the_model_is_loaded_it_is_alive_and_not_ready() -> None:
    loaded = threading.Event()

    def load() -> list[Any]:
        assert loaded.wait(30)
        return [served(tiny.model(), "tang", Path("tang"))]

    service = Service(load, ServeSettings())
    service.start()
    with running(service) as address:
        assert httpx2.get(f"{address}/healthz").status_code == 200
        assert httpx2.get(f"{address}/readyz").status_code == 503
        for path in ("completions", "poems"):
            body = ASK if path == "completions" else {"couplet": COUPLET}
            answer = httpx2.post(f"{address}/v1/{path}", json=body)
            assert answer.status_code == 503 and answer.headers["retry-after"]
            assert "loading" in answer.json()["error"]["message"]
        loaded.set()
        until = time.monotonic() + 20
        while httpx2.get(f"{address}/readyz").status_code != 200:
            assert time.monotonic() < until
        assert httpx2.post(f"{address}/v1/completions", json=ASK).status_code == 200


def test_keys() -> None:
    with tiny_server(api_keys=("secret", "second")) as (address, _):
        for path in ("/v1/models", "/metrics", "/v1/results"):
            refused = httpx2.get(address + path)
            assert refused.status_code == 401, path
            assert refused.json()["error"]["code"] == "invalid_api_key"
        for wrong in ("", "Bearer", "Bearer secre", "Bearer secret2", "Bearer secretsecond"):
            headers = {"authorization": wrong}
            assert httpx2.get(f"{address}/v1/models", headers=headers).status_code == 401
        for key in ("secret", "second"):
            headers = {"authorization": f"Bearer {key}"}
            assert httpx2.get(f"{address}/v1/models", headers=headers).status_code == 200
        for path in ("/", "/healthz", "/readyz", "/page/app.js", "/docs", "/openapi.json"):
            assert httpx2.get(address + path).status_code == 200, path


# UTF-8 whose last byte is white space in Latin-1, in which headers are read.
KEYS = (" outer ", "inner space", "à", "頭…", "ends in \u3000", "\u00a0")


def test_a_key_is_compared_as_it_was_sent() -> None:
    with tiny_server(api_keys=KEYS) as (address, _):
        host, port = address.removeprefix("http://").split(":")

        def asked(key: bytes) -> bytes:
            with socket.create_connection((host, int(port)), timeout=20) as line:
                head = b"GET /v1/models HTTP/1.1\r\nhost: a\r\nauthorization: Bearer "
                line.sendall(head + key + b"\r\nconnection: close\r\n\r\n")
                return line.recv(1000).split(b" ")[1]

        for key in KEYS:
            sent = key.encode()
            assert asked(sent) == b"200", key
            for other in (sent.strip(), b" " + sent, sent[:-1], sent + b"."):
                assert (asked(other) == b"200") is (other.rstrip() == sent.rstrip()), other
        assert asked(b"") == asked(b"  ") == b"401"


def test_head_is_answered_as_get_without_a_body() -> None:
    with tiny_server() as (address, _):
        paths = [
            *("/", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/page/app.js"),
            *("/v1/models", "/v1/models/tang", "/v1/settings", "/v1/examples", "/v1/results"),
            *("/v1/models/none", "/v1/results/none", "/v1/completions", "/v1/poems", "/nothing"),
        ]
        for path in paths:
            got, head = (httpx2.request(m, address + path, timeout=60) for m in ("GET", "HEAD"))
            assert (head.status_code, head.content) == (got.status_code, b""), path
            assert head.headers["content-type"] == got.headers["content-type"]
            if path not in ("/metrics", "/v1/examples"):
                assert head.headers["content-length"] == got.headers["content-length"]
        text = httpx2.get(f"{address}/metrics").text
        assert 'route="/healthz",status="200"} 2.0' in text
    with tiny_server(api_keys=("secret",)) as (address, _):
        assert httpx2.head(f"{address}/v1/models").status_code == 401


def test_a_browsers_client_may_ask_from_an_origin_that_was_named() -> None:
    with tiny_server(origins=("https://a.example",), api_keys=("secret",)) as (address, _):
        url = f"{address}/v1/chat/completions"
        # What the openai package sends from a page.
        names = "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-os"
        asked = {
            "access-control-request-method": "POST",
            "access-control-request-headers": names,
            "access-control-request-private-network": "true",
        }
        for origin, status in (("https://a.example", 200), ("https://b.example", 400)):
            answer = httpx2.options(url, headers=asked | {"origin": origin})
            assert answer.status_code == status, answer.text
            assert (answer.headers.get("access-control-allow-origin") == origin) is (status == 200)
        assert set(names.split(",")) <= set(
            httpx2.options(url, headers=asked | {"origin": "https://a.example"})
            .headers["access-control-allow-headers"]
            .split(",")
        )
        refused = httpx2.get(f"{address}/v1/models", headers={"origin": "https://a.example"})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://a.example"


def test_an_error_names_what_no_answer_can_hold() -> None:
    with tiny_server() as (address, _):
        url = f"{address}/v1/completions"
        kind = {"content-type": "application/json"}
        for body in (
            b'{"\\ud800": 1}',
            b'{"prompt": "\\udfff", "model": "\\ud800"}',
            b'{"prompt": "a", "model": "\\ud800"}',
            b'{"prompt": "a", "response_format": {"\\ud800": "\\ud800"}}',
            b'{"messages": [{"role": "\\ud800"}]}',
        ):
            answer = httpx2.post(url, content=body, headers=kind)
            assert answer.status_code in (400, 404), answer.text
            assert answer.json()["error"]["message"]


def test_what_is_too_large_unknown_or_no_json_is_told_by_name() -> None:
    with tiny_server() as (address, _):
        url = f"{address}/v1/completions"

        def refused(status: int, **options: Any) -> dict[str, Any]:
            answer = httpx2.post(url, **options)
            assert answer.status_code == status, answer.text
            error: dict[str, Any] = answer.json()["error"]
            assert set(error) == {"message", "type", "param", "code"}
            return error

        for size in (LARGEST + 1, 30_000_000):
            assert refused(413, content=b"x" * size)["code"] == "too_large"
        assert refused(400, content=b"{", headers={"content-type": "application/json"})
        assert refused(400, json=ASK | {"temprature": 1})["param"] == "temprature"
        assert "'temperature'" in refused(400, json=ASK | {"temprature": 1})["message"]
        assert refused(400, json=ASK | {"temperature": "1"})["param"] == "temperature"
        assert refused(400, json=ASK | {"verse": {"from": "auto"}})["param"] == "verse.from"
        assert refused(404, json=ASK | {"model": "/etc/passwd"})["param"] == "model"
        missing = httpx2.get(f"{address}/v2/nothing")
        assert missing.status_code == 404 and "error" in missing.json()
        assert httpx2.get(url).status_code == 405


def test_only_this_machine_and_no_other_page_unless_asked(tmp_path: Path) -> None:
    service = Service(list, ServeSettings())
    service.open([served(tiny.model())])
    with running(service, ["127.0.0.1", "[::1]"]) as address:
        for host in ("127.0.0.1", "127.0.0.1:8000", "127.0.0.1.", "[::1]", "[::1]:1", "[::1]:"):
            assert httpx2.get(f"{address}/healthz", headers={"host": host}).status_code == 200, host
        for host in (
            *("evil.example", "127.0.0.1.evil.example", "127.0.0.1:80.evil.example", "::1", "[::1"),
            *("[::1].evil.example", "[::1]:1:2", "127.0.0.1:80:80", "127.0.0.1@evil.example", ""),
            *("evil.example:127.0.0.1", "127.0.0.1:80,evil.example", "[127.0.0.1]"),
        ):
            asked = httpx2.get(f"{address}/healthz", headers={"host": host})
            assert asked.status_code == 400, host
            assert "127.0.0.1" in asked.json()["error"]["message"]
        answer = httpx2.get(f"{address}/healthz", headers={"origin": "https://a.example"})
        assert "access-control-allow-origin" not in answer.headers
    with tiny_server(origins=("https://a.example",)) as (address, _):
        for origin, allowed in (("https://a.example", True), ("https://b.example", False)):
            answer = httpx2.get(f"{address}/healthz", headers={"origin": origin})
            assert ("access-control-allow-origin" in answer.headers) is allowed


def test_a_full_queue_says_when_to_come_again() -> None:
    with tiny_server(queue=1) as (address, service):
        service.engine.schedulers["tang"].most = 1
        answers = asyncio.run(_many(address, ENDLESS | {"max_tokens": 200}, 12))
        assert set(answers) == {200, 429}


async def _many(address: str, body: dict[str, Any], count: int) -> list[int]:
    async with httpx2.AsyncClient(timeout=60) as client:
        posts = (client.post(f"{address}/v1/completions", json=body) for _ in range(count))
        answers = await asyncio.gather(*posts)
    for answer in answers:
        if answer.status_code == 429:
            assert answer.headers["retry-after"] and answer.json()["error"]["code"] == "queue_full"
    return [answer.status_code for answer in answers]


def test_limits_of_time_and_tokens() -> None:
    with tiny_server(seconds=0.2, tokens=500) as (address, service):
        url = f"{address}/v1/completions"
        late = httpx2.post(url, json=ENDLESS | {"max_tokens": 500, "n": 16})
        assert late.status_code == 504 and late.json()["error"]["code"] == "timeout"
        _free(service)
        body = ENDLESS | {"max_tokens": 500, "n": 16, "stream": True}
        with httpx2.stream("POST", url, json=body) as stream:
            lines = [line for line in stream.iter_lines() if line]
        assert '"timeout"' in lines[-2] and lines[-1] == "data: [DONE]"
        _free(service)


def _free(service: Service, seconds: float = 1.0) -> None:
    """Wait until nothing is being written; fail if that takes longer."""
    until = time.monotonic() + seconds
    while service.engine.rows or service.engine.waiting:
        assert time.monotonic() < until, f"{service.engine.rows} rows are still being written"
        time.sleep(0.01)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_frees_its_place(stream: bool) -> None:
    with tiny_server() as (address, service):
        host, port = address.removeprefix("http://").split(":")
        body = dumps(ENDLESS | {"n": 8, "stream": stream}).encode()
        head = (
            f"POST /v1/completions HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection((host, int(port))) as line:
            line.sendall(head.encode() + body)
            until = time.monotonic() + 10
            while not service.engine.rows:
                assert time.monotonic() < until
                time.sleep(0.005)
        _free(service)


def test_who_goes_away_and_what_breaks_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_GRACE", 0.0)
    with tiny_server(seconds=0.3) as (address, service):

        async def stuck(task: Any) -> Any:
            # As where a reader stops reading: nothing inside looks at the clock.
            await asyncio.sleep(60)

        def broken(name: str | None) -> Any:
            raise RuntimeError("broken")

        body = {"couplet": COUPLET}
        with monkeypatch.context() as patched:
            patched.setattr(service, "compute", stuck)
            late = httpx2.post(f"{address}/v1/explore/next", json=body)
        assert late.status_code == 504, late.text
        with pytest.raises(httpx2.ReadTimeout), monkeypatch.context() as patched:
            patched.setattr(service, "compute", stuck)
            httpx2.post(f"{address}/v1/explore/next", json=body, timeout=0.1)
        with monkeypatch.context() as patched:
            patched.setattr(service, "served", broken)
            failed = httpx2.post(f"{address}/v1/explore/next", json=body)
        assert failed.status_code == 500 and failed.json()["error"]["type"] == "server_error"
        until = time.monotonic() + 5
        while '"499"' not in (text := httpx2.get(f"{address}/metrics").text):
            assert time.monotonic() < until
        for status in ("499", "500", "504"):
            assert f'route="/v1/explore/next",status="{status}"}} 1.0' in text


def test_prompts_are_logged_only_if_asked(caplog: pytest.LogCaptureFixture) -> None:
    for asked in (False, True):
        caplog.clear()
        with caplog.at_level("INFO", "lianju.serve"), tiny_server(log_prompts=asked) as (url, _):
            httpx2.post(f"{url}/v1/completions", json=ASK).raise_for_status()
        assert (COUPLET[:5] in caplog.text) is asked


def test_a_prompt_forges_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    forged = "2026-01-01 lianju.serve: all is well"
    with caplog.at_level("INFO", "lianju.serve"), tiny_server(log_prompts=True) as (url, _):
        for end in ("\n", "\r", "\x1b[2J", "\u2028", "\x85", "\u202e"):
            body = {"couplet": COUPLET + end + forged, "max_tokens": 1, "verse": {"form": "free"}}
            httpx2.post(f"{url}/v1/poems", json=body)
        said = [record.getMessage() for record in caplog.records if forged in record.getMessage()]
    assert len(said) == 6
    assert all(line.isprintable() and COUPLET[:5] in line for line in said)


def test_shutdown_lets_poems_end_and_refuses_new_ones() -> None:
    with tiny_server() as (address, service):
        answers: list[int] = []
        body = ENDLESS | {"max_tokens": 300}
        thread = threading.Thread(
            target=lambda: answers.append(
                httpx2.post(f"{address}/v1/completions", json=body, timeout=60).status_code
            )
        )
        thread.start()
        until = time.monotonic() + 10
        while not service.engine.rows:
            assert time.monotonic() < until
            time.sleep(0.002)
    thread.join(30)
    assert answers == [200]
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{address}/healthz")


def test_what_does_not_end_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lianju.serve.server, "GRACE", 0.2)
    answers: list[httpx2.Response] = []
    with tiny_server() as (address, service):
        body = ENDLESS | {"n": 16}

        def ask(stream: bool) -> None:
            url = f"{address}/v1/completions"
            answers.append(httpx2.post(url, json=body | {"stream": stream}, timeout=60))

        threads = [threading.Thread(target=ask, args=(stream,)) for stream in (False, True)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 60
        while service.engine.rows < 32:
            assert time.monotonic() < until
            time.sleep(0.002)
    for thread in threads:
        thread.join(30)
    whole, streamed = sorted(answers, key=lambda answer: "[DONE]" in answer.text)
    assert whole.status_code == 503
    assert "shutting down" in whole.json()["error"]["message"]
    assert "shutting down" in streamed.text.splitlines()[-4]


def test_names_of_adapters() -> None:
    assert list(named(["runs/a/adapter", "b=elsewhere", "runs/c"])) == ["a", "b", "c"]
    for bad in (["base=x"], ["runs/a/adapter", "a=b"], ["=x"]):
        with pytest.raises(UserError, match="NAME=FOLDER"):
            named(bad)


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Adapters of a tiny base model: two that differ, one that does nothing, one damaged."""
    folder = tmp_path_factory.mktemp("adapters")
    named = ModelSettings(name=str(checkpoints.llama(folder / "base")))
    model = load_base(named, LAYOUTS, torch.device("cpu"))
    made_adapter(model, folder / "one", 0.2)
    made_adapter(model, folder / "two", 0.5)
    made_adapter(model, folder / "idle", 0.0)
    made_adapter(model, folder / "damaged")
    weights = folder / "damaged" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    return folder


def test_several_adapters_beside_the_base_killed_and_started_again(adapters: Path) -> None:
    arguments = [f"--adapter={adapters / 'one'}", f"--adapter=zwei={adapters / 'two'}", "--base"]
    texts: list[dict[str, str]] = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for end in (signal.SIGKILL, signal.SIGINT):
        server = Typed(["serve", *arguments, f"--port={port}"], adapters)
        try:
            server.until("Ready")
            assert "serves one, zwei, base" in server.err
            ask = {"prompt": "空山新雨後，天氣晚來秋。", "seed": 5, "verse": {}}
            names = ("one", "zwei", "base")
            answers = [
                httpx2.post(
                    f"http://127.0.0.1:{port}/v1/completions",
                    json=ask | {"model": name},
                    timeout=60,
                )
                for name in names
            ]
            texts.append(
                {n: a.json()["choices"][0]["text"] for n, a in zip(names, answers, strict=True)}
            )
        finally:
            server.send(end)
            assert server.ended(30) == (-9 if end == signal.SIGKILL else 130)
    assert texts[0] == texts[1]
    assert len(set(texts[0].values())) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--adapter={folder}/idle"], "changes nothing"),
        (["--adapter={folder}/damaged"], "is damaged"),
        (["--adapter={folder}/none"], "is no adapter"),
        (["--base", "--port={taken}"], "Choose another with --port"),
        (["--base", "--port=99999"], "Choose another with --port"),
        (["--base", "--api-key= "], "--api-key is empty"),
        (["--base", "--api-key=a\nb"], "which no request can carry"),
    ],
)
def test_what_keeps_it_from_starting_is_one_clear_line(
    adapters: Path, arguments: list[str], message: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        filled = [part.format(folder=adapters, taken=port) for part in arguments]
        if not any("--port" in part for part in filled):
            filled.append("--port=0")
        server = Typed(["serve", *filled], adapters)
        assert server.ended() == 2
        assert message in server.err and "Traceback" not in server.err


def test_adapters_of_different_bases_are_refused(tmp_path: Path) -> None:
    folders = {}
    for number in (0, 1):
        folders[f"a{number}"] = made_adapter(tiny.model(number), tmp_path / str(number))
    with pytest.raises(UserError, match="one server for each base model"):
        load_served(folders, None, False, False, SILENT)

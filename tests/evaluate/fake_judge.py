"""A judge of our own behind a real port: it answers as it is told to, well or badly.

Below it, what it is asked about.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from lianju.chat import Answers, Endpoint
from lianju.corpus import test_set as homework_couplets
from lianju.evaluate.judge import Judge
from lianju.evaluate.pairs import Pair, Pairs
from lianju.evaluate.schema import Report
from tests.evaluate import reports

Body = dict[str, Any]
KEY = "sk-this-is-secret"


@dataclass
class Reply:
    """What the server does with one request: wait, then send, or cut the line."""

    text: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    until: threading.Event | None = None
    cut: bool = False


def chat(content: str | None, wait: float = 0.0) -> Reply:
    """A chat completion."""
    message = {"role": "assistant", "content": content}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return Reply(json.dumps({"object": "chat.completion", "choices": choices}), wait=wait)


def failure(status: int, message: str, **headers: str) -> Reply:
    """An error as OpenAI's servers word it."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(json.dumps({"error": {"message": message}}), status, names)


def better(letter: str) -> Reply:
    """A verdict."""
    return chat(json.dumps({"reason": "because", "better": letter}))


def poems_in(body: Body) -> dict[str, str]:
    """The poems that a request quotes: the only line of its prompt that is a JSON object."""
    lines = body["messages"][0]["content"].splitlines()
    found = [line for line in lines if line.startswith('{"') and line.endswith('"}')]
    poems: dict[str, str] = json.loads(found[0])
    return poems


class FakeJudge:
    """Runs in a thread while its context lasts; keeps every request that it saw."""

    def __init__(self, behave: Callable[[Body, int], Reply]):
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.most = 0
        self._behave, self._now, self._lock = behave, 0, threading.Lock()
        judge = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                judge.handle(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        assert handler.path == "/v1/chat/completions"
        with self._lock:
            self.requests.append(body)
            self.headers.append({k.lower(): v for k, v in handler.headers.items()})
            number = len(self.requests) - 1
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            reply = self._behave(body, number)
            time.sleep(reply.wait)
            if reply.until:
                reply.until.wait()
        finally:
            with self._lock:
                self._now -= 1
        if reply.cut:
            handler.connection.close()
            return
        try:
            handler.send_response(reply.status)
            data = reply.text.encode()
            for name, value in {"Content-Length": str(len(data)), **reply.headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(data)
        except OSError:
            pass  # whoever asked has gone

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "FakeJudge":
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._thread.join()


def pairs(n: int = 6) -> Pairs:
    """Poems that begin with 好 against poems that begin with 壞."""
    couplets = [item.couplet for item in homework_couplets()]
    found = [Pair("hw5", couplets[at], f"好{at}", f"壞{at}") for at in range(n)]
    return Pairs(("tuned", "base"), found, {})


def judge(server: FakeJudge, folder: Path, timeout: float = 5.0, **other: Any) -> Judge:
    """A judge who asks that server."""
    return Judge(Endpoint(server.base, "fake", KEY, timeout=timeout, **other), Answers(folder))


def honest(body: Body, number: int = 0) -> Reply:
    """Prefers the poem that begins with 好, wherever it stands."""
    return better("A" if poems_in(body)["A"].startswith("好") else "B")


def tried(body: Body) -> str:
    """What was asked, to tell requests apart."""
    return json.dumps(body["messages"], ensure_ascii=False)


def two_systems() -> Report:
    """A right poem against a wrong one, an equal one, a longer one, and a right one."""
    four, longer = "孤舟蓑笠翁，獨釣寒江雪。", "泉聲咽危石，日色冷青松。" * 3
    rows = [(reports.TRUTH, reports.SHORT), (four, four), (four, longer), (reports.TRUTH, four)]
    systems = [
        reports.system(
            label,
            reports.suite(
                [
                    reports.couplet(reports.poem(row[side]), couplet=f"白日依山{c}，黃河入海流。")
                    for c, row in zip("盡上下出", rows, strict=True)
                ]
            ),
        )
        for side, label in enumerate(("tuned", "base"))
    ]
    return reports.report(*systems, comparisons=[])

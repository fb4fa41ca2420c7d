"""Load on a server: many clients in one process, each on a connection of its own.

On bare sockets, since the clients share the machine with the server: httpx2 takes some eight times
the processor time for a request. Only what the servers of the benchmark send is understood.
"""

import asyncio
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

# A path and the JSON that is posted there.
Question = tuple[str, dict[str, Any]]
_PATIENCE = 180.0


@dataclass(frozen=True)
class Answer:
    """What came for a question, and when. `status` is 0 where the connection broke before the end.

    `body`: all of it, with a stream's chunks put together.
    """

    question: Question
    status: int
    headers: dict[str, str]
    body: bytes
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """From the first byte sent to the last received."""
        return self.ended - self.began

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)


class Client:
    """Asks one thing after the other, over a connection that is kept if the server keeps it."""

    def __init__(self, port: int):
        self.port = port
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> Answer:
        """Ask for what there is at a path."""
        return await self._exchange((path, {}), f"GET {path} HTTP/1.1\r\n{self._host}\r\n".encode())

    async def ask(self, question: Question) -> Answer:
        """Ask, and wait for the whole answer."""
        return await self._exchange(question, self._request(question))

    async def send(self, question: Question) -> asyncio.StreamWriter:
        """Ask, and do not wait; the connection is the caller's."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(self._request(question))
        return writer

    def close(self) -> None:
        """Hang up."""
        if self._line:
            self._line[1].close()
            self._line = None

    @property
    def _host(self) -> str:
        return f"host: 127.0.0.1:{self.port}\r\n"

    def _request(self, question: Question) -> bytes:
        path, value = question
        body = json.dumps(value).encode()
        head = f"POST {path} HTTP/1.1\r\n{self._host}content-type: application/json\r\n"
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

    async def _exchange(self, question: Question, request: bytes) -> Answer:
        began, status, body = perf_counter(), 0, b""
        headers: dict[str, str] = {}
        try:
            async with asyncio.timeout(_PATIENCE):
                if self._line is None or self._line[0].at_eof():
                    self._line = await asyncio.open_connection("127.0.0.1", self.port)
                reader, writer = self._line
                writer.write(request)
                code, headers = await _head(reader)
                body = await _body(reader, headers)
                status = code
        except (OSError, EOFError, TimeoutError):
            self.close()
        except asyncio.CancelledError:
            self.close()
            raise
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(question, status, headers, body, began, perf_counter())


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    pairs = (line.split(":", 1) for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, value in pairs}


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers["content-length"]))
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(parts)


@dataclass(frozen=True)
class Run:
    """Answers to clients that each ask again at once, for some time from `began` on."""

    clients: int
    began: float
    answers: list[Answer]

    @property
    def good(self) -> list[Answer]:
        """The answers of status 200."""
        return [answer for answer in self.answers if answer.status == 200]

    @property
    def rate(self) -> float:
        """Answers a second, from the first question to the last answer; the end, when not all
        clients ask any more, is part of that.
        """
        good = self.good
        return len(good) / (max(answer.ended for answer in good) - self.began) if good else 0.0

    @property
    def latency(self) -> tuple[float, float]:
        """Median and 95th percentile of an answer's seconds."""
        seconds = sorted(answer.seconds for answer in self.good)
        if not seconds:
            return math.nan, math.nan
        return median(seconds), seconds[math.ceil(0.95 * len(seconds)) - 1]


async def drive(
    port: int, questions: Iterator[Question], clients: int, seconds: float, patience: float
) -> Run:
    """Let clients ask for some seconds, wait for the last answers with some patience, then hang up.

    Where a server answers one after the other, what it is not waited for does not change the rate.
    """
    answers: list[Answer] = []
    began = perf_counter()

    async def work() -> None:
        client = Client(port)
        try:
            while perf_counter() < began + seconds:
                answers.append(await client.ask(next(questions)))
        finally:
            client.close()

    tasks = [asyncio.create_task(work()) for _ in range(clients)]
    done, late = await asyncio.wait(tasks, timeout=seconds + patience)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    for task in done:
        task.result()
    return Run(clients, began, answers)


async def crowd(
    port: int, questions: Iterator[Question], clients: int, seconds: float
) -> list[Answer]:
    """Let clients ask for some seconds, each again at once or when it is told to, and wait for
    every answer.
    """
    answers: list[Answer] = []
    until = perf_counter() + seconds

    async def work() -> None:
        client = Client(port)
        while perf_counter() < until:
            answers.append(answer := await client.ask(next(questions)))
            if answer.status == 429:
                await asyncio.sleep(float(answer.headers["retry-after"]))
        client.close()

    await asyncio.gather(*(work() for _ in range(clients)))
    return answers


async def hang_up(port: int, questions: Iterator[Question], clients: int, after: float) -> None:
    """Let clients ask all at once and hang up after some seconds, every other one rudely (RST)."""
    client = Client(port)
    lines = await asyncio.gather(*(client.send(next(questions)) for _ in range(clients)))
    await asyncio.sleep(after)
    for number, line in enumerate(lines):
        if number % 2:
            line.transport.abort()
        else:
            line.close()

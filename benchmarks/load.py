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
# After the last question is asked, answers are waited for so long.
_DRAIN = 3.0
# Fewer answers than this say nothing: a slow server gets up to three times the seconds.
_LEAST = 4


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
        began, status, headers, body = perf_counter(), 0, {}, b""
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
    """Answers to clients that each ask again at once, for some time from `began` to `until`."""

    clients: int
    answers: list[Answer]
    began: float
    until: float

    @property
    def rate(self) -> float:
        """Answers a second while all clients ask: between the first and the last that counts."""
        times = sorted(answer.ended for answer in self._counted)
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else math.nan

    @property
    def good(self) -> list[Answer]:
        """The answers of status 200."""
        return [answer for answer in self.answers if answer.status == 200]

    @property
    def latency(self) -> tuple[float, float]:
        """Median and 95th percentile of an answer's seconds."""
        seconds = sorted(answer.seconds for answer in self.good)
        if not seconds:
            return math.nan, math.nan
        return median(seconds), seconds[math.ceil(0.95 * len(seconds)) - 1]

    @property
    def _counted(self) -> list[Answer]:
        return [answer for answer in self.good if self.began <= answer.ended <= self.until]


async def drive(
    port: int, questions: Iterator[Question], clients: int, seconds: float, ramp: float
) -> Run:
    """Let clients ask for some seconds, after a ramp in which they begin one after the other."""
    answers: list[Answer] = []
    start = perf_counter()
    began = start + ramp
    until = began + seconds

    def going() -> bool:
        now = perf_counter()
        few = sum(answer.ended >= began for answer in answers) < _LEAST
        return now < until or (few and now < began + 3 * seconds)

    async def work(number: int) -> None:
        await asyncio.sleep(ramp * number / clients)
        client = Client(port)
        try:
            while going():
                answers.append(await client.ask(next(questions)))
        finally:
            client.close()

    tasks = [asyncio.create_task(work(number)) for number in range(clients)]
    while going() and not all(task.done() for task in tasks):
        await asyncio.sleep(0.02)
    until = perf_counter()
    await asyncio.wait(tasks, timeout=_DRAIN)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return Run(clients, answers, began, until)


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

"""Whoever connects and says nothing, half a thing, or does not listen, keeps nobody out."""

import http.client
import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from lianju.serve import Server, connections, guard
from lianju.serve.connections import Connection
from tests import tiny
from tests.serve.conftest import started
from tests.serve.running import open_service

COUPLET = tiny.COUPLETS[0][0]
GET = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST /v1/check HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
FILES = 128


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, int]]:
    """A server that waits half a second, and its port."""
    monkeypatch.setattr(connections, "PATIENCE", 0.5)
    with started(open_service()) as (server, address):
        yield server, int(address.rsplit(":", 1)[1])


def dialled(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def alive(port: int) -> bool:
    """Whether a request of somebody else is answered."""
    with dialled(port) as line:
        line.sendall(GET)
        return line.recv(1000).startswith(b"HTTP/1.1 200")


def is_closed(line: socket.socket) -> bool:
    """Read to the end, which comes with the connection's."""
    try:
        while line.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


SILENCE = {
    "nothing": b"",
    "half a line": b"GET /heal",
    "half the headers": b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: 1\r\n",
    "a whole request and half of one": GET + b"GET /heal",
    "a whole request": GET,
    "half a body": POST + b"content-length: 10\r\n\r\n1",
}


@pytest.mark.parametrize("said", SILENCE.values(), ids=SILENCE)
def test_a_connection_that_says_no_more_is_closed(
    server: tuple[Server, int], said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_BODY_SECONDS", 0.5)
    _, port = server
    with dialled(port) as line:
        line.sendall(said)
        assert is_closed(line)
        assert alive(port)


def test_headers_that_come_byte_by_byte_do_not_buy_time(server: tuple[Server, int]) -> None:
    _, port = server
    with dialled(port) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nx: ")
        sent = 0
        while not select.select([line], [], [], 0.1)[0]:
            line.sendall(b"a")
            sent += 1
            assert sent < 100
        assert is_closed(line)


def test_a_connection_in_use_is_kept(server: tuple[Server, int]) -> None:
    _, port = server
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for _ in range(8):
        client.request("GET", "/healthz")
        line = client.sock
        assert client.getresponse().read() == b'{"status":"alive"}' and client.sock is line
        time.sleep(0.1)
    client.close()


def test_who_does_not_take_the_answer_is_given_up(server: tuple[Server, int]) -> None:
    running, port = server
    with dialled(port) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        # More than the system keeps for a reader that does not read.
        line.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n" * 200)
        until = time.monotonic() + 20
        while not running.server_state.connections:
            assert time.monotonic() < until
        while running.server_state.connections:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_small_answers_are_sent_at_once(server: tuple[Server, int]) -> None:
    running, port = server
    with dialled(port) as line:
        line.sendall(GET)
        line.recv(1000)
        [connection] = running.server_state.connections
        assert isinstance(connection, Connection)
        own = connection.transport.get_extra_info("socket")
        assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_when_all_places_are_taken_the_one_that_waits_longest_makes_room() -> None:
    with started(open_service()) as (server, address), ExitStack() as stack:
        port = int(address.rsplit(":", 1)[1])
        server._places = 3
        first, *others = [stack.enter_context(dialled(port)) for _ in range(3)]
        others[0].sendall(b"GET /")
        assert alive(port)
        assert is_closed(first)
        others[0].sendall(GET.removeprefix(b"GET /"))
        assert others[0].recv(1000).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("places", [1, 2])
def test_when_all_are_being_answered_a_new_one_waits(places: int) -> None:
    service = open_service()
    with started(service) as (server, address), ExitStack() as stack:
        port = int(address.rsplit(":", 1)[1])
        server._places = places
        body = json.dumps({"prompt": COUPLET, "max_tokens": 60, "temperature": 0}).encode()
        head = POST.replace(b"/v1/check", b"/v1/completions")
        asked = head + b"content-length: %d\r\n\r\n" % len(body) + body
        lines = [stack.enter_context(dialled(port)) for _ in range(4)]
        for line in lines:
            line.sendall(asked)
        assert all(line.recv(65536).startswith(b"HTTP/1.1 200") for line in lines)


# --- few files -----------------------------------------------------------------------------


@contextmanager
def few_files(log: Path, code: str) -> Iterator[int]:
    """The port of a process that may open 128 files and runs `code`."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=said
        )
        try:
            assert process.stdout
            yield int(process.stdout.readline())
        finally:
            process.kill()
            process.wait(20)


RUN = f"from tests.serve.few_files import main; main({FILES})"
# Of which each connection says so much, and waits.
PARTS = (
    b"",
    b"GET /healthz HTTP/1.1\r\nhost: a\r\n",
    POST + b"content-length: 100\r\n\r\n{",
    GET,
)


@pytest.mark.slow
def test_more_connections_than_files_silence_nobody_and_fill_no_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with few_files(log, RUN) as port, ExitStack() as stack:
        for part in PARTS:
            for _ in range(FILES + 12):
                stack.enter_context(dialled(port)).sendall(part)
            assert all(alive(port) for _ in range(20))
    assert log.stat().st_size == 0, log.read_text()[:2000]


def test_a_system_that_has_no_files_left_is_waited_for_and_told_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    # It believes in more places than there are files.
    code = f"import lianju.serve.server as s; s.places = lambda: 1000; {RUN}"
    with few_files(log, code) as port, ExitStack() as stack:
        for _ in range(FILES + 12):
            stack.enter_context(dialled(port))
        assert all(alive(port) for _ in range(5))
    [line] = log.read_text().splitlines()
    assert "cannot take a connection now: Too many open files" in line

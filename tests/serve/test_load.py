"""Many clients at once, and many that go away, at a real server of tiny models."""

import asyncio
import json
import time
from collections import Counter

import pytest

from benchmarks.load import Answer, Client, crowd, hang_up
from benchmarks.serve_questions import completion, endless, is_whole, mixed
from lianju.serve import Service
from tests import tiny
from tests.serve.running import open_service, running

pytestmark = pytest.mark.slow

COUPLETS = [couplet for couplet, _ in tiny.COUPLETS]
# Greedy, a random model repeats itself and never stops.
LONG = {"model": "tiny", "temperature": 0.0, "max_tokens": 4096}
# A second on a machine with nothing else to do; those 60 would need a minute to their end.
PATIENCE = 10.0


def port_of(address: str) -> int:
    return int(address.rsplit(":", 1)[1])


def until_free(service: Service) -> None:
    """Wait until nothing is written and nobody waits; fails if that takes too long."""
    until = time.monotonic() + PATIENCE
    while service.engine.rows or service.engine.waiting:
        assert time.monotonic() < until, f"{service.engine.rows} rows are still being written"
        time.sleep(0.01)


def test_a_crowd_is_answered_or_told_to_come_again() -> None:
    """Three times as many clients as there are rows and places in the queue."""
    service = open_service(queue=12)
    next(iter(service.engine.schedulers.values())).most = 8
    questions, answers = mixed(COUPLETS, "tiny"), []
    every = {"/v1/completions", "/v1/chat/completions", "/v1/poems"}
    with running(service) as address:
        # A busy machine needs several.
        for _ in range(10):
            answers += asyncio.run(crowd(port_of(address), questions, 64, 3.0))
            streams = [a for a in answers if a.status == 200 and a.question[1].get("stream")]
            if every == {a.question[0] for a in answers if a.status == 200} and len(streams) > 3:
                break
        until_free(service)
    statuses = Counter(answer.status for answer in answers)
    assert set(statuses) == {200, 429}, statuses
    assert all(is_whole(answer) for answer in answers if answer.status == 200)
    assert {answer.question[0] for answer in answers if answer.status == 200} == every
    assert all(a.headers["content-type"].startswith("text/event-stream") for a in streams)


def text_of(answer: Answer) -> str:
    """The text of a streamed completion."""
    assert answer.status == 200 and is_whole(answer)
    events = answer.body.decode().removesuffix("data: [DONE]\n\n").split("\n\n")[:-1]
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    return "".join(chunk["choices"][0]["text"] for chunk in chunks)


def test_clients_that_hang_up_leave_those_who_stay_alone() -> None:
    service = open_service(tokens=4096)
    longs = ((path, asked | LONG) for path, asked in endless(COUPLETS, "tiny"))
    stays = completion(COUPLETS[0], 7, model="tiny", top_p=1.0, stream=True)

    async def come_and_go(port: int) -> tuple[int, list[Answer]]:
        client = Client(port)
        alone = await client.ask(stays)
        leaving = asyncio.create_task(hang_up(port, longs, 60, 0.5))
        await asyncio.sleep(0.3)
        amid = asyncio.create_task(client.ask(stays))
        most = 0
        while not leaving.done():
            most = max(most, service.engine.rows)
            await asyncio.sleep(0.01)
        after = await Client(port).ask(stays)
        return most, [alone, await amid, after]

    with running(service) as address:
        most, answers = asyncio.run(come_and_go(port_of(address)))
        until_free(service)
        assert service.ready
    assert most > 1
    assert len({text_of(answer) for answer in answers}) == 1

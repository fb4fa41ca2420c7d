"""Crowds at `lianju serve`: many clients for some time, and many that hang up."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from benchmarks.load import Client, crowd, hang_up
from benchmarks.serve_peers import Server
from benchmarks.serve_questions import completion, endless, is_whole, mixed

# Lost ones are counted apart.
_STATUS = (200, 429, 0)
_EARLY = 10
_AFTER = 0.5


async def stay(
    server: Server, couplets: Sequence[str], clients: int, seconds: float
) -> dict[str, Any]:
    """Many clients that ask for all sorts of things: what they get, and the server's memory.

    A request is lost where the connection broke before the answer's end. `early` megabytes are
    those after ten seconds, or half the time.
    """
    memory: list[float] = []

    async def watch() -> None:
        while True:
            await asyncio.sleep(1)
            memory.append(server.megabytes)

    watching = asyncio.create_task(watch())
    start = perf_counter()
    model = server.extra["model"]
    answers = await crowd(server.port, mixed(couplets, model), clients, seconds)
    spent = perf_counter() - start
    watching.cancel()
    statuses = Counter(answer.status for answer in answers)
    wrong = [a.body.decode(errors="replace")[:500] for a in answers if a.status not in _STATUS]
    early = memory[min(_EARLY, len(memory) // 2) - 1]
    row = {
        "clients": clients,
        "seconds": spent,
        "statuses": dict(statuses),
        "lost": statuses[0],
        "wrong": wrong[:3],
        "not whole": sum(not is_whole(answer) for answer in answers if answer.status == 200),
        "megabytes": {"early": early, "end": memory[-1], "most": max(memory)},
    }
    print(
        f"\n{clients} clients for {spent:.0f} s: statuses {dict(statuses)}, lost {row['lost']}, "
        f"not whole {row['not whole']}; memory {early:.0f} MB, at the end {memory[-1]:.0f}, "
        f"most {max(memory):.0f}",
        *wrong[:3],
        flush=True,
    )
    return row


async def leave(server: Server, couplets: Sequence[str], clients: int) -> dict[str, Any]:
    """Many clients that hang up after half a second: when the next one is answered, and when
    /metrics says that nothing is written for them any more.
    """
    client = Client(server.port)
    question = completion(couplets[0], 1, **server.extra)
    at_rest = (await client.ask(question)).seconds
    questions = endless(couplets, server.extra["model"])
    leaving = asyncio.create_task(hang_up(server.port, questions, clients, _AFTER))
    most = (0.0, 0.0)
    while not leaving.done():
        most = max(most, await busy(server.port))
        await asyncio.sleep(0.02)
    start = perf_counter()
    until_free = asyncio.create_task(_until_free(server.port))
    answer = await client.ask(question)
    row = {
        "clients": clients,
        "rows": most[0],
        "waiting": most[1],
        "status": answer.status,
        "next answered": answer.seconds,
        "at rest": at_rest,
        "rows free": await until_free - start,
    }
    client.close()
    print(
        f"\n{clients} clients hung up ({most[0]:.0f} rows were written, {most[1]:.0f} waited): the "
        f"next is answered ({answer.status}) after {answer.seconds:.2f} s, at rest "
        f"{at_rest:.2f}; the rows are free after {row['rows free']:.2f} s",
        flush=True,
    )
    return row


async def busy(port: int) -> tuple[float, float]:
    """How many rows are being written, and how many requests wait, as /metrics has it."""
    client = Client(port)
    lines = (await client.get("/metrics")).body.decode().splitlines()
    client.close()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return float(values["lianju_rows"]), float(values["lianju_queue"])


async def _until_free(port: int) -> float:
    """When no more than one row is being written: that of the client who asks next."""
    while True:
        rows, waiting = await busy(port)
        if rows <= 1 and not waiting:
            return perf_counter()
        await asyncio.sleep(0.02)

"""`lianju serve` under load, beside other servers of the same model.

    python -m benchmarks.serve ADAPTER OUT [--quick]

Every server is a process of its own, and is driven from this one over 127.0.0.1. Measured are: what
one client and many get (poems and tokens a second, seconds an answer); an answer's time beside that
of `lianju complete`, kept warm, for the same poem; 64 clients at once for a minute; 200 clients that
hang up; and, in rounds that alternate, the peers of `benchmarks.serve_peers` that are installed.
Writes OUT/serve.json, the logs of the servers and, once, the models that the peers need, and prints
tables. Takes some twelve minutes after the first time; with --quick two.
"""

import argparse
import asyncio
import json
import math
import os
import platform
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import Any

from benchmarks.load import Answer, Client, Question, Run, crowd, drive, hang_up
from benchmarks.serve_peers import SLOTS, Server, Warm, exported, ours, peers
from lianju.corpus import test_set
from lianju.files import write_json
from lianju.verse import shape_of

_MANY = SLOTS
_SAMPLING = {"temperature": 1.0, "top_p": 0.3}
# As far as the free length goes that `lianju complete` grants.
_LENGTH = 128
# Only hanging up ends this one soon.
_ENDLESS = {"temperature": 2.0, "top_p": 1.0, "max_tokens": 1000}
_STATUS = (200, 429)


@dataclass(frozen=True)
class Plan:
    """How much is measured: seconds are those of one measurement."""

    clients: tuple[int, ...]
    rounds: int
    seconds: float
    couplets: int
    crowd: int
    crowd_seconds: float
    leaving: int
    race_rounds: int
    race_seconds: float


FULL = Plan((1, 8, 32, 64), 2, 5.0, 15, 64, 60.0, 200, 3, 5.0)
QUICK = Plan((1, 32), 1, 2.0, 4, 64, 10.0, 60, 1, 2.0)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    # Ended from outside, it takes its servers along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments.out.mkdir(parents=True, exist_ok=True)
    plan = QUICK if arguments.quick else FULL
    merged, files = exported(arguments.adapter, arguments.out / "models")
    servers, missing = peers(merged, files)
    with ExitStack() as running:
        for server in servers:
            running.callback(server.stop)
        found = asyncio.run(_measure(arguments.adapter, arguments.out, plan, servers, running))
    found["missing"] += missing
    write_json(arguments.out / "serve.json", found)


async def _measure(
    adapter: Path, out: Path, plan: Plan, others: list[Server], running: ExitStack
) -> dict[str, Any]:
    """All parts, those of `lianju serve` alone first."""
    found: dict[str, Any] = {"machine": _machine(), "plan": asdict(plan), "missing": []}
    print(json.dumps(found["machine"], ensure_ascii=False))
    server = ours(adapter)
    running.callback(server.stop)
    server.start(out)
    print(f"lianju serve: ready after {await server.until_ready():.1f} s", flush=True)
    couplets = [example.couplet for example in test_set()]
    await _warm_up(server, couplets)
    found["beside complete"] = await _beside(server, adapter, couplets[: plan.couplets], running)
    found["sweep"] = await _sweep(server, couplets, plan)
    found["hang up"] = await _hang_up(server, couplets, plan)
    found["crowd"] = await _crowd(server, couplets, plan)
    server.hold()
    racing = [server]
    for other in others:
        try:
            other.start(out)
            await other.until_ready()
            await _warm_up(other, couplets)
            other.hold()
            racing.append(other)
        except RuntimeError as error:
            found["missing"].append(str(error))
            print(error, flush=True)
    found["race"] = await _race(racing, couplets, plan)
    return found


def _machine() -> dict[str, Any]:
    libraries = ("torch", "transformers", "llama-cpp-python", "fastapi", "uvicorn")
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load before": os.getloadavg()[0],
        "waiting": os.environ.get("OMP_WAIT_POLICY", ""),
        **{name: version(name) for name in libraries},
    }


# --- what is asked -------------------------------------------------------------------------


def _completion(couplet: str, seed: int, **more: Any) -> Question:
    asked = {"prompt": couplet, "seed": seed, "max_tokens": _LENGTH, **_SAMPLING}
    return "/v1/completions", asked | more


def _poems(couplet: str, seed: int, particles: int, **more: Any) -> Question:
    asked = {"couplet": couplet, "seed": seed, "verse": {"particles": particles}, **_SAMPLING}
    return "/v1/poems", asked | more


def _chat(couplet: str, seed: int, **more: Any) -> Question:
    asked = {"messages": [{"role": "user", "content": couplet}], "seed": seed, **_SAMPLING}
    return "/v1/chat/completions", asked | more


def _free(server: Server, couplets: list[str]) -> Iterator[Question]:
    """Completions without rules, each with a seed of its own."""
    for seed in count():
        yield _completion(couplets[seed % len(couplets)], seed, **server.extra)


def _ruled(couplets: list[str], particles: int) -> Iterator[Question]:
    """Poems in rules."""
    for seed in count():
        yield _poems(couplets[seed % len(couplets)], seed, particles)


def _mixed(couplets: list[str]) -> Iterator[Question]:
    """A bit of everything, two of three as streams."""
    for seed in count():
        couplet = couplets[seed % len(couplets)]
        yield _completion(couplet, seed, model="tang")
        yield _completion(couplet, seed, model="tang", stream=True)
        yield _poems(couplet, seed, 4)
        yield _poems(couplet, seed, 4, stream=True, n=2)
        yield _chat(couplet, seed, model="tang", stream=True)
        yield _completion(couplet, seed, model="tang", stream=True, verse={}, logprobs=2)


def _endless(couplets: list[str]) -> Iterator[Question]:
    for seed in count():
        couplet = couplets[seed % len(couplets)]
        more = {**_ENDLESS, "stream": seed % 4 < 2}
        yield _completion(couplet, seed, model="tang", **more)


def _tokens(answer: Answer) -> int:
    """How many tokens an answer holds."""
    value = answer.json
    if "usage" in value:
        tokens: int = value["usage"]["completion_tokens"]
        return tokens
    return sum(poem["tokens"] for poem in value["poems"])


def _whole(answer: Answer) -> bool:
    """Whether an answer is all there, and no error."""
    path, asked = answer.question
    if not asked.get("stream"):
        return bool(answer.json.get("choices") or answer.json.get("poems"))
    if b'"error"' in answer.body:
        return False
    if path == "/v1/poems":
        return answer.body.endswith(b"\n\n") and b"\nevent: done\n" in answer.body
    return answer.body.endswith(b"data: [DONE]\n\n")


# --- the parts -----------------------------------------------------------------------------


async def _warm_up(server: Server, couplets: list[str]) -> None:
    run = await drive(server.port, _free(server, couplets), 4, 1.0, 0.0)
    if not run.good:
        broken = run.answers[0].body.decode(errors="replace") if run.answers else "no answer"
        raise RuntimeError(f"{server.name} cannot be asked: {broken[:200]}")


def _row(run: Run) -> dict[str, float]:
    """What one measurement found."""
    middle, late = run.latency
    tokens = mean(map(_tokens, run.good)) if run.good else math.nan
    return {
        "answers": len(run.good),
        "poems": run.rate,
        "tokens": run.rate * tokens,
        "median": middle,
        "p95": late,
    }


def _middle(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: median(row[name] for row in rows) for name in rows[0]}


async def _sweep(server: Server, couplets: list[str], plan: Plan) -> dict[str, Any]:
    """Poems and tokens a second, and the time of an answer, by what is asked and by how many."""
    kinds = {"completions": lambda: _free(server, couplets)}
    kinds["poems, 1 particle"] = lambda: _ruled(couplets, 1)
    kinds["poems, 4 particles"] = lambda: _ruled(couplets, 4)
    rows: dict[str, dict[int, list[dict[str, float]]]] = {
        kind: {clients: [] for clients in plan.clients} for kind in kinds
    }
    for _ in range(plan.rounds):
        for kind, questions in kinds.items():
            for clients in plan.clients:
                ramp = 0.5 if clients == 1 else 1.0
                run = await drive(server.port, questions(), clients, plan.seconds, ramp)
                rows[kind][clients].append(_row(run) | {"refused": len(run.answers) - len(run.good)})
    print(f"\n{'':20}{'clients':>8}{'poems/s':>9}{'tokens/s':>9}{'median s':>9}{'p95 s':>8}{'×':>7}")
    found: dict[str, Any] = {}
    for kind, by_clients in rows.items():
        found[kind] = {}
        for clients, every in by_clients.items():
            row = _middle(every)
            pairs = zip(every, by_clients[1], strict=True)
            row["times one"] = median(many["poems"] / one["poems"] for many, one in pairs)
            found[kind][clients] = row
            print(
                f"{kind:20}{clients:8}{row['poems']:9.2f}{row['tokens']:9.1f}"
                f"{row['median']:9.3f}{row['p95']:8.3f}{row['times one']:7.2f}",
                flush=True,
            )
    return found


async def _beside(
    server: Server, adapter: Path, couplets: list[str], running: ExitStack
) -> dict[str, Any]:
    """The same poems by HTTP and by `lianju.decode.complete` in a process that is warm."""
    warm = await asyncio.to_thread(Warm, adapter)
    running.callback(warm.stop)
    client, found = Client(server.port), {}
    print(f"\n{'':20}{'HTTP s':>9}{'call s':>9}{'ratio':>8}{'same':>10}")
    for kind in ("completions", "poems, 4 particles"):
        ruled = kind != "completions"
        pairs = []
        # The first time round, both work out masks that they keep.
        for seed in (0, 1, 2) if ruled else (1, 2):
            for couplet in couplets:
                free = _completion(couplet, seed, **server.extra)
                answer = await client.ask(_poems(couplet, seed, 4) if ruled else free)
                call = await asyncio.to_thread(warm.ask, couplet, seed, ruled)
                text = answer.json["poems" if ruled else "choices"][0]["text"]
                if seed:
                    pairs.append((answer.seconds, call["seconds"], text == call["text"]))
        row = {
            "http": median(http for http, _, _ in pairs),
            "call": median(call for _, call, _ in pairs),
            "ratio": median(http / call for http, call, _ in pairs),
            "same": sum(same for _, _, same in pairs),
            "poems": len(pairs),
        }
        found[kind] = row
        same = f"{row['same']}/{row['poems']}"
        print(f"{kind:20}{row['http']:9.3f}{row['call']:9.3f}{row['ratio']:8.3f}{same:>10}", flush=True)
    client.close()
    warm.stop()
    return found


async def _crowd(server: Server, couplets: list[str], plan: Plan) -> dict[str, Any]:
    """Many clients that ask for all sorts of things: what they get, and the server's memory."""
    memory: list[float] = []

    async def watch() -> None:
        while True:
            await asyncio.sleep(1)
            memory.append(server.memory)

    watching = asyncio.create_task(watch())
    start = perf_counter()
    answers = await crowd(server.port, _mixed(couplets), plan.crowd, plan.crowd_seconds)
    spent = perf_counter() - start
    watching.cancel()
    statuses = Counter(answer.status for answer in answers)
    good = [answer for answer in answers if answer.status == 200]
    early = memory[min(9, len(memory) // 6)]
    row = {
        "seconds": spent,
        "asked": len(answers),
        "statuses": dict(statuses),
        "lost": statuses[0],
        "wrong": sum(number for status, number in statuses.items() if status not in _STATUS),
        "not whole": sum(not _whole(answer) for answer in good),
        "megabytes": {"early": early, "end": memory[-1], "most": max(memory)},
    }
    print(
        f"\n{plan.crowd} clients for {spent:.0f} s: {len(answers)} asked, statuses "
        f"{dict(statuses)}, lost {row['lost']}, not whole {row['not whole']}; memory "
        f"{early:.0f} MB, at the end {memory[-1]:.0f}, most {max(memory):.0f}",
        flush=True,
    )
    return row


async def _hang_up(server: Server, couplets: list[str], plan: Plan) -> dict[str, Any]:
    """Clients that all hang up after half a second: when the next one is answered."""
    client = Client(server.port)
    question = _completion(couplets[0], 1, **server.extra)
    rest = (await client.ask(question)).seconds
    leaving = asyncio.create_task(
        hang_up(server.port, _endless(couplets), plan.leaving, after=0.5)
    )
    await asyncio.sleep(0.45)
    rows, waiting = await _busy(server)
    await leaving
    start = perf_counter()
    free = asyncio.create_task(_until_free(server))
    answer = await client.ask(question)
    row = {
        "clients": plan.leaving,
        "rows": rows,
        "waiting": waiting,
        "status": answer.status,
        "next answered": answer.seconds,
        "at rest": rest,
        "free": await free - start,
    }
    print(
        f"\n{plan.leaving} clients hung up ({rows:.0f} rows were written, {waiting:.0f} waited): the "
        f"next is answered ({answer.status}) after {answer.seconds:.2f} s, at rest {rest:.2f}; the "
        f"rows are free after {row['free']:.2f} s",
        flush=True,
    )
    client.close()
    return row


async def _busy(server: Server) -> tuple[float, float]:
    """How many rows are being written, and how many requests wait, as /metrics has it."""
    client = Client(server.port)
    lines = (await client.get("/metrics")).body.decode().splitlines()
    client.close()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return float(values["lianju_rows"]), float(values["lianju_queue"])


async def _until_free(server: Server) -> float:
    """When no more than one row is being written: that of the client who asks next."""
    while True:
        rows, waiting = await _busy(server)
        if rows <= 1 and not waiting:
            return perf_counter()
        await asyncio.sleep(0.02)


async def _race(servers: list[Server], couplets: list[str], plan: Plan) -> dict[str, Any]:
    """One client and many at every server in turn; ratios are medians over the rounds."""
    rows: dict[str, dict[int, list[dict[str, float]]]] = {
        server.name: {1: [], _MANY: []} for server in servers
    }
    good: dict[str, list[Answer]] = {server.name: [] for server in servers}
    memory = {}
    for _ in range(plan.race_rounds):
        for server in servers:
            server.go_on()
            for clients in (1, _MANY):
                ramp = 0.0 if clients == 1 else 1.0
                questions = _free(server, couplets)
                run = await drive(server.port, questions, clients, plan.race_seconds, ramp)
                rows[server.name][clients].append(_row(run))
                good[server.name] += run.good
            # What it still writes for those who have gone is nobody else's load.
            await Client(server.port).ask(next(_free(server, couplets)))
            memory[server.name] = server.memory
            server.hold()
    basis = rows[servers[0].name]
    print(f"\n{'':24}{'one client':^34}{f'{_MANY} clients':^34}")
    unit = f"{'poems/s':>9}{'tokens/s':>9}{'s':>8}{'ours ×':>8}"
    print(f"{'':24}{unit}{unit}{'tokens':>8}{'shape':>7}{'MB':>7}")
    found: dict[str, Any] = {}
    for name, by_clients in rows.items():
        line, found[name] = f"{name:24}", {}
        for clients, every in by_clients.items():
            row = _middle(every)
            pairs = zip(basis[clients], every, strict=True)
            row["ours times"] = median(own["tokens"] / other["tokens"] for own, other in pairs)
            # In a closed loop that is the mean time of an answer (Little's law).
            row["mean"] = clients / row["poems"]
            found[name][clients] = row
            line += f"{row['poems']:9.2f}{row['tokens']:9.1f}"
            line += f"{row['mean']:8.3f}{row['ours times']:8.2f}"
        tokens = mean(map(_tokens, good[name]))
        shape = mean(map(_well_formed, good[name]))
        found[name] |= {"tokens": tokens, "shape": shape, "megabytes": memory[name]}
        print(f"{line}{tokens:8.1f}{shape:7.0%}{memory[name]:7.0f}", flush=True)
    return found


def _well_formed(answer: Answer) -> bool:
    """Whether a completion is the rest of a poem of one of the four forms."""
    choice = answer.json["choices"][0]
    stopped = choice["finish_reason"] == "stop"
    return not shape_of(answer.question[1]["prompt"], choice["text"], stopped).fault


if __name__ == "__main__":
    main()

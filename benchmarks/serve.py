"""`lianju serve` under load, beside other servers of the same model.

    python -m benchmarks.serve ADAPTER OUT [--quick]

Every server is a process of its own, and is driven from this one over 127.0.0.1. Measured are: an
answer's time beside that of `lianju complete`, kept warm, for the same poem; what one client and
many get (poems and tokens a second, seconds an answer); 200 clients that hang up; 64 clients at
once for a minute; and, in rounds that alternate, the peers of `benchmarks.serve_peers` that are
installed. Writes OUT/serve.json, the logs of the servers and, once, the models that the peers need,
and prints tables. Takes some twelve minutes after the first time; with --quick three.
"""

import argparse
import asyncio
import json
import math
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.load import Client, Question, drive
from benchmarks.serve_crowd import leave, stay
from benchmarks.serve_peers import SLOTS, Server, Warm, gguf_files, merged_folder, ours, peers
from benchmarks.serve_questions import completion, free, poem, ruled
from benchmarks.serve_race import PATIENCE, Entrant, Rows, begin, middle, race, row_of
from lianju.corpus import test_set
from lianju.files import write_json

_MANY = SLOTS


@dataclass(frozen=True)
class Plan:
    """How much is measured; seconds are those of one measurement."""

    clients: tuple[int, ...]
    rounds: int
    seconds: float
    couplets: int
    leaving: int
    staying: int
    stay: float
    race_rounds: int
    race_seconds: float


FULL = Plan((1, 8, 32, 64), 2, 5.0, 15, 200, 64, 60.0, 3, 5.0)
QUICK = Plan((1, 32), 1, 2.0, 4, 60, 64, 10.0, 1, 2.0)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    # Ended from outside, it takes its servers along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    plan = QUICK if arguments.quick else FULL
    models = arguments.out.resolve() / "models"
    merged = merged_folder(arguments.adapter, models)
    others, missing = peers(merged, gguf_files(arguments.adapter, models))
    found = {"machine": _machine(), "plan": asdict(plan), "missing": missing}
    print(json.dumps(found["machine"]), *missing, sep="\n", flush=True)
    with ExitStack() as running, suppress(KeyboardInterrupt):
        found |= asyncio.run(_measure(arguments.adapter, arguments.out, plan, others, running))
        write_json(arguments.out / "serve.json", found)


def _machine() -> dict[str, Any]:
    libraries = ("torch", "transformers", "fastapi", "uvicorn")
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load before": os.getloadavg()[0],
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", ""),
        **{name: version(name) for name in libraries},
    }


async def _measure(
    adapter: Path, out: Path, plan: Plan, others: list[Server], running: ExitStack
) -> dict[str, Any]:
    """All parts, those of `lianju serve` alone first."""
    found: dict[str, Any] = {"failed": []}
    couplets = [example.couplet for example in test_set()]
    server = ours(adapter)
    await begin(server, out, running)
    found["beside complete"] = await _beside(server, adapter, couplets[: plan.couplets], running)
    found["sweep"] = await _sweep(server, couplets, plan)
    found["leave"] = await leave(server, couplets, plan.leaving)
    found["stay"] = await stay(server, couplets, plan.staying, plan.stay)
    server.hold()
    racing = [server]
    for other in others:
        try:
            await begin(other, out, running)
            other.hold()
            racing.append(other)
        except RuntimeError as error:
            print(error, flush=True)
            found["failed"].append(str(error))
            other.stop()
    found["race"] = await _race(racing, couplets, plan)
    return found


async def _beside(
    server: Server, adapter: Path, couplets: list[str], running: ExitStack
) -> dict[str, Any]:
    """The same poems by HTTP and by `lianju.decode.complete` in a process that is warm."""
    warm = Warm(adapter)
    running.callback(warm.stop)
    await asyncio.to_thread(warm.until_ready)
    client, found = Client(server.port), {}
    print(f"\n{'':20}{'HTTP s':>9}{'call s':>9}{'ratio':>8}{'same':>10}")
    for kind, rules in (("completions", False), ("poems, 4 particles", True)):
        pairs = []
        # The first time round, both work out what they keep.
        for seed in (0, 1, 2):
            for couplet in couplets:
                plain = completion(couplet, seed, **server.extra)
                answer = await client.ask(poem(couplet, seed, 4) if rules else plain)
                call = await asyncio.to_thread(warm.ask, couplet, seed, rules)
                text = answer.json["poems" if rules else "choices"][0]["text"]
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
        numbers = f"{row['http']:9.3f}{row['call']:9.3f}{row['ratio']:8.3f}"
        print(f"{kind:20}{numbers}{row['same']:7.0f}/{len(pairs)}", flush=True)
    client.close()
    warm.stop()
    return found


async def _sweep(server: Server, couplets: list[str], plan: Plan) -> dict[str, Any]:
    """Poems and tokens a second, and the time of an answer, by what is asked and by how many."""
    kinds: dict[str, Callable[[], Iterator[Question]]] = {
        "completions": lambda: free(couplets, **server.extra),
        "poems, 1 particle": lambda: ruled(couplets, 1),
        "poems, 4 particles": lambda: ruled(couplets, 4),
    }
    rows: dict[str, Rows] = {kind: {n: [] for n in plan.clients} for kind in kinds}
    for _ in range(plan.rounds):
        for kind, questions in kinds.items():
            for clients in plan.clients:
                run = await drive(server.port, questions(), clients, plan.seconds, PATIENCE)
                rows[kind][clients].append(row_of(run))
    unit = f"{'poems/s':>9}{'tokens/s':>9}{'median s':>9}{'p95 s':>8}{'× one':>7}"
    print(f"\n{'':20}{'clients':>8}{unit}")
    found: dict[str, Any] = {}
    for kind, by_clients in rows.items():
        found[kind] = {}
        for clients, every in by_clients.items():
            row = middle(every)
            pairs = zip(every, by_clients[1], strict=True)
            ratios = [
                many["poems"] / one["poems"] if one["poems"] else math.nan for many, one in pairs
            ]
            row["times one"] = median(ratios)
            found[kind][clients] = row
            numbers = f"{row['poems']:9.2f}{row['tokens']:9.1f}{row['median']:9.3f}"
            numbers += f"{row['p95']:8.3f}{row['times one']:7.2f}"
            print(f"{kind:20}{clients:8}{numbers}", flush=True)
    return found


async def _race(servers: list[Server], couplets: list[str], plan: Plan) -> dict[str, Any]:
    """One client and many at every server in turn, while the others are held."""
    entrants = [
        Entrant(server.name, server, partial(free, couplets, **server.extra)) for server in servers
    ]
    every = await race(entrants, (1, _MANY), plan.race_rounds, plan.race_seconds)
    print(f"\n{'':22}{'one client':>24}{'':11}{f'{_MANY} clients':>24}")
    unit = f"{'poems/s':>9}{'tokens/s':>9}{'s':>8}{'ours ×':>8}"
    print(f"{'':22}{unit}{unit}{'verse':>7}{'MB':>7}")
    found: dict[str, Any] = {}
    for server in servers:
        row = _compared(every[server.name].rows, every[servers[0].name].rows) | {
            "verse": every[server.name].verse,
            "megabytes": server.megabytes,
        }
        found[server.name] = row
        numbers = "".join(
            f"{row[n]['poems']:9.2f}{row[n]['tokens']:9.1f}"
            f"{row[n]['seconds']:8.3f}{row[n]['ours times']:8.2f}"
            for n in (1, _MANY)
        )
        print(f"{server.name:22}{numbers}{row['verse']:7.0%}{row['megabytes']:7.0f}", flush=True)
    return found


def _compared(by_clients: Rows, basis: Rows) -> dict[Any, Any]:
    """Medians over the rounds; the ratio is that of tokens a second within a round."""
    found: dict[Any, Any] = {}
    for clients, every in by_clients.items():
        row = middle(every)
        pairs = zip(basis[clients], every, strict=True)
        ratios = [a["tokens"] / b["tokens"] if b["tokens"] else math.inf for a, b in pairs]
        row["ours times"] = median(ratios)
        # The mean of an answer where all clients always wait (Little's law).
        row["seconds"] = clients / row["poems"] if row["poems"] else math.nan
        found[clients] = row
    return found


if __name__ == "__main__":
    main()

"""One reader and 32 at a server: ours, in rules and without, beside llama.cpp's."""

import asyncio
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.serve_peers import SLOTS, Server, gguf_files, llama_cpp, ours
from benchmarks.serve_questions import free, ruled, shaped
from benchmarks.serve_race import Entrant, Found, begin, race
from benchmarks.tables import Figure, Measured, Row, Table, Work
from lianju.corpus import test_set

_CLIENTS = (1, SLOTS)
_ROUNDS, _SECONDS = 3, 5.0
# As many at once as a busy machine answers soon.
_QUICK, _FEW = (1, 1.0), (1, 4)
# What the goal for one reader is set by.
_BASIS = "llama-server q8_0"


def measure(work: Work) -> Measured:
    """Start all servers, and let them race."""
    folder = work.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    llama, missing = llama_cpp(gguf_files(work.adapter, folder / "models"))
    with ExitStack() as running:
        found = asyncio.run(_raced(work, folder, llama, running))
    basis = found.get(_BASIS)
    rows = [Row(name, _figures(one, basis)) for name, one in found.items()]
    # What is not there is told only where nothing stands for it.
    remarks = [] if llama else [f"{'; '.join(missing)}."]
    return Measured(rows, remarks=tuple(remarks))


async def _raced(
    work: Work, folder: Path, llama: list[Server], running: ExitStack
) -> dict[str, Found]:
    couplets = [example.couplet for example in test_set()]
    usual, exact = ours(work.adapter), ours(work.adapter, exact=True)
    entrants = [
        Entrant("Lianju", usual, partial(free, couplets, **usual.extra)),
        Entrant("Lianju, in rules, 1 particle", usual, partial(ruled, couplets, 1)),
        Entrant("Lianju, in rules, 4 particles", usual, partial(ruled, couplets, 4)),
        Entrant("Lianju --exact", exact, partial(free, couplets, **exact.extra)),
        Entrant("Lianju --exact, in rules, 4 particles", exact, partial(ruled, couplets, 4)),
    ]
    for server in llama:
        entrants.append(Entrant(server.name, server, partial(free, couplets, **server.extra)))
        if server.at_once:
            asked = partial(shaped, couplets, **server.extra)
            entrants.append(Entrant(f"{server.name}, in the shape of a quatrain", server, asked))
    for server in (usual, exact, *llama):
        await begin(server, folder, running)
        server.hold()
    rounds, seconds = _QUICK if work.quick else (_ROUNDS, _SECONDS)
    return await race(entrants, _FEW if work.quick else _CLIENTS, rounds, seconds)


def _figures(found: Found, basis: Found | None) -> dict[str, Figure]:
    figures = {}
    for clients, name in zip(found.rows, ("one reader", f"{SLOTS} readers"), strict=True):
        rows = found.rows[clients]
        figures[f"{name}, tokens/s"] = Figure.of([row["tokens"] for row in rows])
        figures[f"{name}, poems/s"] = Figure.of([row["poems"] for row in rows])
        if basis:
            pairs = zip(rows, basis.rows[clients], strict=True)
            ratios = [a["tokens"] / b["tokens"] for a, b in pairs if b["tokens"]]
            if ratios:
                figures[f"{name}, × Q8_0"] = Figure.of(ratios)
    if found.right:
        figures["right shape"] = Figure.of([found.verse])
    return figures


TABLE = Table(
    name="readers",
    title="One reader, and 32",
    about=f"""\
The same tuned model behind HTTP, every server a process of its own on all cores, asked in turn
while the others are stopped; the clients run on the same cores. Fifteen couplets, every request
with a seed of its own, temperature 1, top-p 0.3. Without rules: `/v1/completions`. In rules:
`/v1/poems`, of which a poem with four particles is four rows; only the tokens of the poem that is
kept are counted. llama.cpp knows no rules of verse: it is given a grammar by which a quatrain has
the right number of characters. It has {SLOTS} slots, and no cache of prompts, since couplets do
not recur. *× Q8_0*: tokens a second beside `llama-server` with weights in 8 bits, in the same
round.""",
    columns={
        "one reader, tokens/s": "{:.0f}",
        "one reader, poems/s": "{:.2f}",
        "one reader, × Q8_0": "{:.2f}",
        f"{SLOTS} readers, tokens/s": "{:.0f}",
        f"{SLOTS} readers, poems/s": "{:.2f}",
        f"{SLOTS} readers, × Q8_0": "{:.2f}",
        "right shape": "{:.0%}",
    },
    measure=measure,
)

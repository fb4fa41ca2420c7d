"""A race of servers: each is asked in turn by one client and by many, while the others are held."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median

from benchmarks.load import Client, Question, Run, drive
from benchmarks.serve_peers import Server
from benchmarks.serve_questions import free, is_verse, tokens_of
from lianju.corpus import test_set

PATIENCE, _SHORT = 60.0, 3.0
# By number of clients, a row for each round.
Rows = dict[int, list[dict[str, float]]]


@dataclass(frozen=True)
class Entrant:
    """What is asked of a server, under a name."""

    name: str
    server: Server
    questions: Callable[[], Iterator[Question]]


@dataclass
class Found:
    """What a race found of an entrant. `right`: for each answer to a completion, whether it is the
    rest of a poem of one of the four forms.
    """

    rows: Rows
    right: list[bool] = field(default_factory=list)

    @property
    def verse(self) -> float:
        """The share of answers that are such a rest; 0 without any."""
        return mean(self.right) if self.right else 0.0


async def begin(server: Server, folder: Path, running: ExitStack) -> None:
    """Start a server, whose log goes to `folder`, and warm it up: four questions at once, twice.

    Raises `RuntimeError` if it does not start or a question is not answered.
    """
    running.callback(server.stop)
    server.start(folder)
    spent = await server.until_ready()
    for _ in range(2):
        questions = free([example.couplet for example in test_set()], **server.extra)
        clients = [Client(server.port) for _ in range(4)]
        for answer in await asyncio.gather(*(each.ask(next(questions)) for each in clients)):
            if answer.status != 200:
                said = answer.body.decode(errors="replace")[:200]
                raise RuntimeError(f"{server.name} cannot be asked: {answer.status} {said}")
        for each in clients:
            each.close()
    print(f"{server.name}: ready after {spent:.1f} s", flush=True)


async def race(
    entrants: Sequence[Entrant], clients: Sequence[int], rounds: int, seconds: float
) -> dict[str, Found]:
    """What every entrant does in each round, by its name. Its server is held when it begins."""
    found = {one.name: Found({number: [] for number in clients}) for one in entrants}
    for _ in range(rounds):
        for one in entrants:
            one.server.go_on()
            questions = one.questions()
            for number in clients:
                patience = PATIENCE if one.server.at_once else _SHORT
                run = await drive(one.server.port, questions, number, seconds, patience)
                found[one.name].rows[number].append(row_of(run))
                print(f"{one.name}, {number}: {run.rate:.2f} poems/s", flush=True)
                free_ones = [a for a in run.good if a.question[0] == "/v1/completions"]
                found[one.name].right += map(is_verse, free_ones)
            # What it still writes for those who have gone is not to be in the next round.
            await Client(one.server.port).ask(next(questions))
            one.server.hold()
    return found


def row_of(run: Run) -> dict[str, float]:
    """What one measurement found; rates are those of a second."""
    usual, late = run.latency
    tokens = mean(map(tokens_of, run.good)) if run.good else 0.0
    return {
        "answers": len(run.good),
        "refused": len(run.answers) - len(run.good),
        "poems": run.rate,
        "tokens": run.rate * tokens,
        "median": usual,
        "p95": late,
    }


def middle(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of each number over the rounds."""
    return {name: median(row[name] for row in rows) for name in rows[0]}

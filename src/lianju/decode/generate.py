"""Batched generation: all couplets of a call go through the model together."""

from collections.abc import Iterable, Iterator, Sequence

import torch

from lianju.config import FREE_LENGTH, DecodeSettings
from lianju.decode.candidate import Candidate, Completion
from lianju.decode.constraint import Constraint
from lianju.decode.scheduler import Ended, Event, Order, Scheduler
from lianju.errors import UserError
from lianju.model import ROWS, LanguageModel
from lianju.progress import SILENT, UNSEEN, Reporter, Task
from lianju.prompt import render
from lianju.verse import Bilingual, normal


def complete(
    model: LanguageModel,
    style: str,
    couplets: Sequence[str],
    settings: DecodeSettings,
    reporter: Reporter = SILENT,
    name: str = "Completing",
    *,
    constraints: Sequence[Constraint | None] | None = None,
    prefixes: Sequence[str | Sequence[int]] | None = None,
) -> list[list[Completion]]:
    """`settings.candidates` completions of each couplet, in the order given.

    `constraints`: the rules that each couplet's completions keep, or None. `prefixes`: what stands
    after each couplet already, as text or, to say how it is spelled, as tokens; with the same seed
    a poem of one particle goes on from its own beginning as it did. A poem depends on its couplet,
    its prefix, its number among the candidates, its rules and the seed, and on a CPU not on what
    else is asked in the same call. Raises `UserError` if `settings.max_length` is too short for the
    longest poem that the rules allow, or for a prefix, and if the rules forbid a prefix.
    """
    rules = constraints or [None] * len(couplets)
    begun = [prefix_ids(model, prefix) for prefix in prefixes or [()] * len(couplets)]
    limits = [
        length_limit(constraint, settings, len(prefix))
        for constraint, prefix in zip(rules, begun, strict=True)
    ]
    candidates = [
        Candidate(couplet, number, constraint, settings, limit, prefix)
        for couplet, constraint, limit, prefix in zip(couplets, rules, limits, begun, strict=True)
        for number in range(settings.candidates)
    ]
    flat = write(model, style, candidates, reporter, name)
    each = settings.candidates
    return [flat[start : start + each] for start in range(0, len(flat), each)]


def prefix_ids(model: LanguageModel, prefix: str | Sequence[int]) -> Sequence[int]:
    """What a poem begins with as tokens: text is spelled as the corpus writes verse."""
    return model.vocabulary.spell(normal(prefix)) if isinstance(prefix, str) else prefix


def write(
    model: LanguageModel,
    style: str,
    candidates: Sequence[Candidate],
    reporter: Reporter = SILENT,
    name: str = "Completing",
) -> list[Completion]:
    """Write every candidate to its end; completions in the order of the candidates."""
    # Prompts of one length stand together, so that they are read together.
    ordered = sorted(candidates, key=lambda one: len(one.couplet) + len(one.prefix))
    results: dict[Candidate, Completion] = {}
    most = _rows_at_once(model, style, candidates)
    with reporter.task(name, len(candidates)) as task:
        for number, done in write_each(model, style, ordered, most, task):
            results[ordered[number]] = done
    return [results[one] for one in candidates]


def write_each(
    model: LanguageModel,
    style: str,
    candidates: Iterable[Candidate],
    most: int,
    task: Task = UNSEEN,
) -> Iterator[tuple[int, Completion]]:
    """Write candidates to their ends, at most `most` rows side by side; each comes, with its
    number, when it has ended.

    No more of `candidates` is read ahead than can be written next.
    """
    ended: list[Event] = []

    def watch(rows: int) -> None:
        task.advance(0, f"{rows} side by side")

    scheduler = Scheduler(model, style, most, watch=watch)
    scheduler.submit(Order(candidates, ended.append))
    while scheduler.busy:
        scheduler.step()
        for event in ended:
            assert isinstance(event, Ended)
            yield event.number, event.completion
            task.advance()
        ended.clear()


def _rows_at_once(model: LanguageModel, style: str, candidates: Sequence[Candidate]) -> int:
    """How many poems are written side by side; on a GPU no more than its free memory holds."""
    longest = max(
        (
            len(render(style, model.vocabulary, one.couplet)) + len(one.prefix) + one.limit
            for one in candidates
        ),
        default=1,
    )
    return rows_that_fit(model, longest, ROWS)


def rows_that_fit(model: LanguageModel, tokens: int, most: int, share: int = 1) -> int:
    """How many texts of so many tokens stand side by side: `most`, or what a `share`-th of a GPU's
    free memory holds, at least one.
    """
    if model.device.type != "cuda":
        return most
    config = model.network.config.get_text_config()
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    token = 2 * config.num_hidden_layers * config.num_key_value_heads * width
    row = tokens * token * model.network.dtype.itemsize + 16 * model.vocabulary.size
    unused = torch.cuda.memory_reserved(model.device) - torch.cuda.memory_allocated(model.device)
    free = torch.cuda.mem_get_info(model.device)[0] + unused
    # Keys and values are there twice while room is made for more.
    return int(max(1, min(most, free // (3 * row * share))))


def length_limit(
    constraint: Constraint | None,
    settings: DecodeSettings,
    begun: int = 0,
    called: str = "max_length",
    most: int | None = None,
) -> int:
    """The most tokens that a completion may have, those that stand already among them.

    `begun`: how many these are. `called`: the name of `settings.max_length` for whoever is told.
    `most`: never more than so many. Raises `UserError` if `settings.max_length` is less than the
    rules can need, and if nothing is left to write.
    """
    limit = settings.free_length
    if constraint:
        needed = constraint.longest()
        if settings.max_length is None:
            limit = max(needed, FREE_LENGTH)
        elif settings.max_length < needed:
            lines = constraint.rules.last
            raise UserError(
                Bilingual(
                    f"{called} {limit} is too short: a poem of {lines} lines can need {needed} "
                    "tokens. Leave it out, or write without rules: --form free",
                    f"長度 {limit} 太短：{lines}句的詩可能要 {needed} 個字與標點。"
                    "請不設長度，或不用格律",
                ),
                "max_length",
            )
    limit = min(limit, most or limit)
    if begun >= limit:
        raise UserError(
            Bilingual(
                f"{called} {limit} ends a poem that has {begun} tokens already",
                f"長度上限為 {limit}，已寫的 {begun} 個字與標點已達上限",
            ),
            "prefix",
        )
    return limit

"""From what a request says to what the engine is to write."""

from dataclasses import dataclass

from lianju.config import DecodeSettings, VerseSettings
from lianju.corpus import interpret_couplet, to_traditional
from lianju.decode import (
    Constraint,
    Job,
    Order,
    length_limit,
    prefix_ids,
)
from lianju.errors import UserError
from lianju.request import read_rules
from lianju.serve.errors import ApiError
from lianju.serve.models import Served
from lianju.serve.service import Service, log
from lianju.verse import Said, in_language

# What one request may have the engine write side by side.
_ROWS = 256


@dataclass(frozen=True)
class Asked:
    """An order with what there is to tell of it. `couplet`: as it was read."""

    order: Order
    served: Served
    couplet: str
    constraint: Constraint | None
    notes: tuple[str, ...]


def ask(
    service: Service,
    *,
    model: str | None,
    couplet: str,
    verse: VerseSettings | None,
    decode: DecodeSettings,
    prefix: str = "",
    top: int = 0,
    until: tuple[str, ...] = (),
    growing: bool = False,
) -> Asked:
    """What to write for a couplet: `decode.candidates` completions.

    `verse`: the rules, None for none at all. `prefix`: what stands after the couplet already.
    `top`, `until`: see `decode.Job`. `growing`: whether `Grown` is to be heard. Raises `ApiError`
    naming the field at fault.
    """
    served = service.served(model)
    if service.settings.log_prompts:
        # As Python writes it: a line end or an escape in a couplet would forge a line of the log.
        log.info("%s: %r", served.name, couplet)
    try:
        heard = interpret_couplet(" ".join(couplet.split()))
    except UserError as error:
        raise ApiError(400, error.words, "couplet") from None
    constraint, notes = constrained(served, heard.text, verse)
    after = to_traditional(prefix)
    limit, cut = _limit(service, constraint, decode)
    words = served.model.vocabulary
    try:
        begun = prefix_ids(served.model, after.text)
        jobs = [
            Job(heard.text, number, constraint, decode, limit, begun, top, until)
            for number in range(decode.candidates)
        ]
        words.spell(heard.text)
    except UserError as error:
        raise ApiError(400, error.words, "prefix" if prefix else "couplet") from None
    order = Order(served.name, jobs, growing)
    return Asked(order, served, heard.text, constraint, (*heard.notes, *after.notes, *notes, *cut))


def constrained(
    served: Served, couplet: str, verse: VerseSettings | None
) -> tuple[Constraint | None, tuple[str, ...]]:
    """The rules of a couplet that was heard, and notes on them. Raises `ApiError`."""
    if verse is None:
        return None, ()
    try:
        read = read_rules(couplet, verse)
    except UserError as error:
        raise ApiError(400, error.words, "verse") from None
    return (Constraint(read.rules, served.masks) if read.rules else None), read.notes


def _limit(
    service: Service, constraint: Constraint | None, decode: DecodeSettings
) -> tuple[int, list[str]]:
    """How many tokens a candidate may have, and a note where more were asked for."""
    most = service.settings.tokens
    if constraint and constraint.longest() > most:
        lines = constraint.rules.last
        raise ApiError(
            400,
            Said(
                f"a poem of {lines} lines can need {constraint.longest()} tokens, and max_tokens "
                f"of this server is {most}: ask for fewer lines",
                f"{lines} 句的詩可能需要 {constraint.longest()} 個 token，此伺服器至多 {most}："
                "請減少句數",
            ),
            # Only `lines` asks for more than the forms have.
            "verse.lines" if lines > 8 else "verse.form",
        )
    try:
        limit = length_limit(constraint, decode)
    except UserError as error:
        raise ApiError(400, as_max_tokens(error.words), "max_tokens") from None
    if decode.max_length is not None and decode.max_length > most:
        return most, [_cut(most)]
    return min(limit, most), []


def _cut(most: int) -> Said:
    return Said(
        f"This server writes poems of at most {most} tokens: max_tokens was cut.",
        f"此伺服器每首至多寫 {most} 個 token，長度已照此截短。",
    )


def as_max_tokens(words: str) -> str:
    """A message about `max_length` as it is for those who know it by the name of OpenAI's API."""
    english = words.replace("max_length", "max_tokens")
    return Said(english, in_language(words, "zh")) if isinstance(words, Said) else english


def check_rows(count: int, param: str) -> None:
    """Refuse a request that asks for too many poems side by side, naming `param`."""
    if count > _ROWS:
        raise ApiError(
            400,
            Said(
                f"{count} rows: at most {_ROWS}; ask for fewer candidates, particles or prompts",
                f"一次要寫 {count} 列，至多 {_ROWS}：請減少首數",
            ),
            param,
        )

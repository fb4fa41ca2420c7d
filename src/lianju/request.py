"""What a user asks a model to write, as it is read: the same at every door.

`read_request` goes from a couplet, what follows it already, rules and decoding to the candidates
that a scheduler writes, with notes to the user. An error has the `field` that is at fault.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lianju.config import DecodeSettings, VerseSettings
from lianju.corpus import interpret_couplet, to_traditional
from lianju.decode import (
    Candidate,
    Constraint,
    Masks,
    Rules,
    length_limit,
    rules_for,
    rules_notes,
)
from lianju.errors import UserError
from lianju.verse import Bilingual, lines_of, normal


@dataclass(frozen=True)
class PoemRequest:
    """A request as it was read.

    `couplet`: in traditional characters. `begun`: the tokens that stand after it already.
    `candidates`: what is to be written. `notes`: how words in the request were read, and what was
    asked for that cannot be kept.
    """

    couplet: str
    begun: tuple[int, ...]
    constraint: Constraint | None
    candidates: list[Candidate]
    notes: tuple[str, ...]


def read_request(
    masks: Masks,
    couplet: str,
    verse: VerseSettings,
    decode: DecodeSettings,
    prefix: str = "",
    *,
    called: str = "max_length",
    most: int | None = None,
    top: int = 0,
    until: tuple[str, ...] = (),
) -> PoemRequest:
    """`decode.candidates` candidates for a couplet.

    `masks`: those of the model that is to write. `prefix`: what stands after the couplet already,
    beside which `decode.max_length` counts. `called`: the name of this for whoever asks; `most`:
    how many tokens may stand after the couplet. `top`, `until`: see `Candidate`. Raises `UserError`
    for words that are no verse, and for settings that contradict them or each other.
    """
    with _field("couplet"):
        read = interpret_couplet(couplet)
    with _field("verse"):
        asked = read_rules(read.text, verse)
    constraint = Constraint(asked.rules, masks) if asked.rules else None
    after = to_traditional(prefix)
    with _field("prefix" if prefix else "couplet"):
        masks.vocabulary.spell(read.text)
        begun = masks.vocabulary.spell(normal(after.text))
    limit, cut = _length(constraint, decode, len(begun), called, most)
    with _field("prefix"):
        candidates = [
            Candidate(read.text, number, constraint, decode, limit, begun, top, until)
            for number in range(decode.candidates)
        ]
    notes = (*read.notes, *after.notes, *asked.notes, *cut)
    return PoemRequest(read.text, tuple(begun), constraint, candidates, notes)


@contextmanager
def _field(name: str) -> Iterator[None]:
    """An error that comes from here is one of this field."""
    try:
        yield
    except UserError as error:
        error.field = error.field or name
        raise


def _length(
    constraint: Constraint | None,
    decode: DecodeSettings,
    begun: int,
    called: str,
    most: int | None,
) -> tuple[int, list[str]]:
    """How many tokens a candidate may have, and a note where more were asked for."""
    if most and constraint and constraint.longest() > most:
        lines = constraint.rules.last
        raise UserError(
            Bilingual(
                f"a poem of {lines} lines can need {constraint.longest()} tokens, and {called} of "
                f"this server is {most}: ask for fewer lines",
                f"{lines} 句的詩可能需要 {constraint.longest()} 個 token，此伺服器至多 {most}："
                "請減少句數",
            ),
            # Only `lines` asks for more than the forms have.
            "verse.lines" if lines > 8 else "verse.form",
        )
    if decode.max_length is not None:
        decode = decode.model_copy(update={"max_length": decode.max_length + begun})
    cut: list[str] = []
    if most and (decode.max_length or 0) > most:
        said = f"This server writes poems of at most {most} tokens: {called} was cut."
        cut.append(Bilingual(said, f"此伺服器每首至多寫 {most} 個 token，長度已照此截短。"))
    return length_limit(constraint, decode, begun, called, most), cut


@dataclass(frozen=True)
class RulesAsked:
    """The rules that completions of a couplet keep, None for none, and notes to the user.

    The notes say how words in the request were read, and what was asked for that cannot be kept.
    """

    rules: Rules | None
    notes: tuple[str, ...]


def read_rules(couplet: str, verse: VerseSettings) -> RulesAsked:
    """Read the rules that are asked for a couplet, which is in traditional characters.

    Raises `UserError` where settings contradict the couplet or each other.
    """
    verse, notes = in_traditional(verse)
    rules = rules_for(couplet, verse)
    return RulesAsked(rules, (*notes, *rules_notes(couplet, rules, verse)))


def in_traditional(verse: VerseSettings) -> tuple[VerseSettings, tuple[str, ...]]:
    """The settings with their text in traditional characters, and a note on each that was not."""
    acrostic = to_traditional("".join(lines_of(verse.acrostic)))
    rhyme, rhymes = to_traditional(verse.rhyme), to_traditional(verse.rhymes)
    given = {number: to_traditional(line) for number, line in verse.given.items()}
    read = verse.model_copy(
        update={
            "acrostic": acrostic.text,
            "rhyme": rhyme.text,
            "rhymes": rhymes.text,
            "given": {number: line.text for number, line in given.items()},
        }
    )
    parts = (rhyme, rhymes, acrostic, *given.values())
    return read, tuple(note for part in parts for note in part.notes)

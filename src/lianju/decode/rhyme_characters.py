"""Rhyme characters that are given 限韻: where they stand, and what they leave to the poem."""

from collections.abc import Iterator, Sequence

from lianju.config import OPEN_RHYME, VerseSettings
from lianju.decode.line_patterns import Ways
from lianju.decode.rule_errors import one_of, say, unwritable
from lianju.errors import UserError
from lianju.verse import LEVEL, OBLIQUE, Bilingual, alphabet, heard, names, possible, standard

Tails = tuple[str, ...]


def place_tails(
    rhymes: str, ends: frozenset[int], couplet: Sequence[str]
) -> tuple[frozenset[int], Tails]:
    """The number of lines that fits the rhyme characters, and what each line from the third on is
    to end with; empty for anything.
    """
    if not rhymes:
        return ends, ()
    own = couplet[1][-1]
    whole = rhymes[0] == OPEN_RHYME or standard(rhymes[0]) == standard(own)
    for end in ends:
        if len(rhymes) == end // 2 - 1:
            return frozenset({end}), _each(rhymes)
        if len(rhymes) == end // 2 and whole:
            return frozenset({end}), _each(rhymes[1:])
    wanted = one_of(end // 2 - 1 for end in sorted(ends))
    raise UserError(say("rhymes_length", count=len(rhymes), wanted=wanted, own=own))


def check_tails(tails: Tails, settings: VerseSettings, couplet: Sequence[str]) -> None:
    """Raise `UserError` for a rhyme character that contradicts a given line, or that ends a line
    already.
    """
    given = {number: text for number, text in settings.given.items() if number % 2 == 0}
    for number, tail in _placed(tails):
        text = given.get(number)
        if text and standard(text[-1]) != standard(tail):
            fault = say("other_end", character=tail)
            raise UserError(say("of_line", line=number, text=text, fault=fault))
    if settings.rhyme == "off":
        return
    seen = {standard(line[-1]): number for number, line in enumerate(couplet, 1)}
    seen |= {standard(text[-1]): number for number, text in given.items()}
    for number, tail in _placed(tails):
        before = seen.setdefault(standard(tail), number)
        if before != number:
            raise UserError(say("repeated_end", line=number, character=tail, before=before))


def rhyming(tails: Tails, ways: Ways) -> tuple[Ways, list[str]]:
    """`ways` with the rhyme groups that all tails share, and the tails that rhyme only by a rare
    reading. Without rhyme they are to have the tone that the metre asks for.
    """
    rare = []
    for number, tail in _placed(tails):
        left = _fitting(heard(tail)[-1], ways)
        if not left:
            left = _fitting(possible(tail)[-1], ways)
            rare.append(tail)
        if not left:
            raise UserError(_misfit(number, tail, ways))
        ways = left
    return ways, rare


def _each(rhymes: str) -> Tails:
    """What each line ends with, odd lines with anything."""
    tails = ["" if character == OPEN_RHYME else character for character in rhymes]
    if missing := set(tails) - {"", *alphabet()}:
        raise UserError(unwritable(missing, say("other_rhymes")))
    return tuple(end for tail in tails for end in ("", tail))


def _placed(tails: Tails) -> Iterator[tuple[int, str]]:
    """The tails that are not open, with their lines."""
    return ((number, tail) for number, tail in enumerate(tails, 3) if tail)


def _fitting(known: int, ways: Ways) -> Ways:
    """Those ways in which a line can end with a character that is read so."""
    return frozenset(
        (type, rhyme & known)
        for type, rhyme in ways
        if known & (rhyme or (LEVEL if type else LEVEL | OBLIQUE))
    )


def _misfit(number: int, tail: str, ways: Ways) -> Bilingual:
    """Why a line cannot end so."""
    asked = 0
    for _, rhyme in ways:
        asked |= rhyme
    if not asked:
        return say("oblique_end", line=number, character=tail)
    known = heard(tail)[-1]
    own = names(known & LEVEL or known)
    return say("unrhymed_end", line=number, character=tail, own=own, asked=names(asked))

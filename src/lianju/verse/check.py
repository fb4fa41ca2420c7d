"""The checker: does a poem keep the rules of regulated verse 近體詩, and if not, where.

>>> poem = "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。"
>>> verdict = check(poem)
>>> verdict.form, verdict.style, verdict.rhyme, verdict.types
('wujue', 'regulated', '尤', 'ABCD')
>>> "".join(mark.sign for mark in verdict.marks[0])
'●●○○●'
>>> check(poem.replace("樓", "峰")).faults
(Fault(rule='落韻', line=4, position=5, expected='尤', found='冬'),)
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from lianju.verse.fit import Line, fit, misses, rhyme_of, widened
from lianju.verse.metre import LEVEL_MARK, PATTERNS, Pattern, may_follow, type_after
from lianju.verse.poem import FORMS, lines_of
from lianju.verse.reading import common, groups, readings, standard
from lianju.verse.rhyme_groups import FAMILIES, LEVEL, OBLIQUE, names
from lianju.verse.verdict import Fault, Mark, Verdict

_UNKNOWN = LEVEL | OBLIQUE
_TONES = {"1": "平", "2": "仄"}


def check(text: str, strict: bool = False, borrow: bool = False) -> Verdict:
    """Judge a poem; one without anything between its lines is parted by its length.

    Of a character with several readings the one that fits is taken; `strict` allows only the
    common one. With `borrow`, a rhyming first line may rhyme in a neighbouring group 借鄰韻.
    """
    poem = _parted(lines_of(text))
    known = [[_groups(character, strict) for character in line] for line in poem]
    form = form_of_lines(poem)
    if form is None:
        marks = [[_mark(c, _UNKNOWN) for c in line] for line in poem]
        return Verdict(None, "old-style", "shape", "", "", _frozen(marks), (), ())
    rhyme = rhyme_of(known)
    first = widened(rhyme, borrow)
    patterns = fit(known, first)
    faults = _faults(poem, known, patterns, rhyme, first)
    why = _old_style(known, faults, rhyme)
    marks = _marks(poem, known, patterns, rhyme, first)
    return Verdict(
        form,
        "old-style" if why else "faulty" if faults else "regulated",
        why,
        names(rhyme),
        "".join(pattern.type for pattern in patterns),
        _frozen(marks),
        faults,
        tuple(_remarks(marks, patterns, rhyme)),
    )


def couplet_faults(poem: Sequence[str]) -> tuple[Fault, ...]:
    """What keeps two lines of five or of seven characters from opening regulated verse."""
    known = [[_groups(character, strict=False) for character in line] for line in poem]
    rhyme = rhyme_of(known)
    return _faults(poem, known, fit(known, rhyme), rhyme, rhyme)


def _parted(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines of a quatrain or of eight lines that are written as one."""
    for form in FORMS:
        if len(lines) == 1 and len(lines[0]) == form.lines * form.characters:
            starts = range(0, len(lines[0]), form.characters)
            return tuple(lines[0][start : start + form.characters] for start in starts)
    return lines


def form_of_lines(lines: Sequence[str]) -> str | None:
    """The form of regulated verse that these lines have the shape of, or None."""
    length = len(lines[0]) if lines else 0
    if length not in PATTERNS or any(len(line) != length for line in lines):
        return None
    if any(character.isascii() for line in lines for character in line):
        return None
    for form in FORMS:
        if (form.lines, form.characters) == (len(lines), length):
            return form.name
    if len(lines) >= 10 and len(lines) % 2 == 0:
        return "wupai" if length == 5 else "qipai"
    return None


def _groups(character: str, strict: bool) -> int:
    return (common(character) if strict else groups(character)) or _UNKNOWN


def _faults(
    poem: Sequence[str], known: Sequence[Line], patterns: Sequence[Pattern], rhyme: int, first: int
) -> tuple[Fault, ...]:
    faults = [
        *_rhyme_faults(poem, known, patterns, rhyme, first),
        *_tone_faults(known, patterns, rhyme),
        *_breaks(patterns),
    ]
    return tuple(sorted(faults, key=lambda fault: (fault.line, fault.position)))


def _rhyming(patterns: Sequence[Pattern]) -> list[int]:
    """The lines, from 0, that rhyme."""
    return [i for i, p in enumerate(patterns) if p.marks[-1] == LEVEL_MARK]


def _rhyme_faults(
    poem: Sequence[str], known: Sequence[Line], patterns: Sequence[Pattern], rhyme: int, first: int
) -> Iterator[Fault]:
    seen = set()
    for index in _rhyming(patterns):
        end, position = poem[index][-1], len(poem[index])
        if not known[index][-1] & (rhyme if index else first) & LEVEL:
            found = names(known[index][-1])
            yield Fault("落韻", index + 1, position, names(rhyme & LEVEL) or "平", found)
        if standard(end) in seen:
            yield Fault("重韻", index + 1, position, "", end)
        seen.add(standard(end))


def _tone_faults(known: Sequence[Line], patterns: Sequence[Pattern], rhyme: int) -> Iterator[Fault]:
    for index, (line, pattern) in enumerate(zip(known, patterns, strict=True)):
        rhyming = pattern.marks[-1] == LEVEL_MARK
        missed = misses(line, pattern)
        for miss in missed:
            from_end = len(line) - miss
            if rhyming and from_end == 1:
                continue  # it is the rhyme that is wrong
            expected = _TONES[pattern.marks[miss]]
            found = "仄" if expected == "平" else "平"
            rule = "出律"
            if pattern.type == "B" and from_end == 5 and len(missed) == 1:
                rule = "孤平"
            elif pattern.type == "D" and from_end == 3 and all(g & LEVEL for g in line[-3:]):
                rule = "三平尾"
            elif from_end == 1 and line[-1] & rhyme:
                rule, found = "撞韻", names(line[-1] & rhyme)
            yield Fault(rule, index + 1, miss + 1, expected, found)


def _breaks(patterns: Sequence[Pattern]) -> Iterator[Fault]:
    for number, (above, below) in enumerate(pairwise(patterns), 1):
        if not may_follow(above, below, number):
            wanted = next(
                p for p in PATTERNS[len(below.marks)] if p.type == type_after(above.type, number)
            )
            expected, found = _TONES[wanted.marks[1]], _TONES[below.marks[1]]
            yield Fault("失對" if number % 2 else "失粘", number + 1, 2, expected, found)


def _old_style(known: Sequence[Line], faults: Sequence[Fault], rhyme: int) -> str:
    """Why a poem is old-style verse 古體 rather than regulated verse with faults; or nothing."""
    if not rhyme & LEVEL:
        return "oblique rhyme"
    ends = [line[-1] for line in known[1::2]]
    if sum(bool(end & rhyme) for end in ends) * 2 < len(ends):
        return "no rhyme"
    if len({fault.line for fault in faults}) * 2 > len(known):
        return "metre"
    return ""


def _marks(
    poem: Sequence[str], known: Sequence[Line], patterns: Sequence[Pattern], rhyme: int, first: int
) -> list[list[Mark]]:
    rhyming = set(_rhyming(patterns))
    marks = []
    for index, (line, sets_of, pattern) in enumerate(zip(poem, known, patterns, strict=True)):
        row = []
        for position, (character, sets, mark) in enumerate(
            zip(line, sets_of, pattern.marks, strict=True), 1
        ):
            wanted = {"0": _UNKNOWN, "1": LEVEL, "2": OBLIQUE}[mark]
            if position == len(line) and index in rhyming:
                wanted = rhyme if index or sets & rhyme else first
            row.append(_mark(character, sets & wanted or sets))
        marks.append(row)
    return marks


@cache
def _mark(character: str, wanted: int) -> Mark:
    """A mark whose first reading is in `wanted`: the common one, if it is."""
    fitting = names(wanted)
    every = sorted(readings(character), key=lambda reading: reading.group not in fitting)
    return Mark(character, tuple(map(str, every)))


def _frozen(marks: list[list[Mark]]) -> tuple[tuple[Mark, ...], ...]:
    return tuple(tuple(row) for row in marks)


def _remarks(
    marks: Sequence[Sequence[Mark]], patterns: Sequence[Pattern], rhyme: int
) -> Iterator[Fault]:
    """What is no fault: three oblique tones at the end, an odd line that echoes the rhyme."""
    family = sum({FAMILIES[1 << i] for i in range(30) if rhyme >> i & 1}) if rhyme & LEVEL else 0
    echo = names(family)
    for number, (row, pattern) in enumerate(zip(marks, patterns, strict=True), 1):
        if all(mark.sign == "●" for mark in row[-3:]):
            yield Fault("三仄尾", number, len(row) - 2, "", "仄仄仄")
        if pattern.marks[-1] != LEVEL_MARK and row[-1].sign == "●" and row[-1].reading[1] in echo:
            yield Fault("撞韻", number, len(row), "", row[-1].reading[1])

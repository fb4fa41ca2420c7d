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

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from lianju.verse.compounds import decided
from lianju.verse.fitting import Line, fit, misses, rhyme_of, widened
from lianju.verse.glyph import standard
from lianju.verse.kinds import OLD_STYLE, VerseKind, kind_of
from lianju.verse.line_readings import UNKNOWN, commonest, end, heard, possible
from lianju.verse.metre import LEVEL_MARK, PATTERNS, Pattern, may_follow, type_after
from lianju.verse.parallelism import middle_couplets
from lianju.verse.poem import FORMS, lines_of
from lianju.verse.reading import groups, readings
from lianju.verse.rhyme_groups import FAMILIES, LEVEL, OBLIQUE, names
from lianju.verse.verdict import RARE, UNREAD, Fault, Mark, Style, Verdict, Why

_TONES = {"1": "平", "2": "仄"}
_WANTED = {"0": UNKNOWN, "1": LEVEL, "2": OBLIQUE}


def check(text: str, strict: bool = False, borrow: bool = True) -> Verdict:
    """Judge a poem; one without anything between its lines is parted by its length.

    Characters are read as poets read them. Only where that leaves faults, and readings that are
    hardly used none, are these taken: the poem is then "rare". `strict` takes no such reading, and
    holds three oblique tones at the end 三仄尾 for a fault. With `borrow`, a rhyming first line may
    rhyme in a neighbouring group 借鄰韻.
    """
    poem = _parted(lines_of(text))
    kind = kind_of(poem)
    if not kind.judged:
        return _by_shape(poem, kind)
    read = [heard(line) for line in poem]
    fitted = _fitted(poem, read, read, strict, borrow)
    faults = _faults(fitted)
    most = len(poem) // 2
    # One rare reading takes away one wrong tone at most, which costs 10 where a break costs 9.
    if faults and len(faults) * 9 <= most * 10 and fitted.rhyme & LEVEL and not strict:
        saved = _fitted(poem, [possible(line) for line in poem], read, strict, borrow)
        if not _faults(saved) and len(list(_rests(saved))) <= most:
            return _judged(saved, kind, ())
    return _judged(fitted, kind, faults)


def check_by(poem: Sequence[str], read: Callable[[str], Line]) -> Verdict:
    """As `check`, with every line read by `read`."""
    kind = kind_of(poem)
    known = list(map(read, poem))
    if not kind.judged:
        return _by_shape(poem, kind)
    fitted = _fitted(poem, known, known, strict=False, borrow=True)
    return _judged(fitted, kind, _faults(fitted))


@dataclass(frozen=True)
class _Fitted:
    """A poem with the groups that its characters can be read in, those that they are `heard` in,
    and the patterns, the rhyme and the rhyme of the first line that suit it best.
    """

    poem: Sequence[str]
    known: Sequence[Line]
    heard: Sequence[Line]
    patterns: Sequence[Pattern]
    rhyme: int
    first: int

    @property
    def rhyming(self) -> list[int]:
        """The lines, from 0, that rhyme."""
        return [i for i, p in enumerate(self.patterns) if p.marks[-1] == LEVEL_MARK]

    def wanted(self, line: int) -> tuple[int, ...]:
        """The groups that the places of a line, counted from 0, ask for."""
        marks = self.patterns[line].marks
        if marks[-1] != LEVEL_MARK:
            return _wanted(marks, OBLIQUE)
        return _wanted(marks, self.rhyme if line or self.known[0][-1] & self.rhyme else self.first)


@cache
def _wanted(marks: str, end: int) -> tuple[int, ...]:
    return (*(_WANTED[mark] for mark in marks[:-1]), end)


def _fitted(
    poem: Sequence[str], known: Sequence[Line], read: Sequence[Line], strict: bool, borrow: bool
) -> _Fitted:
    rhyme = rhyme_of(known)
    first = widened(rhyme, borrow)
    patterns = fit(known, first, strict, read, lambda line: commonest(poem[line]))
    return _Fitted(poem, known, read, patterns, rhyme, first)


def _by_shape(poem: Sequence[str], kind: VerseKind) -> Verdict:
    """The verdict on a poem whose shape tells what it is."""
    rhyme = ""
    if kind.style in ("six", "old-style"):
        rhyme = names(rhyme_of([[end(line[-1])] for line in poem]))
    marks = tuple(
        tuple(_mark(c, sets or UNKNOWN) for c, sets in zip(line, decided(line), strict=True))
        for line in poem
    )
    why: Why = "" if kind.style == "couplet" else "shape"
    return Verdict(kind.form, kind.style, why, rhyme, "", marks, (), ())


def _judged(fitted: _Fitted, kind: VerseKind, faults: tuple[Fault, ...]) -> Verdict:
    rests = tuple(_rests(fitted))
    why = _old_style(fitted, faults, kind)
    style: Style = "regulated"
    if kind.style == "couplet":
        style = "couplet"
    elif why:
        style = "old-style"
    elif faults:
        style = "faulty"
    elif rests:
        style = "undecided" if any(rest.rule == UNREAD for rest in rests) else "rare"
    form = OLD_STYLE.get(kind.form or "", kind.form) if why else kind.form
    marks = _marks(fitted)
    couplets = () if why else middle_couplets(fitted.poem)
    return Verdict(
        form,
        style,
        why,
        names(fitted.rhyme),
        "".join(pattern.type for pattern in fitted.patterns),
        marks,
        faults,
        (*_remarks(fitted, marks, faults), *couplets),
        rests,
    )


def _parted(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines of a quatrain or of eight lines that are written as one."""
    for form in FORMS:
        if len(lines) == 1 and len(lines[0]) == form.lines * form.characters:
            starts = range(0, len(lines[0]), form.characters)
            return tuple(lines[0][start : start + form.characters] for start in starts)
    return lines


def _faults(fitted: _Fitted) -> tuple[Fault, ...]:
    faults = [*_rhyme_faults(fitted), *_tone_faults(fitted), *_breaks(fitted.patterns)]
    return tuple(sorted(faults, key=lambda fault: (fault.line, fault.position)))


def _rhyme_faults(fitted: _Fitted) -> Iterator[Fault]:
    seen = set()
    for index in fitted.rhyming:
        known, position = fitted.known[index][-1], len(fitted.poem[index])
        if not known & fitted.wanted(index)[-1] & LEVEL:
            expected = names(fitted.rhyme & LEVEL) or "平"
            yield Fault("落韻", index + 1, position, expected, names(known))
        rhyme = fitted.poem[index][-1]
        if standard(rhyme) in seen:
            yield Fault("重韻", index + 1, position, "", rhyme)
        seen.add(standard(rhyme))


def _tone_faults(fitted: _Fitted) -> Iterator[Fault]:
    for index, (line, pattern) in enumerate(zip(fitted.known, fitted.patterns, strict=True)):
        missed = misses(line, pattern)
        for miss in missed:
            from_end = len(line) - miss
            if pattern.marks[-1] == LEVEL_MARK and from_end == 1:
                continue  # it is the rhyme that is wrong
            expected = _TONES[pattern.marks[miss]]
            found = "仄" if expected == "平" else "平"
            rule = _tone_rule(line, pattern, from_end, missed)
            if from_end == 1 and line[-1] & fitted.rhyme:
                rule, found = "撞韻", names(line[-1] & fitted.rhyme)
            yield Fault(rule, index + 1, miss + 1, expected, found)


def _tone_rule(line: Line, pattern: Pattern, from_end: int, missed: Sequence[int]) -> str:
    """The name of the rule that a wrong tone breaks."""
    if pattern.type == "B" and from_end == 5:
        return "孤平"
    if from_end == 3 and missed[-1] == len(line) - 3:
        if pattern.type == "D" and all(g & LEVEL for g in line[-3:]):
            return "三平尾"
        if pattern.type == "C" and all(g & OBLIQUE for g in line[-3:]):
            return "三仄尾"
    return "出律"


def _breaks(patterns: Sequence[Pattern]) -> Iterator[Fault]:
    for number, (above, below) in enumerate(pairwise(patterns), 1):
        if not may_follow(above, below, number):
            wanted = next(
                p for p in PATTERNS[len(below.marks)] if p.type == type_after(above.type, number)
            )
            expected, found = _TONES[wanted.marks[1]], _TONES[below.marks[1]]
            yield Fault("失對" if number % 2 else "失粘", number + 1, 2, expected, found)


def _rests(fitted: _Fitted) -> Iterator[Fault]:
    """The characters that suit their place only by a rare reading, or because they have none."""
    for number, line in enumerate(fitted.poem, 1):
        if fitted.known is fitted.heard and UNKNOWN not in fitted.known[number - 1]:
            continue
        marks = fitted.patterns[number - 1].marks
        places = zip(line, marks, fitted.wanted(number - 1), fitted.heard[number - 1], strict=True)
        for position, (character, mark, wanted, read) in enumerate(places, 1):
            if read & wanted and read != UNKNOWN:
                continue
            rhyme = mark == LEVEL_MARK and position == len(line)
            expected = names(fitted.rhyme) if rhyme else _TONES.get(mark, "")
            if expected and not groups(character):
                yield Fault(UNREAD, number, position, expected, character)
            elif sets := fitted.known[number - 1][position - 1] & wanted & ~read:
                yield Fault(RARE, number, position, expected, _mark(character, sets).reading)


def _old_style(fitted: _Fitted, faults: Sequence[Fault], kind: VerseKind) -> Why:
    """Why a poem is old-style verse 古體 rather than regulated verse with faults; or nothing."""
    if not fitted.rhyme & LEVEL:
        return "oblique rhyme"
    if kind.style == "couplet":
        return ""
    ends = [line[-1] for line in fitted.known[1::2]]
    if sum(bool(end & fitted.rhyme) for end in ends) * 2 < len(ends):
        return "no rhyme"
    if len({fault.line for fault in faults}) * 2 > len(fitted.known):
        return "metre"
    return ""


def _marks(fitted: _Fitted) -> tuple[tuple[Mark, ...], ...]:
    return tuple(
        tuple(
            _mark(character, sets & wanted or sets)
            for character, sets, wanted in zip(line, row, fitted.wanted(index), strict=True)
        )
        for index, (line, row) in enumerate(zip(fitted.poem, fitted.known, strict=True))
    )


@cache
def _mark(character: str, wanted: int) -> Mark:
    """A mark whose first reading is in `wanted`: the common one, if it is."""
    fitting = names(wanted)
    every = sorted(readings(character), key=lambda reading: reading.group not in fitting)
    return Mark(character, tuple(map(str, every)))


def _remarks(
    fitted: _Fitted, marks: Sequence[Sequence[Mark]], faults: Sequence[Fault]
) -> Iterator[Fault]:
    """What is no fault: a first rhyme that is borrowed, three oblique tones at the end, an odd line
    that echoes the rhyme.
    """
    rhyme = fitted.rhyme
    family = sum({FAMILIES[1 << i] for i in range(30) if rhyme >> i & 1}) if rhyme & LEVEL else 0
    echo = names(family)
    wrong = {(fault.rule, fault.line) for fault in faults}
    for number, (row, pattern) in enumerate(zip(marks, fitted.patterns, strict=True), 1):
        last = row[-1]
        borrows = number == 1 and pattern.type in "BD" and not fitted.known[0][-1] & rhyme
        if borrows and ("落韻", 1) not in wrong:
            yield Fault("借韻", 1, len(row), "", last.reading[1:])
        if all(mark.sign == "●" for mark in row[-3:]) and ("三仄尾", number) not in wrong:
            yield Fault("三仄尾", number, len(row) - 2, "", "仄仄仄")
        if pattern.marks[-1] != LEVEL_MARK and last.sign == "●" and last.reading[1] in echo:
            yield Fault("撞韻", number, len(row), "", last.reading[1])

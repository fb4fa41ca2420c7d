"""What a completion of one couplet must keep: from the couplet and the settings to rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lianju.config import VerseSettings
from lianju.decode.given_lines import Patterns, check_repeats, check_shape, ends, settle
from lianju.decode.line_patterns import TONES, OpenLine, Ways, after, third
from lianju.decode.rhyme_characters import check_tails, place_tails, rhyming
from lianju.decode.rule_errors import one_of, say, unwritable
from lianju.errors import UserError
from lianju.verse import (
    FORMS,
    GROUPS,
    LEVEL,
    PATTERNS,
    RHYME_RULES,
    Bilingual,
    Fault,
    alphabet,
    anywhere,
    bit,
    groups,
    heard,
    is_han,
    lines_of,
    names,
    opening,
    standard,
)

# What given lines ask of some characters: the text that must stand, from the first character on;
# then for each line that is reached, its text if it is given and what it may be.
Locked = tuple[tuple[str, Patterns], ...]

_FORMS = {form.name.replace("ü", "u"): form for form in FORMS}
_SHORT, _LONG = 4, 8


@dataclass(frozen=True)
class Rules:
    """The rules for the lines from the third on.

    `length`: characters a line. `ends`: the numbers of lines after which the poem may end.
    `start`: what the third line may be. `used`: the rhyme characters that stand already, in
    standard form. `heads`: the characters that the lines from the third on begin with, if any.
    `tails`: those with which they end, empty where the model chooses; these are in `used`.
    `faults`: what keeps the couplet from opening regulated verse. `notes`: in words, the rules
    that cannot be kept, and why. `given`: the lines from the third to the last one that is given,
    empty where the model writes; their rhymes are in `used`. `open`: what each of these lines can
    be if the next given one is to follow.
    """

    length: int
    ends: frozenset[int]
    start: frozenset[OpenLine]
    used: frozenset[str]
    heads: str
    tails: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    notes: tuple[Bilingual, ...] = ()
    given: tuple[str, ...] = ()
    open: tuple[Patterns, ...] = ()

    @property
    def last(self) -> int:
        """The most lines that the poem can have."""
        return max(self.ends)

    @property
    def kept(self) -> Bilingual:
        """What the lines to come keep, in words."""
        kept = [("length", "字數")]
        if any(rhyme for _, rhyme in self.start):
            kept.append(("rhyme", "押韻"))
        if any(pattern.type for pattern, _ in self.start):
            kept.append(("metre", "平仄"))
        english, chinese = zip(*kept, strict=True)
        return Bilingual(", ".join(english), "、".join(chinese))

    def head(self, line: int) -> str:
        """The character that a line must begin with; empty for any."""
        return self.heads[line - 3 : line - 2]

    def tail(self, line: int) -> str:
        """The character that a line must end with; empty for any."""
        return "".join(self.tails[line - 3 : line - 2])

    def near_tails(self, line: int, position: int, reach: int) -> tuple[str, ...]:
        """What the lines must end with whose end is near: one of the next `reach` characters or
        the one after, since words are to suit it; nothing where all are open.
        """
        last = line + (position + reach + 1 - self.length) // (self.length + 1)
        found = self.tails[line - 3 : last - 2]
        return found if any(found) else ()

    def text(self, line: int) -> str:
        """A line from the third on, if it is given; else nothing."""
        return self.given[line - 3] if line - 3 < len(self.given) else ""

    def fixed(self, line: int, position: int) -> str:
        """The character that must stand there; empty for any."""
        if text := self.text(line):
            return text[position]
        if position == self.length - 1 and (tail := self.tail(line)):
            return tail
        return self.head(line) if position == 0 else ""

    def locked(self, line: int, position: int, reach: int) -> Locked:
        """What given lines ask of the next `reach` characters; nothing where they are not near."""
        last = line + (position + reach - 1) // (self.length + 1)
        here = self.text(line)[position : position + reach]
        ahead = zip(self.given[line - 2 : last - 2], self.open[line - 2 : last - 2], strict=True)
        found = ((here, frozenset()), *ahead)
        return found if len(found) > 1 or here else ()

    def begin(self, line: int, open_lines: frozenset[OpenLine]) -> frozenset[OpenLine]:
        """Those of `open_lines` that can be line `line`: its head has the tone that they begin
        with, and they are not only tolerated.

        Some always can: each type has a pattern for either tone, and a line that is rescued
        does not ask anything of the next one's first character. Up to the last given line it is
        `open` that tells.
        """
        if line - 3 < len(self.open):
            return frozenset(
                open_line for open_line in open_lines if open_line[0] in self.open[line - 3]
            )
        head = self.head(line)
        tones = anywhere(head) if head else TONES["0"]
        return frozenset(
            (pattern, rhyme)
            for pattern, rhyme in open_lines
            if tones & TONES[pattern.marks[0]] and not pattern.tolerated
        )

    def follow(self, line: int, open_lines: frozenset[OpenLine]) -> frozenset[OpenLine]:
        """What the line after `line` can be, if that was one of `open_lines`."""
        following = frozenset(
            (pattern, rhyme) for above, rhyme in open_lines for pattern in after(above, line)
        )
        return self.begin(line + 1, following)


def rules_for(couplet: str, settings: VerseSettings) -> Rules | None:
    """Read a couplet; None where there is nothing to keep.

    That is with form "free", and with form "auto" for a text that is no couplet: two lines of
    equal length. Raises `UserError` where settings contradict the couplet or each other.
    """
    if settings.form == "free":
        if settings != VerseSettings(form="free"):
            raise UserError(say("free"))
        return None
    lines = lines_of(couplet)
    if not _couplet(lines):
        if settings == VerseSettings():
            return None
        raise UserError(say("none", couplet=couplet))
    length = len(lines[0])
    numbers, heads = _heads(lines, _ends(length, settings), settings.acrostic)
    numbers, tails = place_tails(settings.rhymes, numbers, lines)
    ways, faults, notes = _ways(lines, settings)
    check_tails(tails, settings, lines)
    ways, rare = rhyming(tails, ways)
    notes += tuple(say("rare_rhyme", character=tail) for tail in rare)
    used = frozenset(standard(end) for end in (*(line[-1] for line in lines), *tails) if end)
    rules = Rules(length, numbers, frozenset(), used, heads, tails, faults, notes)
    if settings.given:
        return _with_given(rules, lines, ways, settings)
    return replace(rules, start=rules.begin(3, _start(ways, length, settings)))


def _start(ways: Ways, length: int, settings: VerseSettings) -> frozenset[OpenLine]:
    """What the third line can be."""
    return frozenset(
        (pattern, rhyme) for type, rhyme in ways for pattern in third(type, rhyme, length, settings)
    )


def _with_given(rules: Rules, lines: Sequence[str], ways: Ways, settings: VerseSettings) -> Rules:
    """The rules with what given lines leave of them.

    A couplet that breaks the metre binds them no more than the rhyme does.
    """
    given = settings.given
    check_shape(given, rules.length, rules.heads)
    if settings.rhyme != "off":
        check_repeats(given, lines)
    starts = [_start(ways, rules.length, settings)]
    if any(fault.rule not in RHYME_RULES for fault in rules.faults):
        every = frozenset((type and other, rhyme) for type, rhyme in ways for other in "BD")
        starts.append(_start(every, rules.length, settings))
    found = settle(given, rules.heads, starts)
    notes = list(rules.notes)
    if found.rare:
        notes.append(say("rare_given"))
    if found.attempt:
        notes.append(say("turned"))
    return replace(
        rules,
        start=found.start,
        used=rules.used | ends(given),
        notes=tuple(notes),
        given=tuple(given.get(number, "") for number in range(3, max(given) + 1)),
        open=found.open,
    )


def _couplet(lines: Sequence[str]) -> bool:
    return len(lines) == 2 and len(lines[0]) == len(lines[1]) > 1 and all(is_han(x) for x in lines)


def _ends(length: int, settings: VerseSettings) -> frozenset[int]:
    """The numbers of lines that the poem may have."""
    form = _FORMS.get(settings.form)
    if form and form.characters != length:
        own = {"form": form.chinese, "name": settings.form, "own": form.characters}
        raise UserError(say("other_length", **own, length=length))
    if form and settings.lines and settings.lines != form.lines:
        own = {"form": form.chinese, "name": settings.form, "own": form.lines}
        raise UserError(say("other_lines", **own, lines=settings.lines))
    lines = settings.lines or (form.lines if form else 0)
    every = {lines} if lines else {_SHORT, _LONG}
    given = max(settings.given, default=0)
    enough = frozenset(number for number in every if number >= given)
    if not enough:
        raise UserError(say("beyond", line=given, lines=max(every)))
    return enough


def _heads(lines: Sequence[str], ends: frozenset[int], acrostic: str) -> tuple[frozenset[int], str]:
    """The number of lines that fits the acrostic, and the heads of the lines to be written."""
    if not acrostic:
        return ends, ""
    for end in ends:
        if len(acrostic) == end - 2:
            return frozenset({end}), _writable(acrostic)
        if len(acrostic) == end and acrostic[:2] == lines[0][0] + lines[1][0]:
            return frozenset({end}), _writable(acrostic[2:])
    wanted, own = one_of(end - 2 for end in sorted(ends)), lines[0][0] + lines[1][0]
    raise UserError(say("acrostic_length", count=len(acrostic), wanted=wanted, own=own))


def _writable(heads: str) -> str:
    if missing := set(heads) - set(alphabet()):
        raise UserError(unwritable(missing, say("other_acrostic")))
    return heads


def _ways(
    lines: Sequence[str], settings: VerseSettings
) -> tuple[Ways, tuple[Fault, ...], tuple[Bilingual, ...]]:
    """How the poem can go on, what is wrong with the couplet, and what cannot be kept."""
    last = lines[1][-1]
    notes: list[Bilingual] = []
    known = groups(last)
    faults: tuple[Fault, ...] = ()
    if len(lines[0]) in PATTERNS:
        seen = opening(lines)
        ways, faults = seen.ways, seen.faults
        if seen.rare and settings.tone == "on":
            notes.append(say("rare_couplet"))
    else:
        end = heard(lines[1])[-1] if known else LEVEL
        ways = frozenset({("", end & LEVEL or end)})
        if settings.tone == "on":
            notes.append(say("no_metre", length=len(lines[0])))
    if not known and settings.rhyme == "auto":
        notes.append(say("unknown_rhyme", end=last))
    if settings.rhyme == "off":
        if settings.tone == "on" and any(not type for type, _ in ways):
            notes.append(say("oblique_couplet"))
        ways = frozenset((type, 0) for type, _ in ways)
    elif settings.rhyme != "auto":
        group = _group(settings.rhyme)
        if not known & group:
            notes.append(say("other_rhyme", end=last, group=names(group)))
        if settings.tone == "on" and not group & LEVEL and any(type for type, _ in ways):
            notes.append(say("oblique_rhyme"))
        ways = frozenset((type if group & LEVEL else "", group) for type, _ in ways)
    if settings.tone == "off":
        ways = frozenset(("", rhyme) for _, rhyme in ways)
    return ways, tuple(f for f in faults if _asked(f, settings)), tuple(notes)


def _asked(fault: Fault, settings: VerseSettings) -> bool:
    """Whether a fault of the couplet is against a rule that is to be kept."""
    return (settings.rhyme if fault.rule in RHYME_RULES else settings.tone) != "off"


def _group(text: str) -> int:
    """The rhyme group that a user names: 東, 一東, or 上平聲一東."""
    for group in GROUPS:
        if text and group.title.endswith(text):
            return bit(group.name)
    level = "".join(group.name for group in GROUPS[:30])
    raise UserError(say("no_group", text=text, level=level))

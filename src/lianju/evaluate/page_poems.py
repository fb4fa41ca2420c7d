"""Every poem of an evaluation with its marks, as cards: what `poems.html` shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from lianju.evaluate.metrics.copying import lines_copied
from lianju.evaluate.metrics.form import counted_faults
from lianju.evaluate.schema import Couplet, Mark, Report, WrittenPoem
from lianju.evaluate.typesetting import typeset
from lianju.verse import Fault, Verdict, check, lines_of, words

_CHIPS = ("shape", "rhyme", "tone")
# So many faults of a poem are said in words.
_NAMED = 4


@dataclass(frozen=True)
class ShownPoem:
    """A poem that a system wrote after a couplet."""

    couplet: str
    poem: WrittenPoem

    @cached_property
    def verdict(self) -> Verdict | None:
        """What the checker says of the whole poem; None where its shape is not right."""
        if not self.poem.marks.get("shape"):
            return None
        return check(self.couplet + self.poem.text)

    @property
    def judged(self) -> bool:
        """Whether its rhymes and tones were: not after a couplet of old-style verse 古體."""
        return self.poem.marks.get("rhyme") is not None

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults of rhyme and tone that the metrics count."""
        if self.verdict is None or not self.judged:
            return ()
        return counted_faults(self.couplet, self.verdict.faults)

    def typeset(self) -> Markup:
        """The lines, with their tones where they are judged; those of the corpus underlined."""
        copied = lines_copied(str(self.poem.marks.get("copied") or ""))
        return Markup(typeset(self.poem.text, self.verdict, self.faults, copied))

    def names(self) -> list[str]:
        """The form and the rhyme group, where it has them."""
        if self.verdict is None:
            return []
        said = (words.form_words(self.verdict, "zh"), words.rhyme_words(self.verdict, "zh"))
        return list(filter(None, said))

    def remarks(self) -> Iterator[str]:
        """What is wrong, in words."""
        if of_shape := self.poem.marks.get("fault"):
            yield str(of_shape)
        if self.verdict is None:
            return
        if not self.judged:
            yield "The couplet opens old-style verse 古體, which has no rules of tone and rhyme."
        for fault in self.faults[:_NAMED]:
            said = words.fault_words(self.verdict, fault, "en")
            if fault.line <= len(lines_of(self.couplet)):
                said += ": most lines written leave the couplet's rhyme"
            yield said
        if (more := len(self.faults) - _NAMED) > 0:
            yield f"and {more} more"


@dataclass(frozen=True)
class Side:
    """What the system in this place of the report wrote after one couplet."""

    place: int
    couplet: Couplet
    written: list[ShownPoem]

    @property
    def faulty(self) -> bool:
        """Whether a poem has a fault of shape, rhyme or tone."""
        return any(one.poem.marks.get(name) is False for one in self.written for name in _CHIPS)

    def scores(self) -> str:
        """What the system says of the real poem."""
        loss, rank = self.couplet.marks.get("loss"), self.couplet.marks.get("rank")
        parts = [
            f"{loss:.2f} nats a character" if isinstance(loss, float) else "",
            f"rank {rank} of 100" if isinstance(rank, int) else "",
        ]
        return ", ".join(part for part in parts if part)

    def right(self) -> dict[int, list[Mark]]:
        """By the number of a poem, what is right of it."""
        return {
            one.poem.number: [one.poem.marks.get(name) for name in _CHIPS] for one in self.written
        }


@dataclass(frozen=True)
class Card:
    """A couplet and what the systems wrote after it."""

    number: int
    sides: list[Side]

    @property
    def couplet(self) -> Couplet:
        """The couplet, and how the real poem goes on."""
        return self.sides[0].couplet

    def truth(self) -> Markup:
        """The real poem's lines, with their tones where it has a form."""
        text = self.couplet.truth or ""
        verdict = check(self.couplet.couplet + text)
        return Markup(typeset(text, verdict if verdict.form else None, verdict.faults))

    @property
    def differs(self) -> bool:
        """Whether, of two systems, different things are right in two poems of one number."""
        if len(self.sides) != 2:
            return False
        first, second = (side.right() for side in self.sides)
        return any(first[number] != second[number] for number in first.keys() & second.keys())


def cards_of(report: Report, suite: str) -> list[Card]:
    """A card for every couplet of a suite."""
    having = [
        (place, system.suites[suite].couplets)
        for place, system in enumerate(report.systems)
        if suite in system.suites
    ]
    places = [place for place, _ in having]
    return [
        Card(number, [_side(*side) for side in zip(places, row, strict=True)])
        for number, row in enumerate(zip(*(couplets for _, couplets in having), strict=True), 1)
    ]


def _side(place: int, couplet: Couplet) -> Side:
    return Side(place, couplet, [ShownPoem(couplet.couplet, poem) for poem in couplet.poems])

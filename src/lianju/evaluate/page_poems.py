"""Every poem of an evaluation with its marks: the couplets of a suite as cards.

A long suite is folded, and buttons choose which cards are shown. Neither needs a script: the
page's style reads the buttons.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from lianju.evaluate import markup
from lianju.evaluate.metrics.copying import lines_copied
from lianju.evaluate.metrics.form import counted_faults
from lianju.evaluate.schema import Couplet, Mark, Metric, Report, System, WrittenPoem
from lianju.evaluate.typesetting import typeset
from lianju.verse import Fault, Verdict, check, lines_of, words

# A suite of more couplets is folded at first.
_OPEN = 30
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
    def differs(self) -> bool:
        """Whether in two poems of one number different things are right."""
        if len(self.sides) < 2:
            return False
        first, second = (side.right() for side in self.sides)
        return any(first[number] != second[number] for number in first.keys() & second.keys())


def cards(report: Report, suite: str) -> list[Card]:
    """A card for every couplet of a suite."""
    having = [
        (place, system.suites[suite].couplets)
        for place, system in enumerate(report.systems)
        if suite in system.suites
    ]
    rows = zip(*(couplets for _, couplets in having), strict=True)
    places = [place for place, _ in having]
    return [
        Card(number, [_side(*side) for side in zip(places, row, strict=True)])
        for number, row in enumerate(rows, 1)
    ]


def _side(place: int, couplet: Couplet) -> Side:
    return Side(place, couplet, [ShownPoem(couplet.couplet, poem) for poem in couplet.poems])


def poems(report: Report, suites: Mapping[str, list[Card]]) -> str:
    """The buttons, and the suites with their cards, the smallest first."""
    parts = [_buttons(report, [card for found in suites.values() for card in found])]
    for suite, found in sorted(suites.items(), key=lambda item: len(item[1])):
        articles = "\n".join(_article(report, card) for card in found)
        parts.append(
            f'<details class="suite"{" open" if len(found) <= _OPEN else ""}>'
            f"<summary><h3>{markup.text(suite)}</h3> "
            f'<span class="quiet">{markup.plural(len(found), "couplet")}</span></summary>\n'
            f'<div class="cards">\n{articles}\n</div>\n</details>'
        )
    return "\n".join(parts)


def _buttons(report: Report, every: list[Card]) -> str:
    choices = [("all", "All 全部", len(every))]
    for place, system in enumerate(report.systems):
        number = sum(side.faulty for card in every for side in card.sides if side.place == place)
        choices.append((f"f{place}", f"{system.label} at fault 有誤", number))
    if len(report.systems) == 2:
        choices.append(("d", "The two differ 有別", sum(card.differs for card in every)))
    buttons = "".join(
        f'<label><input type="radio" name="show" id="show-{kind}"'
        f"{' checked' if kind == 'all' else ''}> {markup.label(said)} "
        f'<span class="quiet">{number:,}</span></label>'
        for kind, said, number in choices
    )
    return (
        f'<fieldset class="filter"><legend>{markup.label("Show 篩選")}</legend>{buttons}</fieldset>'
    )


# --- a card --------------------------------------------------------------------------------


def _article(report: Report, card: Card) -> str:
    kinds = ["card", *(f"f{side.place}" for side in card.sides if side.faulty)]
    kinds += ["d"] if card.differs else []
    sides = "\n".join(_column(report, side) for side in card.sides)
    return (
        f'<article class="{" ".join(kinds)}">\n<h4 class="couplet">'
        f'<span class="number">{card.number}</span>{typeset(card.sides[0].couplet.couplet)}</h4>\n'
        f'<div class="sides n{len(card.sides)}">\n{sides}\n</div>{_truth(report, card)}\n</article>'
    )


def _column(report: Report, side: Side) -> str:
    first, *others = (_poem(report.metrics, one) for one in side.written)
    more = ""
    if others:
        more = (
            f"<details><summary>{len(others)} {markup.label('more 其餘')}</summary>"
            f"{chr(10).join(others)}</details>"
        )
    return f'<div class="side"><h5>{named(report.systems, side.place)}</h5>\n{first}{more}</div>'


def named(systems: list[System], place: int) -> str:
    """A system's label behind the mark that stands for it in the drawings."""
    return (
        f'<span class="key s{place}" aria-hidden="true"></span>{markup.text(systems[place].label)}'
    )


def _poem(metrics: Mapping[str, Metric], written: ShownPoem) -> str:
    marks = written.poem.marks
    copied = lines_copied(str(marks.get("copied") or ""))
    set_as = typeset(written.poem.text, written.verdict, written.faults, copied)
    return (
        f'<div class="poem">{set_as}<p class="chips">{_chips(metrics, written)}</p>'
        f"{_remarks(written)}</div>"
    )


def _chips(metrics: Mapping[str, Metric], written: ShownPoem) -> str:
    """What is right and what is not, then the form and the rhyme group."""
    chips = []
    for name in _CHIPS:
        right = written.poem.marks.get(name)
        if right is None or name not in metrics:
            continue
        kind, sign = ("right", "✓") if right else ("wrong", "✗")
        said = markup.label(f"{name} {metrics[name].chinese}")
        chips.append(f'<span class="{kind}"><span class="mark">{sign}</span>{said}</span>')
    if verdict := written.verdict:
        for said in (words.form_words(verdict, "zh"), words.rhyme_words(verdict, "zh")):
            chips += [f'<span lang="zh-Hant">{said}</span>'] if said else []
    return " ".join(chips)


def _remarks(written: ShownPoem) -> str:
    """What is wrong, in words, and which lines stand in the corpus."""
    items = list(_said(written))
    return (
        f'<ul class="remarks">{"".join(f"<li>{item}</li>" for item in items)}</ul>' if items else ""
    )


def _said(written: ShownPoem) -> Iterator[str]:
    marks, verdict = written.poem.marks, written.verdict
    if marks.get("fault"):
        yield markup.text(marks["fault"])
    if verdict and not written.judged:
        yield "The couplet opens old-style verse 古體, which has no rules of tone and rhyme."
    if verdict:
        for fault in written.faults[:_NAMED]:
            said = words.fault_words(verdict, fault, "en")
            if fault.line <= len(lines_of(written.couplet)):
                said += ": most lines written leave the couplet's rhyme"
            yield markup.text(said)
        if (more := len(written.faults) - _NAMED) > 0:
            yield f"and {more} more"
    if copied := marks.get("copied"):
        named = f'<span lang="zh-Hant" class="wrap">{markup.text(copied)}</span>'
        yield f"{markup.label('Copied 襲用')}: {named}"


def _truth(report: Report, card: Card) -> str:
    """The real poem, and what each model says of it."""
    couplet = card.sides[0].couplet
    if couplet.truth is None:
        return ""
    scores = "".join(
        f"<li>{named(report.systems, side.place)}: {said}</li>"
        for side in card.sides
        if report.systems[side.place].kind == "model" and (said := _scores(side.couplet))
    )
    verdict = check(couplet.couplet + couplet.truth)
    return (
        f"<details><summary>{markup.label('The real poem goes on 原詩下文')}</summary>"
        f"{typeset(couplet.truth, verdict if verdict.form else None, verdict.faults)}"
        f'<ul class="scores">{scores}<li>{markup.text(couplet.source)}</li></ul></details>'
    )


def _scores(couplet: Couplet) -> str:
    loss, rank = couplet.marks.get("loss"), couplet.marks.get("rank")
    parts = [
        f"{loss:.2f} nats a character" if isinstance(loss, float) else "",
        f"rank {rank} of 100" if isinstance(rank, int) else "",
    ]
    return ", ".join(part for part in parts if part)

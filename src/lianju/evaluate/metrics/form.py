"""Shape, rhyme and tone of one poem. What is wrong in the couplet is not the writer's fault."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lianju.evaluate.schema import Mark
from lianju.evaluate.statistics import wilson
from lianju.verse import Fault, Opening, check, is_han, lines_of, opening, shape_of

if TYPE_CHECKING:
    from lianju.decode import Completion
    from lianju.writer import Continuation


def form_marks(completion: "Completion") -> dict[str, Mark]:
    """Judge couplet and completion as one poem, without what is wrong in the couplet itself.

    `shape`, `form` and `fault` (of shape, in words) are those of `verse.shape_of`. `rhyme`: no
    fault of rhyme, but where the couplet by itself has a fault. `tone`: no other fault in the
    lines written. What is right only by a rare reading, or because a reading is unknown, is one.
    `full`: both. These are False where the shape is wrong. `tone_share`: of the characters written,
    those on which no fault of tone stands; None where the shape is wrong, for then there is no
    metre to keep. After a couplet that rhymes on an oblique tone no regulated verse can come,
    whoever writes: these four are None. `lines` and `characters` are those written, characters
    being Han ones.
    """
    couplet, text = completion.couplet, completion.text
    shape = shape_of(couplet, text, completion.finish == "stop")
    opened = _opening(couplet)
    marks: dict[str, Mark] = {
        "shape": shape.right,
        "form": shape.form.name if shape.form else None,
        "fault": shape.fault,
        "rhyme": False,
        "tone": False,
        "full": False,
        "tone_share": None,
        "lines": len(lines_of(text)),
        "characters": sum(map(is_han, text)),
    }
    if opened and any(not type for type, _ in opened.ways):
        return marks | {"rhyme": None, "tone": None, "full": None}
    return marks | _rules_kept(couplet, text) if shape.right else marks


def shape_counts(poems: "Sequence[Continuation]") -> dict[str, Any]:
    """Counts over `n` poems without rules, one a couplet (shape, version 1).

    `right`: how many have the right shape, with Wilson's 95% `interval` of their share.
    `distinct`: how many different texts. `repeated_lines`: how many hold one line twice.
    """
    right = sum(not poem.fault for poem in poems)
    return {
        "n": len(poems),
        "right": right,
        "distinct": len({poem.text for poem in poems}),
        "repeated_lines": sum(len({*poem.lines}) < len(poem.lines) for poem in poems),
        "interval": list(wilson(right, len(poems))),
    }


def counted_faults(couplet: str, faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """Of the faults of a whole poem, those that count against whoever went on from `couplet`.

    Faults of the lines written, and those of rhyme in the couplet that it does not have by itself:
    where most lines written leave the rhyme that the couplet sets, it is the couplet's that is
    found off. Tones are judged line by line, and after a couplet off the metre there nearly always
    still is a way on without a fault.
    """
    opened, above = _opening(couplet), len(lines_of(couplet))
    own = {(fault.line, fault.position) for fault in opened.faults} if opened else set()
    return tuple(
        fault
        for fault in faults
        if fault.line > above or (fault.of_rhyme and (fault.line, fault.position) not in own)
    )


def _opening(couplet: str) -> Opening | None:
    """What a couplet asks of the lines to come; None for a text that is no couplet."""
    lines = lines_of(couplet)
    return opening(lines) if [len(line) for line in lines] in ([5, 5], [7, 7]) else None


def _rules_kept(couplet: str, text: str) -> dict[str, Mark]:
    """The marks of rhyme and tone of a poem of right shape."""
    verdict = check(couplet + text)
    faults = counted_faults(couplet, (*verdict.faults, *verdict.rests))
    rhyme = not any(fault.of_rhyme for fault in faults)
    off = {(fault.line, fault.position) for fault in faults if not fault.of_rhyme}
    share = 1 - len(off) / sum(map(is_han, text))
    return {"rhyme": rhyme, "tone": not off, "full": rhyme and not off, "tone_share": share}

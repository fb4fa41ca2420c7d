"""Write `verse/data/usage.tsv`: the characters of the Tang poets, and how they read them.

Run from a checkout: `python -m tools.usage`. It counts in the large corpus, which it fetches if
need be: what the metre of regular poems asks of each character, and in which groups it rhymes. All
shapes of a character count as one, and any reading that the books give may make a poem regular. A
poem of which a single tone is wrong counts against the readings of that character.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import opencc

from lianju.corpus import large_corpus, simplified
from lianju.files import write_text
from lianju.verse import (
    LEVEL,
    OBLIQUE,
    PATTERNS,
    Verdict,
    bit,
    groups,
    lines_of,
    names,
    secure,
    standard,
)
from lianju.verse.checker import check_by
from lianju.verse.line_readings import possible

OUT = Path(__file__).parents[1] / "src/lianju/verse/data/usage.tsv"
LEAST = 2
HEAD = (
    "# Characters that stand at least twice in the large corpus, the most used first. Columns:\n"
    "# the shapes of a character, those of Taiwan and Hong Kong last; rhyme group of its most\n"
    "# used reading, if it has several; how often regular poems need it level; oblique; how often\n"
    "# a poem is irregular for it alone; its rhymes.\n"
)


@dataclass
class Count:
    """What the poems tell of one character."""

    tones: Counter[int] = field(default_factory=Counter)
    rhymes: Counter[str] = field(default_factory=Counter)
    against: int = 0


def main() -> None:
    """Count, choose and write."""
    poems = ["".join(poem.paragraphs) for poem in large_corpus()]
    uses = Counter(character for text in poems for character in text)
    counts: dict[str, Count] = defaultdict(Count)
    for text in poems:
        verdict = check_by(lines_of(text), possible)
        if verdict.regular:
            add(verdict, counts)
        elif len(verdict.faults) == 1 and verdict.scans is False:
            fault = verdict.faults[0]
            marked = verdict.marks[fault.line - 1][fault.position - 1].character
            counts[standard(marked)].against += 1
    rows = [row(written, counts[standard(written[0])]) for written in shapes(uses)]
    write_text(OUT, HEAD + "".join(rows))


def shapes(uses: Counter[str]) -> list[str]:
    """Every character in its shapes that stand often enough, the most used first."""
    found: dict[str, list[str]] = defaultdict(list)
    total: Counter[str] = Counter()
    for character, number in sorted(uses.items(), key=lambda item: (-item[1], item[0])):
        if number >= LEAST and groups(character) and not simplified(character):
            found[standard(character)].append(character)
            total[standard(character)] += number
    today = [opencc.OpenCC(name).convert for name in ("t2tw", "t2hk")]
    for shape, written in found.items():
        own = {convert(character) for convert in today for character in written} - {*written}
        written += sorted(c for c in own if standard(c) == shape)
    return [
        "".join(found[shape]) for shape, _ in sorted(total.items(), key=lambda i: (-i[1], i[0]))
    ]


def add(verdict: Verdict, counts: dict[str, Count]) -> None:
    """Count what a regular poem settles."""
    for line, type in zip(verdict.marks, verdict.types, strict=True):
        pattern = next(p for p in PATTERNS[len(line)] if p.type == type)
        for mark, tone in zip(line, pattern.marks, strict=True):
            if tone != "0":
                counts[standard(mark.character)].tones[LEVEL if mark.sign == "○" else OBLIQUE] += 1
        end = line[-1].character
        if type in "BD" and len(verdict.rhyme) == 1 and bit(verdict.rhyme) & groups(end):
            counts[standard(end)].rhymes[verdict.rhyme] += 1


def row(written: str, count: Count) -> str:
    """A line of the file."""
    rhymes = "".join(f"{name}{number}" for name, number in count.rhymes.most_common())
    level, oblique = count.tones[LEVEL], count.tones[OBLIQUE]
    cells = (
        written,
        names(common(standard(written[0]), count)),
        level,
        oblique,
        count.against,
        rhymes,
    )
    return "\t".join(map(str, cells)) + "\n"


def common(character: str, count: Count) -> int:
    """The group of the common reading; 0 where there is no choice or nothing was counted."""
    known = groups(character)
    if not known & (known - 1) or not count.tones:
        return 0
    heard = count.tones.most_common(1)[0][0]
    rhyming = [bit(name) for name, _ in count.rhymes.most_common() if bit(name) & known & heard]
    if rhyming:
        return rhyming[0]
    fitting = secure(character) & heard or known & heard
    return fitting & -fitting


if __name__ == "__main__":
    main()

"""Write `verse/data/usage.tsv`: the characters of the Tang poets, and how they read them.

Run from a checkout: `python -m tools.usage`. It counts in the large corpus, which it fetches if
need be: what the metre of regular poems asks of each character, and in which groups it rhymes. A
poem of which a single tone is wrong counts against the readings of that character.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from lianju.corpus import large_corpus, simplified
from lianju.files import write_text
from lianju.verse import LEVEL, OBLIQUE, PATTERNS, Verdict, bit, check, groups, names, secure

OUT = Path(__file__).parents[1] / "src/lianju/verse/data/usage.tsv"
LEAST = 2
HEAD = (
    "# Characters that stand at least twice in the large corpus, the most used first. Columns:\n"
    "# character; rhyme group of its most used reading, if it has several; how often regular\n"
    "# poems need it level; oblique; how often a poem is irregular for it alone; its rhymes.\n"
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
        verdict = check(text, borrow=True)
        if verdict.regular:
            add(verdict, counts)
        elif len(verdict.faults) == 1 and verdict.scans is False:
            fault = verdict.faults[0]
            counts[verdict.marks[fault.line - 1][fault.position - 1].character].against += 1
    rows = [
        row(character, counts[character])
        for character, number in sorted(uses.items(), key=lambda item: (-item[1], item[0]))
        if number >= LEAST and groups(character) and not simplified(character)
    ]
    write_text(OUT, HEAD + "".join(rows))


def add(verdict: Verdict, counts: dict[str, Count]) -> None:
    """Count what a regular poem settles."""
    for line, type in zip(verdict.marks, verdict.types, strict=True):
        pattern = next(p for p in PATTERNS[len(line)] if p.type == type)
        for mark, tone in zip(line, pattern.marks, strict=True):
            if tone != "0":
                counts[mark.character].tones[LEVEL if mark.sign == "○" else OBLIQUE] += 1
        if (
            type in "BD"
            and len(verdict.rhyme) == 1
            and bit(verdict.rhyme) & groups(line[-1].character)
        ):
            counts[line[-1].character].rhymes[verdict.rhyme] += 1


def row(character: str, count: Count) -> str:
    """A line of the file."""
    rhymes = "".join(f"{name}{number}" for name, number in count.rhymes.most_common())
    level, oblique = count.tones[LEVEL], count.tones[OBLIQUE]
    cells = (character, names(common(character, count)), level, oblique, count.against, rhymes)
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

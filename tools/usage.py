"""Write `verse/data/usage.tsv`: the characters of the Tang poets, and how each is mostly read.

Run from a checkout: `python tools/usage.py`. It counts in the large corpus, which it fetches if
need be: a character that stands there at least twice, is not simplified and has a reading gets a
line. Where the books give it several readings, those that the regular poems settle are counted,
by tone wherever the metre asks for one, by group where it rhymes.
"""

from collections import Counter, defaultdict
from pathlib import Path

from lianju.corpus import large_corpus, simplified
from lianju.files import write_text
from lianju.verse import check, groups, secure
from lianju.verse.metre import PATTERNS
from lianju.verse.rhyme_groups import LEVEL, OBLIQUE, bit, names

OUT = Path(__file__).parents[1] / "src/lianju/verse/data/usage.tsv"
LEAST = 2
HEAD = (
    "# Characters of the Tang poets, the most used first, with the rhyme group of the reading\n"
    "# that they mostly have; none where there is one reading only, or nothing could be counted.\n"
)


def main() -> None:
    """Count, choose and write."""
    poems = ["".join(poem.paragraphs) for poem in large_corpus()]
    uses = Counter(character for text in poems for character in text)
    tones: dict[str, Counter[int]] = defaultdict(Counter)
    rhymes: dict[str, Counter[int]] = defaultdict(Counter)
    for text in poems:
        count(text, tones, rhymes)
    rows = [
        f"{character}\t{names(common(character, tones[character], rhymes[character]))}\n"
        for character, number in sorted(uses.items(), key=lambda item: (-item[1], item[0]))
        if number >= LEAST and groups(character) and not simplified(character)
    ]
    write_text(OUT, HEAD + "".join(rows))


def count(text: str, tones: dict[str, Counter[int]], rhymes: dict[str, Counter[int]]) -> None:
    """Add what one poem settles, if it is regular."""
    verdict = check(text, borrow=True)
    if not verdict.regular:
        return
    rhyme = sum(map(bit, verdict.rhyme))
    for line, type in zip(verdict.marks, verdict.types, strict=True):
        pattern = next(p for p in PATTERNS[len(line)] if p.type == type)
        for position, (mark, tone) in enumerate(zip(line, pattern.marks, strict=True), 1):
            if tone != "0":
                tones[mark.character][LEVEL if mark.sign == "○" else OBLIQUE] += 1
            if position == len(line) and type in "BD":
                rhymes[mark.character].update(
                    1 << i for i in range(30) if rhyme >> i & 1 and rhyme & (rhyme - 1) == 0
                )


def common(character: str, tones: Counter[int], rhymes: Counter[int]) -> int:
    """The group of the common reading; 0 where there is no choice or nothing was counted."""
    known = groups(character)
    if not known & (known - 1) or not tones:
        return 0
    heard = tones.most_common(1)[0][0]
    rhyming = [group for group, _ in rhymes.most_common() if group & known & heard]
    if rhyming:
        return rhyming[0]
    fitting = secure(character) & heard or known & heard
    return fitting & -fitting


if __name__ == "__main__":
    main()

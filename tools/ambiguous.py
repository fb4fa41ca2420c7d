"""Write `corpus/data/ambiguous.tsv`: what poets wrote where simplified text has one character.

Run from a checkout: `python -m tools.ambiguous [DIGESTS]`. It counts in the large corpus, which it
fetches if need be, and leaves every tenth poem out, and those with a line whose digest stands in
the file DIGESTS. With the tenth it then measures: the poems are made simplified by OpenCC and read
back, and the share of the ambiguous characters that come back is printed, ours and OpenCC's.
"""

import hashlib
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import opencc

from lianju.corpus import is_simplified, key, large_corpus
from lianju.corpus.characters import one_by_one
from lianju.corpus.conversion import EDGE, WEIGHT, convert, uses
from lianju.corpus.verse_text import verse_only
from lianju.files import write_text
from lianju.verse import is_han, lines_of

OUT = Path(__file__).parents[1] / "src/lianju/corpus/data/ambiguous.tsv"
HEAD = (
    "# Characters of simplified text that stand for several, or for another than OpenCC takes.\n"
    "# Columns: the character; what poets wrote, and how often; neighbours before it, simplified,\n"
    "# each with the counts of these beside it; neighbours after it. ^: the end of a line.\n"
)
LEAST = 2
# A neighbour is written down that makes some character so much likelier, or less likely.
TELLING = 0.5
APART = 10
# Shapes that OpenCC does not unite.
SHAPES = str.maketrans("髪鬬鬭徴廻囘乹亁倂馀", "髮鬥鬥徵迴回乾乾併餘")

# Shapes of one word, which editions print as they like: text that has one of them keeps it.
ALIKE = (
    "回迴 溪谿 彩綵 弦絃 暗闇 泛汎氾 秘祕 玩翫 修脩 冢塚 杯盃 棋棊 逾踰 旗旂 庵菴 凌淩 "
    "狸貍 噪譟 徑逕 繞遶 牆墻 鑑鑒 歎嘆 淒悽 鍊煉 跡迹蹟 雞鷄 豔艷 教敎 搜蒐 涌湧 唇脣 "
    "殼殻 歲嵗 閑閒 箇個 簑蓑 巨鉅 吃喫 梁樑"
)

Lines = Sequence[str]


def main(digests: str = "") -> None:
    """Count, write and measure."""
    kept = set(Path(digests).read_text("ascii").split()) if digests else set()
    every = {poem.id: _lines("".join(poem.paragraphs)) for poem in large_corpus()}
    poems = {name: lines for name, lines in every.items() if not kept & set(map(_digest, lines))}
    apart = [lines for name, lines in poems.items() if int(_digest(name), 16) % APART == 0]
    counted = [lines for name, lines in poems.items() if int(_digest(name), 16) % APART]
    write_text(OUT, HEAD + "".join(rows(counted)))
    known = {line for lines in counted for line in lines}
    measure([lines for lines in apart if not known & set(lines)])


def rows(poems: Sequence[Lines]) -> Iterator[str]:
    """The lines of the file."""
    shapes = _shapes(Counter(c for lines in poems for line in lines for c in line))
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    beside: dict[tuple[str, str, bool], Counter[str]] = defaultdict(Counter)
    for line in (line for lines in poems for line in lines):
        plain = [EDGE, *map(key, line.translate(SHAPES)), EDGE]
        for place, character in enumerate(line, 1):
            if written := shapes.get(character):
                short = plain[place]
                counts[short][written] += 1
                beside[short, plain[place - 1], False][written] += 1
                beside[short, plain[place + 1], True][written] += 1
    neighbours: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for (short, neighbour, after), found in sorted(beside.items()):
        if _tells(found, counts[short]):
            numbers = ",".join(str(found[c]) for c, _ in counts[short].most_common())
            neighbours[short, after].append(f"{neighbour}{numbers}")
    for short, found in sorted(counts.items()):
        if len(found) > 1 or one_by_one(short) not in found:
            wrote = "".join(f"{c}{number}" for c, number in found.most_common())
            cells = (short, wrote, *("".join(neighbours[short, after]) for after in (False, True)))
            yield "\t".join(cells) + "\n"


def measure(poems: Sequence[Lines]) -> None:
    """Print how many ambiguous characters come back from simplified text, ours and OpenCC's."""
    shorten, back = opencc.OpenCC("t2s").convert, opencc.OpenCC("s2t").convert
    total: Counter[str] = Counter()
    for lines in poems:
        text = "，".join(lines)
        short = shorten(text.translate(SHAPES))
        ours, theirs = convert(short), back(short)
        if not ours.simplified or not len(text) == len(short) == len(theirs):
            continue
        for wrote, plain, mine, other in zip(text, short, ours.text, theirs, strict=True):
            if (known := uses(plain)) and len(known.counts) > 1:
                for name, read in (("ours", mine), ("OpenCC", other)):
                    total[name] += _shape(read) == _shape(wrote)
                    total[f"{name}, if usual"] += known.several and _shape(read) == _shape(wrote)
                total["all"] += 1
                total["all, if usual"] += known.several
        total["by tone or rhyme"] += sum(c.why is not None for c in ours.choices)
        total["so rightly"] += sum(
            c.why is not None and _shape(c.read) == _shape(text[c.place]) for c in ours.choices
        )
    for name, number in total.items():
        print(f"{name}: {number:,}")


def _shapes(written: Counter[str]) -> dict[str, str]:
    """Each character that is written down, to the shape that it is written in."""
    groups: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for character, number in written.most_common():
        short = key(character.translate(SHAPES))
        if number >= LEAST and not (short == character and is_simplified(character)):
            groups[short][_shape(character)].append(character)
    return {
        character: short if short in alike and _kept(short) else alike[0].translate(SHAPES)
        for short, group in groups.items()
        for alike in group.values()
        for character in alike
    }


@cache
def _shape(character: str) -> str:
    """One for the shapes of a word: those that Taiwan writes alike, and `ALIKE`."""
    found = _taiwan().convert(character.translate(SHAPES))
    return next((shapes[0] for shapes in ALIKE.split() if found in shapes), found)


def _kept(character: str) -> bool:
    """Whether Taiwan writes a character of simplified text."""
    return bool(_taiwan().convert(character) == character)


@cache
def _taiwan() -> opencc.OpenCC:
    return opencc.OpenCC("t2tw")


def _tells(beside: Counter[str], counts: Counter[str]) -> bool:
    """Whether a neighbour changes what is likely among characters that count."""
    total = counts.total()
    usual, most = counts.most_common(1)[0]
    least = WEIGHT + beside[usual] * total / most
    for character, number in counts.items():
        gain = math.log((WEIGHT + beside[character] * total / number) / least)
        if gain > TELLING or (gain < -TELLING and number * APART > total):
            return True
    return False


def _lines(text: str) -> Lines:
    lines = ("".join(filter(is_han, line)) for line in lines_of(verse_only(text)))
    return [line for line in lines if line]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


if __name__ == "__main__":
    main(*sys.argv[1:])

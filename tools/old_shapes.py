"""Write `verse/data/old_shapes.txt`: characters that no rhyme book has, to those that it has.

Run from a checkout: `python -m tools.old_shapes yitizi.json`, the data file of the package yitizi
(0.1.3, CC0), which is needed for nothing else. Of several variants the one that the poems use most
is taken.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from lianju.files import write_text
from lianju.verse import groups, is_han, standard
from lianju.verse.glyph import data
from lianju.verse.reading import used

OUT = Path(__file__).parents[1] / "src/lianju/verse/data/old_shapes.txt"
HEAD = (
    "# Characters that no book has and OpenCC does not unite, mostly old shapes: 靑青. Written by\n"
    "# tools/old_shapes.py from the variants that the package yitizi 0.1.3 (CC0) knows.\n"
)
_IN_A_ROW = 32
# Parts of characters, with which digital texts describe one that they cannot write.
_PARTS = frozenset(
    "㐅㓁㔾㣺乚亻冂冖刂匸卩厂囗夂夊宀尢尣巛幺广廴廾彐彑彡忄扌攵旡氵氺灬爫爿牜犭礻糸糹纟罒耂肀艹衤襾覀訁讠豸辶釒钅镸阝飠饣"
)


def pairs(known: dict[str, str]) -> Iterator[str]:
    """Each character of the basic plane without a reading, with its variant that has one."""
    ours = {pair[0] for pair in " ".join(data("old_shapes.txt")).split()}
    for character in sorted(known):
        if character > "\uffff" or not is_han(character) or character in _PARTS:
            continue
        if groups(character) and character not in ours:
            continue
        read = {standard(c) for c in known[character] if groups(c) and c not in ours}
        if read:
            yield character + max(sorted(read), key=used)


def main(path: Path) -> None:
    """Read the variants and write the table."""
    words = list(pairs(json.loads(path.read_text(encoding="utf-8"))))
    rows = (" ".join(words[at : at + _IN_A_ROW]) for at in range(0, len(words), _IN_A_ROW))
    write_text(OUT, HEAD + "".join(f"{row}\n" for row in rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

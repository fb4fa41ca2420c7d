"""Whether a completion is written in the characters of Tang poems."""

from collections.abc import Set

from lianju.corpus import simplified
from lianju.evaluate.schema import Mark
from lianju.verse import is_han, lines_of


def character_marks(text: str, known: Set[str]) -> dict[str, Mark]:
    """`outside` and `simplified`, shares of the Han characters; `garbled`, a number of characters.

    `known`: the characters of all poems of the large corpus. `outside`: not among them.
    `simplified`: see `corpus.simplified`. `garbled`: neither a Han character nor the punctuation
    or white space that parts lines of verse; the sign � for broken bytes is among them. The
    shares are None where no Han character was written.
    """
    written = "".join(lines_of(text))
    han = [character for character in written if is_han(character)]
    if not han:
        return {"outside": None, "simplified": None, "garbled": len(written)}
    return {
        "outside": sum(character not in known for character in han) / len(han),
        "simplified": len(simplified(text)) / len(han),
        "garbled": len(written) - len(han),
    }

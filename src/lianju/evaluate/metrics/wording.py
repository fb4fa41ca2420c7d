"""Whether a completion says things twice, or in the words that everybody uses."""

from lianju.evaluate.schema import Mark
from lianju.ranking import heads, pair
from lianju.verse import is_han, lines_of

# In the scale of `pair`: some 200 words, those that stand 900 times and more in its poems.
_WORN = 11


def wording_marks(text: str) -> dict[str, Mark]:
    """`repeats` and `worn`, shares; None where there is nothing to count.

    `repeats`: of the Han characters, those that stood before. `worn`: of the words at the head of
    lines of five or seven characters, those that poets use most.
    """
    lines = lines_of(text)
    han = [character for character in "".join(lines) if is_han(character)]
    words = [word for line in lines if len(line) in (5, 7) for word in heads(line)]
    return {
        "repeats": 1 - len({*han}) / len(han) if han else None,
        "worn": sum(pair(*word) >= _WORN for word in words) / len(words) if words else None,
    }

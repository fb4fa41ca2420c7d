"""The checker as Python calls it."""

from lianju.corpus import check_text, to_traditional
from lianju.errors import UserError
from lianju.verse import Bilingual, Verdict, is_han
from lianju.verse import check as judge


def check(poem: str, *, strict: bool = False, borrow: bool = True) -> Verdict:
    """Judge the form, the tones and the rhymes of a poem, in milliseconds.

    `strict`: three oblique tones at the end of a line are a fault, and a rare reading excuses
    nothing. `borrow`: whether the first line may rhyme in a neighbouring group 借鄰韻. Simplified
    characters are read as traditional ones. Raises `UserError` for a text without Chinese
    characters.

    >>> [(f.rule, f.line) for f in check("白日依山盡，黃河入海流。欲窮千里目，更上一層山。").faults]
    [('落韻', 4)]
    """
    if not isinstance(poem, str):
        raise UserError(f"the poem is no text: {poem!r}")
    check_text(poem, Bilingual("the poem", "這首詩"))
    if not any(map(is_han, poem)):
        raise UserError(Bilingual("the poem has no Chinese character", "這首詩沒有漢字"))
    return judge(to_traditional(poem).text, strict, borrow)

"""Characters: folding variants to compare poems, placeholders, simplified and foreign text.

>>> key("爲君[持]酒，") == key("為君持酒。")
True
>>> simplified("举头望明月")
'举头'
"""

import functools
import unicodedata
from typing import Any

from lianju.verse import is_han, lines_of

# What editors and digitisers print where a character is lost. In `placeholders` all symbols count
# among them, such as 〓 and ×, and private-use characters, which no font is bound to show.
_PLACEHOLDERS = frozenset("囗…⋯*＊_＿\ufffd")
_SYMBOLS = ("Co", "So", "Sm")

# Characters of the simplified standard that old editions also print: each stands in the 5,001
# poems of the homework, or ten times or more in the 57,607 of the large corpus.
_ALSO_TRADITIONAL = frozenset(
    "却荆迹脚烟凭脉笋恒衮虬葱耻叶姹灾踪强猪携凉冲兹粤咤争遥静蘖亘悮咏溆唤疴猫泪蹰袜馀粮厩术"
)

# Traditional characters that the simplified standard keeps for some of their uses: 乾坤, 狼藉.
_ALSO_SIMPLIFIED = frozenset("乾藉夥瞭徵於鍾甯麽摺槃")


@functools.cache
def _opencc(direction: str) -> Any:
    # Only comparing and checking poems needs OpenCC; importing the corpus stays fast.
    import opencc

    return opencc.OpenCC(direction)


class _Fold(dict[int, str]):
    """A table for `str.translate`: variants to one form, all that is no Han character away."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        folded = ""
        if is_han(character):
            folded = _opencc("t2s").convert(unicodedata.normalize("NFKC", character))
        self[code] = folded
        return folded


_FOLD = _Fold()


def key(text: str) -> str:
    """`text` for comparing: Han characters only, variants folded with OpenCC's t2s, one by one."""
    return text.translate(_FOLD)


def line_keys(text: str) -> set[str]:
    """The keys of the lines in `text`."""
    return {folded for line in lines_of(text) if (folded := key(line))}


def placeholders(text: str) -> str:
    """The characters in `text` that stand for a lost one."""
    return "".join(
        character
        for character in text
        if character in _PLACEHOLDERS or unicodedata.category(character) in _SYMBOLS
    )


def foreign(text: str) -> str:
    """The letters and digits in `text` that are no Han characters."""
    return "".join(character for character in text if character.isalnum() and not is_han(character))


def is_latin(text: str) -> bool:
    """Whether any character of `text` is a Latin letter."""
    return any("LATIN" in unicodedata.name(character, "") for character in text)


def simplified(text: str) -> str:
    """The characters in `text` that are unmistakably simplified.

    That is: OpenCC's s2t changes it, t2s leaves it, Big5 lacks it, and old editions do not
    print it. 后 or 云, which are characters of their own in traditional text, never count.
    """
    return "".join(filter(is_simplified, text))


@functools.cache
def is_simplified(character: str) -> bool:
    """Whether a character is unmistakably simplified."""
    if not is_han(character) or character in _ALSO_TRADITIONAL:
        return False
    if one_by_one(character) == character:
        return False
    return _opencc("t2s").convert(character) == character and not in_big5(character)


def is_traditional(character: str) -> bool:
    """Whether no simplified text has a character."""
    return is_han(character) and key(character) != character and character not in _ALSO_SIMPLIFIED


def one_by_one(character: str) -> str:
    """The traditional character that OpenCC gives for a simplified one by itself."""
    converted: str = _opencc("s2t").convert(character)
    return converted


def in_big5(character: str) -> bool:
    """Whether Big5, a character set of Taiwan, has a character."""
    try:
        character.encode("big5")
    except UnicodeEncodeError:
        return False
    return True

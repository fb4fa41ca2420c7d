"""Lines and forms.

>>> lines_of("白日依山盡，黃河入海流。")
('白日依山盡', '黃河入海流')
>>> form_of("床前看月光，疑是地上霜。舉頭望山月，低頭思故鄉。").name
'wujue'
"""

import re
from dataclasses import dataclass

STOPS = "，。？！；、：,.?!;:"
_SPLIT = re.compile(f"[{re.escape(STOPS)}\\s]+")
# The blocks of Unicode 16 that hold Han ideographs, with 〇 (zero), which poems count as one.
_HAN = re.compile(
    "[〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002ebe0\U0002ebf0-\U0002ee5d"
    "\U0002f800-\U0002fa1f\U00030000-\U000323af]"
)


@dataclass(frozen=True)
class Form:
    """A form of verse: how many lines, and how many characters in each.

    The four of the homework are wujue 五絕, qijue 七絕, wulü 五律 and qilü 七律.
    """

    name: str
    chinese: str
    lines: int
    characters: int


FORMS = (
    Form("wujue", "五絕", 4, 5),
    Form("qijue", "七絕", 4, 7),
    Form("wulü", "五律", 8, 5),
    Form("qilü", "七律", 8, 7),
)


def is_han(text: str) -> bool:
    """Whether every character of `text`, which is not empty, is a Han ideograph."""
    return bool(text) and all(_HAN.match(character) for character in text)


def lines_of(text: str) -> tuple[str, ...]:
    """The lines of verse in `text`, without punctuation and white space."""
    return tuple(line for line in _SPLIT.split(text) if line)


def form_of(text: str) -> Form | None:
    """The form whose shape `text` has, or None.

    Only line count and line length are looked at, not tone or rhyme.
    """
    lines = lines_of(text)
    for form in FORMS:
        if len(lines) == form.lines and all(len(line) == form.characters for line in lines):
            return form
    return None


_NORMAL = str.maketrans({",": "，", ".": "。", "?": "？", "!": "！", ";": "；", ":": "："})


def normal(text: str) -> str:
    """`text` as the corpus writes verse: full-width punctuation, no white space."""
    return "".join(text.split()).translate(_NORMAL)

"""What kind of poem lines make by their shape alone, before tones and rhymes are looked at.

>>> kind_of(["桃紅復含宿雨", "柳綠更帶春煙", "花落家童未掃", "鶯啼山客猶眠"])
VerseKind(form='liuyan', style='six', judged=False)
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from lianju.verse.metre import PATTERNS
from lianju.verse.poem import FORMS
from lianju.verse.verdict import Style

# What a poem of a regulated form's shape is called when it is old-style verse.
OLD_STYLE = {"wulü": "wugu", "wupai": "wugu", "qilü": "qigu", "qipai": "qigu"}
_OLD = {5: "wugu", 7: "qigu"}
_LONG = {5: "wupai", 7: "qipai"}
_SIX = 6
_LETTER = re.compile("[\\x00-\\x7f]")
_FORMS = {(form.lines, form.characters): form.name for form in FORMS}


class VerseKind(NamedTuple):
    """The form and the style of a shape; `judged`: whether tones and rhymes decide its style."""

    form: str | None
    style: Style
    judged: bool = False


def kind_of(lines: Sequence[str]) -> VerseKind:
    """The kind of poem that these lines make: see `Verdict`."""
    if any(map(_LETTER.search, lines)):
        return VerseKind(None, "faulty")
    lengths = Counter(map(len, lines))
    if len(lengths) > 1:
        return _uneven(lines, lengths)
    length, count = len(lines[0]) if lines else 0, len(lines)
    if count < 4:
        couplet = count == 2
        return VerseKind(None, "couplet" if couplet else "fragment", couplet and length in PATTERNS)
    if length == _SIX:
        return VerseKind("liuyan", "six")
    if form := form_of_lines(lines):
        return VerseKind(form, "regulated", judged=True)
    return VerseKind(_OLD.get(length), "old-style")


def form_of_lines(lines: Sequence[str]) -> str | None:
    """The form of regulated verse that these lines have the shape of, or None."""
    lengths = {len(line) for line in lines}
    if len(lengths) != 1 or any(map(_LETTER.search, lines)):
        return None
    (length,), count = lengths, len(lines)
    if count >= 10 and count % 2 == 0:
        return _LONG.get(length)
    return _FORMS.get((count, length))


def _uneven(lines: Sequence[str], lengths: Counter[int]) -> VerseKind:
    """One odd line in what has the lines of a regulated form is a slip; more are meant."""
    (length, most), *_ = lengths.most_common(1)
    slip = most == len(lines) - 1 and (len(lines), length) in _FORMS
    return VerseKind(None, "faulty" if slip else "mixed")

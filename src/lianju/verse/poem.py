"""Lines and forms.

>>> lines_of("白日依山盡，黃河入海流。")
('白日依山盡', '黃河入海流')
>>> form_of("床前看月光，疑是地上霜。舉頭望山月，低頭思故鄉。").name
'wujue'
"""

import re
from dataclasses import dataclass

STOPS = "，。？！；、：,.?!;:"
# Other shapes of the same marks: half-width, full-width, small and vertical ones.
_OTHER_SHAPES = "｡､．﹐﹑﹒﹔﹕﹖﹗︐︑︒︓︔︕︖"
_SHAPES = dict(zip(_OTHER_SHAPES, "。，。，，。；：？！，，。：；！？", strict=True))
# What parts lines without being a mark of verse: spaces, line ends, strokes.
_BREAKS = "\n\r\v\f\x1c-\x1e\x85\u2028\u2029/／|｜"
_GAP = re.compile(f"[{re.escape(STOPS)}{_OTHER_SHAPES}{_BREAKS}\\s]+")
_SPLIT = re.compile(f"({_GAP.pattern})")
_BREAK = re.compile(f"[{_BREAKS}]")
# What has no width, of which texts that were copied are full.
_UNSEEN = re.compile("[\xad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+")
_SPACED = re.compile(rf"\s|{_UNSEEN.pattern}")
# The blocks of Unicode 16 that hold Han ideographs, with 〇 (zero), which poems count as one.
_BLOCKS = (
    "〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002ebe0\U0002ebf0-\U0002ee5d"
    "\U0002f800-\U0002fa1f\U00030000-\U000323af"
)
_HAN = re.compile(f"[{_BLOCKS}]+")
_PLAIN = re.compile(f"(?:[{_BLOCKS}]+[{STOPS[:7]}])*")


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
    return _HAN.fullmatch(text) is not None


def lines_of(text: str) -> tuple[str, ...]:
    """The lines of verse in `text`, without punctuation and white space.

    Marks, every kind of white space, / and | part lines; spaces between single characters do not.
    """
    if _SPACED.search(text):
        return tuple(line for line, _ in _parted(text) if line)
    return tuple(line for line in _GAP.split(text) if line)


def is_plain(text: str) -> bool:
    """Whether `text` is lines of Han characters with one full-width mark after each."""
    return _PLAIN.fullmatch(text) is not None


def visible(text: str) -> str:
    """`text` without signs of no width: a space where they part lines of one length.

    >>> visible("白\u200b日依山盡\ufeff，"), visible("白日依山盡\u200b黃河入海流")
    ('白日依山盡，', '白日依山盡 黃河入海流')
    """
    if not _UNSEEN.search(text):
        return text
    return "".join(
        part if at % 2 else _seen(_UNSEEN.split(part)) for at, part in enumerate(_SPLIT.split(text))
    )


def _seen(pieces: list[str]) -> str:
    pieces = [piece for piece in pieces if piece]
    lengths = {len(piece) for piece in pieces}
    return (" " if lengths <= {5} or lengths <= {7} else "").join(pieces)


def _parted(text: str) -> list[tuple[str, str]]:
    """The lines, each with the marks after it: none where only space or a stroke parts it from
    the next.
    """
    pieces = [*_SPLIT.split(visible(text)), ""]
    found: list[tuple[str, str]] = []
    run: list[str] = []  # what has only spaces between it
    for piece, gap in zip(pieces[::2], pieces[1::2], strict=True):
        marks = "".join(_SHAPES.get(sign, sign) for sign in gap if sign in STOPS + _OTHER_SHAPES)
        run.append(piece)
        if marks or not gap or _BREAK.search(gap):
            spelled = all(len(letter) == 1 for letter in run)
            *before, last = ["".join(run)] if spelled else run
            found += [(line, "") for line in before] + [(last, marks)]
            run = []
    return found


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
    """`text` as the corpus writes verse: full-width punctuation, no white space.

    Where only space or a stroke parts two lines they get a comma or, after an even line, a full
    stop. Letters of other scripts are joined.

    >>> normal("白日依山盡 黃河入海流. 欲窮千里目 /")
    '白日依山盡，黃河入海流。欲窮千里目'
    """
    if is_plain(text):
        return text
    parted = _parted(text)
    written, count = [], 0
    for (line, marks), (following, _) in zip(parted, [*parted[1:], ("", "")], strict=True):
        count += bool(line)
        if line and following and not marks and not (line[-1] + following[0]).isascii():
            marks = "。" if count % 2 == 0 else "，"
        written.append(line + marks.translate(_NORMAL))
    return "".join(written)

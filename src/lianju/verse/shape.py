"""Whether a completion has the right shape, and what is wrong with a couplet as input."""

from dataclasses import dataclass

from lianju.verse.poem import STOPS, Form, form_of, is_han, lines_of
from lianju.verse.said import Said

SENTENCE_ENDS = "。？！"
_NO_HAN = Said("the couplet has something that is no Han character", "首聯有非漢字")


@dataclass(frozen=True)
class Shape:
    """A verdict on shape: `form` when it is right, else the `fault` in words (`Said`)."""

    form: Form | None
    fault: str

    @property
    def right(self) -> bool:
        """Whether couplet and completion together are one of the four forms."""
        return self.form is not None


def shape_of(couplet: str, completion: str, finished: bool = True) -> Shape:
    """Judge the shape of a completed poem.

    Right means: the completion ended by itself (`finished`), its lines are Han characters
    only, each line ends in one punctuation mark and the last in 。？ or ！, and couplet plus
    completion have 4 or 8 lines of the couplet's own length, 5 or 7. Tone and rhyme are not
    looked at.

    >>> shape_of("白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓。").form.chinese
    '五絕'
    >>> shape_of("白日依山盡，黃河入海流。", "欲窮千里目，更上一樓。").fault
    'line 4 has 4 characters, not 5'
    """
    if not finished:
        return Shape(None, Said("does not end within the allowed length", "未在長度上限內收尾"))
    head, tail = lines_of(couplet), lines_of(completion)
    if not tail:
        return Shape(None, Said("nothing was written", "什麼也沒寫"))
    if not all(map(is_han, head)):
        return Shape(None, _NO_HAN)
    for number, line in enumerate(tail, len(head) + 1):
        if not is_han(line):
            return Shape(
                None,
                Said(
                    f"line {number} has something that is no Han character",
                    f"第{number}句有非漢字",
                ),
            )
        if len(line) != len(head[0]):
            return Shape(None, _length_words(number, len(line), len(head[0])))
    return _form_of_whole(couplet + completion, len(head[0]), _punctuated(tail, completion))


def _form_of_whole(poem: str, length: int, punctuated: bool) -> Shape:
    """The verdict on a poem of whole lines of Han characters, all of one length."""
    form, count = form_of(poem), len(lines_of(poem))
    if not punctuated:
        fault = Said(
            "the punctuation is not one mark after each line, 。at the end",
            "標點須每句一個，末句用「。」",
        )
    elif form:
        return Shape(form, "")
    elif length not in (5, 7):
        fault = Said(
            f"lines of {length} characters, neither 5 nor 7", f"每句{length}字，非五言、七言"
        )
    else:
        fault = Said(f"{count} lines, neither 4 nor 8", f"共{count}句，非四句、八句")
    return Shape(None, fault)


def _length_words(number: int, found: int, wanted: int) -> Said:
    return Said(
        f"line {number} has {found} characters, not {wanted}",
        f"第{number}句{found}字，非{wanted}字",
    )


def _punctuated(lines: tuple[str, ...], text: str) -> bool:
    rest = text
    for line in lines:
        if not rest.startswith(line) or rest[len(line) : len(line) + 1] not in tuple(STOPS[:7]):
            return False
        rest = rest[len(line) + 1 :]
    return not rest and text[-1] in SENTENCE_ENDS


def couplet_fault(couplet: str) -> Said | None:
    """What keeps `couplet` from being the opening of a regular poem, in words, or None.

    A fault is a warning, not an error: any text can be completed, but the model has learned
    from couplets of two equal lines of five or seven Han characters.
    """
    lines = lines_of(couplet)
    if not lines:
        return Said("the couplet is empty", "首聯是空的")
    if not all(is_han(line) for line in lines):
        return _NO_HAN
    if len(lines) != 2:
        return Said(
            f"a couplet has two lines; this has {len(lines)}",
            f"一聯為兩句，這裡有{len(lines)}句",
        )
    if len(lines[0]) != len(lines[1]) or len(lines[0]) not in (5, 7):
        one, other = map(len, lines)
        return Said(
            f"a couplet has two lines of five or of seven characters; these have {one} and {other}",
            f"一聯為五言或七言兩句，這裡是{one}字、{other}字",
        )
    if couplet.rstrip()[-1] not in SENTENCE_ENDS:
        return Said("the couplet does not end in 。？ or ！", "首聯末尾沒有「。」「？」或「！」")
    return None

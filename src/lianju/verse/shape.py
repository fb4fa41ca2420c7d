"""Whether a completion has the right shape, and what is wrong with a couplet as input."""

from dataclasses import dataclass

from lianju.verse.bilingual import Bilingual, Sentences
from lianju.verse.poem import STOPS, Form, form_of, is_han, lines_of

SENTENCE_ENDS = "。？！"
say = Sentences("lianju.verse", "data/shapes.toml")


@dataclass(frozen=True)
class Shape:
    """A verdict on shape: `form` when it is right, else the `fault` in words (`Bilingual`)."""

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
        return Shape(None, say("unfinished"))
    head, tail = lines_of(couplet), lines_of(completion)
    if not tail:
        return Shape(None, say("nothing"))
    if not all(map(is_han, head)):
        return Shape(None, say("foreign"))
    for number, line in enumerate(tail, len(head) + 1):
        if not is_han(line):
            return Shape(None, say("foreign_line", number=number))
        if len(line) != len(head[0]):
            sizes = {"found": len(line), "wanted": len(head[0])}
            return Shape(None, say("line_length", number=number, **sizes))
    return _form_of_whole(couplet + completion, len(head[0]), _punctuated(tail, completion))


def _form_of_whole(poem: str, length: int, punctuated: bool) -> Shape:
    """The verdict on a poem of whole lines of Han characters, all of one length."""
    form, count = form_of(poem), len(lines_of(poem))
    if not punctuated:
        fault = say("punctuation")
    elif form:
        return Shape(form, "")
    elif length not in (5, 7):
        fault = say("neither_5_nor_7", length=length)
    else:
        fault = say("neither_4_nor_8", count=count)
    return Shape(None, fault)


def _punctuated(lines: tuple[str, ...], text: str) -> bool:
    rest = text
    for line in lines:
        if not rest.startswith(line) or rest[len(line) : len(line) + 1] not in tuple(STOPS[:7]):
            return False
        rest = rest[len(line) + 1 :]
    return not rest and text[-1] in SENTENCE_ENDS


def couplet_fault(couplet: str) -> Bilingual | None:
    """What keeps `couplet` from being the opening of a regular poem, in words, or None.

    A fault is a warning, not an error: any text can be completed, but the model has learned
    from couplets of two equal lines of five or seven Han characters.
    """
    lines = lines_of(couplet)
    if not lines:
        return say("empty")
    if not all(is_han(line) for line in lines):
        return say("foreign")
    if len(lines) != 2:
        return say("not_two_lines", count=len(lines))
    if len(lines[0]) != len(lines[1]) or len(lines[0]) not in (5, 7):
        one, other = map(len, lines)
        return say("lengths", one=one, other=other)
    if couplet.rstrip()[-1] not in SENTENCE_ENDS:
        return say("no_end")
    return None

"""Whether a completion has the right shape, and what is wrong with a couplet as input."""

from dataclasses import dataclass

from lianju.verse.poem import STOPS, Form, form_of, is_han, lines_of

SENTENCE_ENDS = "。？！"


@dataclass(frozen=True)
class Shape:
    """A verdict on shape: `form` when it is right, else the `fault` in words."""

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
        return Shape(None, "does not end within the allowed length")
    head, tail = lines_of(couplet), lines_of(completion)
    if not tail:
        return Shape(None, "nothing was written")
    if not all(map(is_han, head)):
        return Shape(None, "the couplet has something that is no Han character")
    for number, line in enumerate(tail, len(head) + 1):
        if not is_han(line):
            return Shape(None, f"line {number} has something that is no Han character")
        if len(line) != len(head[0]):
            return Shape(None, f"line {number} has {len(line)} characters, not {len(head[0])}")
    if not _punctuated(tail, completion):
        return Shape(None, "the punctuation is not one mark after each line, 。at the end")
    form = form_of(couplet + completion)
    if form is None and len(head[0]) not in (5, 7):
        return Shape(None, f"lines of {len(head[0])} characters, neither 5 nor 7")
    if form is None:
        return Shape(None, f"{len(head) + len(tail)} lines, neither 4 nor 8")
    return Shape(form, "")


def _punctuated(lines: tuple[str, ...], text: str) -> bool:
    rest = text
    for line in lines:
        if not rest.startswith(line) or rest[len(line) : len(line) + 1] not in tuple(STOPS[:7]):
            return False
        rest = rest[len(line) + 1 :]
    return not rest and text[-1] in SENTENCE_ENDS


def couplet_fault(couplet: str) -> str | None:
    """What keeps `couplet` from being the opening of a regular poem, or None.

    A fault is a warning, not an error: any text can be completed, but the model has learned
    from couplets of two equal lines of five or seven Han characters.
    """
    lines = lines_of(couplet)
    if not lines:
        return "the couplet is empty"
    if not all(is_han(line) for line in lines):
        return "the couplet has something that is no Han character"
    if len(lines) != 2:
        return f"a couplet has two lines; this has {len(lines)}"
    if len(lines[0]) != len(lines[1]) or len(lines[0]) not in (5, 7):
        return (
            "a couplet has two lines of five or of seven characters; "
            f"these have {len(lines[0])} and {len(lines[1])}"
        )
    if couplet.rstrip()[-1] not in SENTENCE_ENDS:
        return "the couplet does not end in 。？ or ！"
    return None

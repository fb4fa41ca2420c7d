"""What a poem is, and whether it is right: lines, forms, readings, metre, the checker.

`check` judges a whole poem, `shape_of` only the shape of a completion, `readings` a character.
The rules themselves (`metre`, `rhyme_groups`) are also what constrained decoding is built from.
Knows nothing of torch or models, and reads no files but its own data and that of the two rhyme
books.
"""

from lianju.verse.check import check, form_of_lines
from lianju.verse.poem import FORMS, Form, form_of, is_han, lines_of, normal
from lianju.verse.reading import Reading, alphabet, common, groups, readings, secure, standard
from lianju.verse.rhyme_groups import GROUPS, Group
from lianju.verse.shape import Shape, couplet_fault, shape_of
from lianju.verse.verdict import Fault, Mark, Verdict

__all__ = [
    "FORMS",
    "GROUPS",
    "Fault",
    "Form",
    "Group",
    "Mark",
    "Reading",
    "Shape",
    "Verdict",
    "alphabet",
    "check",
    "common",
    "couplet_fault",
    "form_of",
    "form_of_lines",
    "groups",
    "is_han",
    "lines_of",
    "normal",
    "readings",
    "secure",
    "shape_of",
    "standard",
]

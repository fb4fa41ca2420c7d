"""What a poem is, and whether it is right: lines, forms, readings, metre, parallelism, the checker.

`check` judges a whole poem, `shape_of` only the shape of a completion, `readings` a character,
`parallel` two lines.
The rules themselves (`metre`, `rhyme_groups`) are also what constrained decoding is built from.
Knows nothing of torch or models, and reads no files but its own data and that of the two rhyme
books.
"""

from lianju.verse.bilingual import Bilingual, Language, Sentences, in_language
from lianju.verse.checker import check
from lianju.verse.compounds import Word, beginnings, joined, word_of
from lianju.verse.glyph import standard
from lianju.verse.kinds import form_of_lines
from lianju.verse.line_readings import anywhere, heard, possible
from lianju.verse.metre import PATTERNS, Pattern, may_follow, type_after
from lianju.verse.openings import Opening, opening
from lianju.verse.parallelism import parallel
from lianju.verse.parallelism import score as facing_score
from lianju.verse.poem import (
    FORMS,
    STOPS,
    Form,
    form_of,
    is_han,
    is_plain,
    lines_of,
    normal,
    visible,
)
from lianju.verse.reading import (
    Reading,
    alphabet,
    common,
    edition,
    groups,
    likely,
    readings,
    rhymes,
    secure,
)
from lianju.verse.rhyme_groups import GROUPS, LEVEL, OBLIQUE, Group, bit, members, names
from lianju.verse.shape import SENTENCE_ENDS, Shape, couplet_fault, shape_of
from lianju.verse.totals_by_form import Total, old_style, opening_line, style_name, totals
from lianju.verse.verdict import RHYME_RULES, Fault, Mark, Style, Verdict, Why

__all__ = [
    "FORMS",
    "GROUPS",
    "LEVEL",
    "OBLIQUE",
    "PATTERNS",
    "RHYME_RULES",
    "SENTENCE_ENDS",
    "STOPS",
    "Bilingual",
    "Fault",
    "Form",
    "Group",
    "Language",
    "Mark",
    "Opening",
    "Pattern",
    "Reading",
    "Sentences",
    "Shape",
    "Style",
    "Total",
    "Verdict",
    "Why",
    "Word",
    "alphabet",
    "anywhere",
    "beginnings",
    "bit",
    "check",
    "common",
    "couplet_fault",
    "edition",
    "facing_score",
    "form_of",
    "form_of_lines",
    "groups",
    "heard",
    "in_language",
    "is_han",
    "is_plain",
    "joined",
    "likely",
    "lines_of",
    "may_follow",
    "members",
    "names",
    "normal",
    "old_style",
    "opening",
    "opening_line",
    "parallel",
    "possible",
    "readings",
    "rhymes",
    "secure",
    "shape_of",
    "standard",
    "style_name",
    "totals",
    "type_after",
    "visible",
    "word_of",
]

"""Poems on disk: where they come from, which are trained on and why not the others.

Every byte fetched is checked against a pinned digest before it is used or kept, every record
that is dropped has a reason, and validation shares no line with training. Knows nothing of
torch or of models.
"""

from lianju.corpus.characters import is_simplified, key, line_keys, placeholders, simplified
from lianju.corpus.check import BadRecord, FileReport, check_file
from lianju.corpus.clean import clean
from lianju.corpus.conversion import convert
from lianju.corpus.couplet import Heard, check_text, hear_couplet, hear_text
from lianju.corpus.homework import INSTRUCTION, test_set
from lianju.corpus.known import KnownLines, known_lines
from lianju.corpus.poems import Corpus, Dropped, Example, Poem, Split
from lianju.corpus.reading import shown
from lianju.corpus.sources import large_corpus, training_corpus
from lianju.corpus.split import VALIDATION, is_regular, select, split
from lianju.corpus.training import RunPoems, run_poems
from lianju.corpus.verse_files import (
    Verse,
    VerseFile,
    read_couplets,
    read_records,
    read_verse,
    spoken_verse,
)
from lianju.corpus.verse_text import has_verse, verse_only

__all__ = [
    "INSTRUCTION",
    "VALIDATION",
    "BadRecord",
    "Corpus",
    "Dropped",
    "Example",
    "FileReport",
    "Heard",
    "KnownLines",
    "Poem",
    "RunPoems",
    "Split",
    "Verse",
    "VerseFile",
    "check_file",
    "check_text",
    "clean",
    "convert",
    "has_verse",
    "hear_couplet",
    "hear_text",
    "is_regular",
    "is_simplified",
    "key",
    "known_lines",
    "large_corpus",
    "line_keys",
    "placeholders",
    "read_couplets",
    "read_records",
    "read_verse",
    "run_poems",
    "select",
    "shown",
    "simplified",
    "split",
    "spoken_verse",
    "test_set",
    "training_corpus",
    "verse_only",
]

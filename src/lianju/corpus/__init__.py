"""Poems on disk: where they come from, which are trained on and why not the others.

Every byte fetched is checked against a pinned digest before it is used or kept, every record
that is dropped has a reason, and validation shares no line with training. Knows nothing of
torch or of models.
"""

from lianju.corpus.cache import UnavailableError
from lianju.corpus.characters import is_simplified, key, line_keys, placeholders, simplified
from lianju.corpus.cleaning import clean
from lianju.corpus.conversion import convert
from lianju.corpus.file_reading import shown
from lianju.corpus.file_report import BadRecord, FileReport, check_file
from lianju.corpus.homework import test_set
from lianju.corpus.interpreting import Interpreted, check_text, interpret_couplet, to_traditional
from lianju.corpus.line_index import KnownLines, known_lines
from lianju.corpus.poems import Corpus, Dropped, Example, Poem, Split
from lianju.corpus.row_files import ROW_FILES, FileRow, check_text_file, read_rows
from lianju.corpus.run_data import RunPoems, run_poems
from lianju.corpus.sources import cached_large, large_corpus, training_corpus
from lianju.corpus.splitting import (
    VALIDATION,
    is_regular,
    legal_poems,
    select,
    split,
    validation_poems,
)
from lianju.corpus.verse_files import (
    VerseFile,
    VerseRecord,
    read_couplets,
    read_records,
    read_verse,
    spoken_verse,
)
from lianju.corpus.verse_text import has_verse, verse_only

__all__ = [
    "ROW_FILES",
    "VALIDATION",
    "BadRecord",
    "Corpus",
    "Dropped",
    "Example",
    "FileReport",
    "FileRow",
    "Interpreted",
    "KnownLines",
    "Poem",
    "RunPoems",
    "Split",
    "UnavailableError",
    "VerseFile",
    "VerseRecord",
    "cached_large",
    "check_file",
    "check_text",
    "check_text_file",
    "clean",
    "convert",
    "has_verse",
    "interpret_couplet",
    "is_regular",
    "is_simplified",
    "key",
    "known_lines",
    "large_corpus",
    "legal_poems",
    "line_keys",
    "placeholders",
    "read_couplets",
    "read_records",
    "read_rows",
    "read_verse",
    "run_poems",
    "select",
    "shown",
    "simplified",
    "split",
    "spoken_verse",
    "test_set",
    "to_traditional",
    "training_corpus",
    "validation_poems",
    "verse_only",
]

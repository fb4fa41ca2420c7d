"""The poems of whole dynasties to train on: those of the npm package in one of the four forms."""

from dataclasses import replace
from typing import Literal

from lianju.corpus.characters import line_keys
from lianju.corpus.cleaning import clean
from lianju.corpus.homework import test_set
from lianju.corpus.poems import SONG, Corpus, Dropped, Example, Poem
from lianju.corpus.records import Record, RecordPart
from lianju.corpus.sources import large_corpus, song_corpus, training_corpus
from lianju.corpus.splitting import is_regular, legal_poems, validation_poems
from lianju.progress import Reporter

IRREGULAR = "of none of the four forms"
IN_SUITE = "shares a line with a suite"


def package_corpus(name: Literal["tang", "tang-song"], reporter: Reporter) -> Corpus:
    """The cleaned poems of the Tang, or of Tang and Song, that have one of the four forms and share
    no line with a suite of `lianju evaluate`; what was dropped stands beside them.

    Raises `UserError` where they cannot be had.
    """
    poems = large_corpus(reporter)
    apart = _suites(poems)
    if name == "tang-song":
        poems = [*poems, *(replace(poem, id=SONG + poem.id) for poem in song_corpus(reporter))]
    records = [_record(poem) for poem in poems]
    names = [poem.id for poem in poems]
    examples, dropped, notes = clean(records, names, test_set(), reporter)
    places = {name: index for index, name in enumerate(names)}
    kept = []
    for example in examples:
        reason = "" if is_regular(example) else IRREGULAR
        if not reason and line_keys(example.text) & apart:
            reason = IN_SUITE
        if reason:
            dropped.append(Dropped(places[example.source], reason, example.text))
        else:
            kept.append(example)
    whose = "Tang" if name == "tang" else "Tang and Song"
    return Corpus(kept, dropped, f"the {whose} poems of chinese-poetry", len(poems), tuple(notes))


def _record(poem: Poem) -> Record:
    text = RecordPart("paragraphs", poem.text)
    faults = () if poem.text else (("paragraphs", "empty"),)
    return Record(f" {poem.id}", (text,), poem.title, poem.author, faults)


def _suites(large: list[Poem]) -> set[str]:
    """The lines of what is evaluated on beside the homework's test."""
    test = test_set()
    heldout = validation_poems(large, test)
    seen = [*training_corpus().examples, *heldout, *test]
    legal = legal_poems(large, _lines(seen))
    return _lines([*heldout, *legal])


def _lines(examples: list[Example]) -> set[str]:
    return set().union(*(line_keys(example.text) for example in examples))

"""The templates of the pages, which lie beside this file."""

from functools import partial

from lianju.evaluate import frame
from lianju.explore import stage_words
from lianju.verse import FORMS

frame.templates("lianju.explore").globals |= {
    "forms": {form.name: form.chinese for form in FORMS},
    "happened": stage_words.happened,
    "number": stage_words.number,
    "share": stage_words.share,
    "words_of": stage_words.words_of,
}

rendered = partial(frame.rendered, "lianju.explore")

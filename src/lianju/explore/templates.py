"""The templates of the pages, which lie beside this file; see `lianju.evaluate.frame`."""

from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from lianju.evaluate import frame, typeset
from lianju.explore import stage_words
from lianju.verse import FORMS


def rendered(name: str, **values: object) -> str:
    """A template as HTML, with `values` by name."""
    return _templates().get_template(name).render(values)


@cache
def _templates() -> Environment:
    found = frame.environment("lianju.explore")
    found.filters |= {"typeset": lambda text: Markup(typeset(text))}
    found.globals |= {
        "forms": {form.name: form.chinese for form in FORMS},
        "happened": stage_words.happened,
        "number": stage_words.number,
        "share": stage_words.share,
        "words_of": stage_words.words_of,
    }
    return found

"""The templates of the pages, which lie beside this file.

Whatever they are given is shown as text, unless it is `Markup`: text from a model cannot become
anything else.
"""

from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from lianju.evaluate import markup, writing
from lianju.explore import stage_words
from lianju.templates import templates_of
from lianju.verse import FORMS


def rendered(name: str, **values: object) -> str:
    """A template as HTML, with `values` by name."""
    return _environment().get_template(name).render(values)


@cache
def _environment() -> Environment:
    environment = templates_of("lianju.explore", autoescape=True, finalize=_as_html)
    environment.filters |= {
        "commas": "{:,}".format,
        "label": lambda words: Markup(markup.label(words)),
        "writing": lambda text: Markup(writing(text)),
    }
    environment.globals |= {
        "forms": {form.name: form.chinese for form in FORMS},
        "happened": stage_words.happened,
        "number": stage_words.number,
        "plural": markup.plural,
        "share": stage_words.share,
        "words_of": stage_words.words_of,
    }
    return environment


def _as_html(value: Any) -> Markup:
    return value if isinstance(value, Markup) else Markup(markup.text(value))

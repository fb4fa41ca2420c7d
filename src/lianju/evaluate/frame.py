"""What all pages have in common: one HTML file that needs nothing but itself, under our seal.

What a template is given is shown as text, unless it is `Markup`: text from a model cannot become
anything else.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache, partial
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from lianju.evaluate import markup
from lianju.evaluate.typesetting import typeset

NAME = 'Lianju <span lang="zh-Hant">聯句</span>'


def page(
    title: str, heading: str, under: str, body: str, styles: Sequence[str] = (), script: str = ""
) -> str:
    """A page in the styles of a report and `styles`, all given as HTML, CSS and JavaScript.

    It fetches nothing, and nothing runs but `script`, which its policy names by its digest.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "title": title,
        "heading": heading,
        "under": under,
        "style": "\n".join([resource("lianju.evaluate", "report.css"), *styles]),
        "body": body.rstrip("\n"),
        "script": script,
        "allowed": f"; script-src 'sha256-{digest}'" if script else "",
    }
    html = {name: Markup(part) for name, part in parts.items()}
    return rendered("lianju.evaluate", "frame.html", **html)


@cache
def templates(package: str) -> Environment:
    """The templates that come with a package, and those of reports, with what all pages need."""
    environment = Environment(
        loader=FunctionLoader(partial(_template, package)),
        autoescape=True,
        finalize=_as_html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "commas": "{:,}".format,
        "duration": markup.duration,
        "label": lambda words: Markup(markup.label(words)),
        "percent": markup.percent,
        "terms": markup.terms,
        "typeset": lambda text: Markup(typeset(text)),
    }
    environment.globals |= {
        "facts": lambda rows: Markup(markup.facts(rows)),
        "plural": markup.plural,
        "tile": lambda name, value, *notes: Markup(
            markup.tile(markup.label(name), *map(markup.text, (value, *notes)))
        ),
    }
    return environment


def rendered(package: str, name: str, **values: object) -> str:
    """A template of a package as HTML, with `values` by name."""
    return templates(package).get_template(name).render(values)


def _as_html(value: object) -> Markup:
    return value if isinstance(value, Markup) else Markup(markup.text(value))


def _template(package: str, name: str) -> str:
    """A template of a package; one that it has not is a part of a report."""
    own = resources.files(package).joinpath(name).is_file()
    return resource(package if own else __package__, name)


def resource(package: str, name: str) -> str:
    """The text of a file that comes with a package."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")

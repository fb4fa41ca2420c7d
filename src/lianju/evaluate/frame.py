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

NAME = 'Lianju <span lang="zh-Hant">聯句</span>'


def page(
    title: str, heading: str, under: str, body: str, styles: Sequence[str] = (), script: str = ""
) -> str:
    """A page in the styles of a report and `styles`, all given as HTML, CSS and JavaScript.

    It fetches nothing, and nothing runs but `script`, which its policy names by its digest.
    """
    allowed = ""
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        allowed, script = f"; script-src 'sha256-{digest}'", f"\n<script>{script}</script>"
    parts = {
        "title": title,
        "heading": heading,
        "under": under,
        "style": "\n".join([resource("lianju.evaluate", "report.css"), *styles]),
        "body": body.rstrip("\n"),
        "script": script,
        "allowed": allowed,
    }
    return rendered("frame.html", **{name: Markup(html) for name, html in parts.items()})


def rendered(name: str, **values: object) -> str:
    """A template of this room as HTML, with `values` by name."""
    return _templates().get_template(name).render(values)


@cache
def _templates() -> Environment:
    found = environment("lianju.evaluate")
    found.globals |= {
        "facts": lambda rows: Markup(markup.facts(rows)),
        "tile": lambda name, value, *notes: Markup(
            markup.tile(markup.label(name), *map(markup.text, (value, *notes)))
        ),
    }
    return found


def environment(package: str) -> Environment:
    """What renders the templates that lie in `package`; callers may add what theirs use."""
    found = Environment(
        loader=FunctionLoader(partial(resource, package)),
        autoescape=True,
        finalize=_as_html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {
        "commas": "{:,}".format,
        "duration": markup.duration,
        "label": lambda words: Markup(markup.label(words)),
        "percent": markup.percent,
        "terms": markup.terms,
    }
    found.globals |= {"plural": markup.plural}
    return found


def _as_html(value: object) -> Markup:
    return value if isinstance(value, Markup) else Markup(markup.text(value))


def resource(package: str, name: str) -> str:
    """The text of a file that comes with a package."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")

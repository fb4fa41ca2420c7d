"""What all pages have in common: one HTML file that needs nothing but itself, under our seal."""

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from string import Template

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
    return filled(
        "lianju.evaluate",
        "frame.html",
        title=title,
        heading=heading,
        under=under,
        style="\n".join([resource("lianju.evaluate", "report.css"), *styles]),
        body=body.rstrip("\n"),
        script=script,
        allowed=allowed,
    )


def filled(package: str, name: str, **parts: object) -> str:
    """The file `name` of a package with the parts in the places that it has for them."""
    return Template(resource(package, name)).substitute(parts)


def resource(package: str, name: str) -> str:
    """The text of a file that comes with a package."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")

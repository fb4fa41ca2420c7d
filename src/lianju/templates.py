"""Jinja templates, which lie beside the code that fills them."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def templates_of(package: str, **options: Any) -> Environment:
    """The templates of a package. A name that is not given to one of them is an error."""
    return Environment(
        loader=PackageLoader(package, "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )

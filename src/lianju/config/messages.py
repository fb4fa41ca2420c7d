"""What is wrong with settings, in words: a line that names each, however wild its value is."""

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

# What is quoted of a bad value, and how many bad values are told.
_QUOTED, _TOLD = 60, 10


def told(error: ValidationError, names: Iterable[str], called: Callable[[str], str]) -> str:
    """The faults in one line. `names`: all settings; `called`: how the user knows one of them."""
    details = error.errors()
    more = f"; and {len(details) - _TOLD:,} more" if len(details) > _TOLD else ""
    return "; ".join(_message(detail, names, called) for detail in details[:_TOLD]) + more


def unknown(name: str, names: Iterable[str]) -> str:
    """That there is no such setting, with the nearest that there is."""
    return f"unknown setting {short(repr(name))}: did you mean {_nearest(name, names)!r}?"


def short(text: str) -> str:
    """`text`, or its beginning where it is too long to be quoted."""
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def _message(detail: ErrorDetails, names: Iterable[str], called: Callable[[str], str]) -> str:
    text = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        return text
    path = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return unknown(path, names)
    return f"{called(short(path))}: {text[0].lower()}{text[1:]}, got {_quoted(detail['input'])}"


def _quoted(value: Any) -> str:
    try:
        return short(repr(value))
    except ValueError:  # a number of more digits than Python prints
        return "a huge number"


def _nearest(path: str, names: Iterable[str]) -> str:
    """The known setting most like `path`: one it abbreviates (lr), else the closest spelling."""
    leaf = path.rpartition(".")[2]
    for name in names:
        words = name.rpartition(".")[2].split("_")
        if len(words) > 1 and leaf == "".join(word[0] for word in words):
            return name
    return difflib.get_close_matches(path[:_QUOTED], list(names), n=1, cutoff=0.0)[0]

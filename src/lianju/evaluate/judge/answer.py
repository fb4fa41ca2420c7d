"""Reading answers strictly: a JSON object, wherever it stands, or a last line that says only it."""

import json
import re
from collections.abc import Iterator
from typing import Any, Literal

Better = Literal["A", "B", "tie"]
_LEAD = r"(?i:(?:final |the )*(?:answer|verdict|better|score|答案|分數|評分)(?: is)? ?[:：]? ?)?"
_LAST_CHOICE = re.compile(f"{_LEAD}(A|B|(?i:tie))")
_LAST_SCORE = re.compile(rf"{_LEAD}(\d+(?:\.\d+)?)(?: ?/ ?10)?")
# Characters of an answer, from its end, in which a verdict is looked for.
_LONGEST = 10_000
_ORNAMENTS = str.maketrans("", "", "*_`\"'()[]")


def read_better(text: str) -> Better | None:
    """Which poem an answer prefers; None if it cannot be read, or says two things.

    >>> read_better('Well: {"reason": "clearer", "better": "A"}')
    'A'
    >>> read_better("A has more to say.") is None
    True
    """
    found, value = _named(text, "better")
    if not found:
        value = _last(text, _LAST_CHOICE)
    return _CHOICES.get(value.lower()) if isinstance(value, str) else None


_CHOICES: dict[str, Better] = {"a": "A", "b": "B", "tie": "tie"}


def read_score(text: str) -> float | None:
    """The score that an answer gives, 0 to 10; None if it cannot be read.

    >>> score('{"reason": "smooth", "score": 7.5}')
    7.5
    >>> score("It deserves 11/10.") is None
    True
    """
    found, value = _named(text, "score")
    if not found:
        last = _last(text, _LAST_SCORE)
        value = float(last) if last else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10:
        return None
    return float(value)


def read_reason(text: str) -> str:
    """The reason that an answer gives, if any."""
    _, value = _named(text, "reason")
    return value if isinstance(value, str) else ""


def _named(text: str, name: str) -> tuple[bool, Any]:
    """Whether JSON objects in the text have a field of that name, and its value if they agree."""
    values = [found[name] for found in _objects(_spoken(text)) if name in found]
    agreed = bool(values) and all(value == values[0] for value in values)
    return bool(values), values[0] if agreed else None


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value
        at = text.find("{", end)


def _last(text: str, pattern: re.Pattern[str]) -> str | None:
    lines = _spoken(text).strip().splitlines() or [""]
    # Single spaces, so that no pattern has to try how to share out many.
    match = pattern.fullmatch(" ".join(lines[-1].translate(_ORNAMENTS).strip(" .。").split()))
    return match[1] if match else None


def _spoken(text: str) -> str:
    """The end of the answer, without what a reasoning model thought before it."""
    return text.rpartition("</think>")[2][-_LONGEST:]

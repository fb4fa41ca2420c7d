"""Lianju 聯句: teach a language model to finish Tang poems, and prove that it can.

    writer = lianju.Writer.load()
    for poem in writer.write("空山新雨後，天氣晚來秋。", n=4, form="wulu"):
        print(poem, poem.verdict.regular)

What stands in `__all__` is the public interface; versions say what may change in it. Importing
`lianju` is cheap: what is behind a name is loaded when the name is first used.

>>> import lianju
>>> verdict = lianju.check("白日依山盡，黃河入海流。欲窮千里目，更上一層樓。")
>>> verdict.form, verdict.regular, verdict.rhyme
('wujue', True, '尤')
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lianju.checking import check
    from lianju.errors import UserError
    from lianju.training import FinishedRun, train
    from lianju.verse import Verdict
    from lianju.writer import Continuation, Writer

__version__ = "0.3.0"

__all__ = ["Continuation", "FinishedRun", "UserError", "Verdict", "Writer", "check", "train"]

_HOMES = {
    "Continuation": "lianju.writer",
    "FinishedRun": "lianju.training",
    "UserError": "lianju.errors",
    "Verdict": "lianju.verse",
    "Writer": "lianju.writer",
    "check": "lianju.checking",
    "train": "lianju.training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lianju' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

"""Words for users in both languages, written once where they arise."""

import tomllib
from functools import cached_property
from importlib import resources
from typing import Any, Literal, Self

Language = Literal["en", "zh"]


class Bilingual(str):
    """Words in English, as which they count wherever nobody asks for the Chinese ones.

    >>> note = Bilingual("no couplet", "不是一聯")
    >>> note, in_language(note, "zh"), in_language("nur so", "zh")
    ('no couplet', '不是一聯', 'nur so')
    """

    zh: str

    def __new__(cls, en: str, zh: str) -> Self:
        """The same words in English and in Chinese."""
        words = super().__new__(cls, en)
        words.zh = zh
        return words

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """For copies, and for other processes."""
        return type(self), (str(self), self.zh)


def in_language(words: str, lang: Language) -> str:
    """`words` in a language; as they are where they have no Chinese."""
    return words.zh if lang == "zh" and isinstance(words, Bilingual) else str(words)


class Sentences:
    """The sentences of a room in both languages, from a TOML file beside its code.

    A table is a sentence under its name, with `en` and `zh`; what stands in braces is filled in.

    >>> say = Sentences("lianju.decode", "rule_errors.toml")
    >>> in_language(say("unwritable", characters="咖啡", remedy=say("other_rhymes")), "zh")
    '唐人幾乎不用「咖啡」：請換韻字'
    """

    def __init__(self, package: str, file: str):
        self._package, self._file = package, file

    @cached_property
    def table(self) -> dict[str, Any]:
        """All of them, by name and language."""
        return tomllib.loads(resources.files(self._package).joinpath(self._file).read_text("utf-8"))

    def __call__(self, name: str, /, **values: object) -> Bilingual:
        """A sentence with `values`, of which those in both languages are said in its own."""
        chinese = {k: v.zh if isinstance(v, Bilingual) else v for k, v in values.items()}
        sentence = self.table[name]
        return Bilingual(sentence["en"].format(**values), sentence["zh"].format(**chinese))

"""Words for users in both languages, written once where they arise."""

from typing import Literal, Self


class Said(str):
    """Words in English, as which they count wherever nobody asks for the Chinese ones.

    >>> note = Said("no couplet", "不是一聯")
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


def in_language(words: str, lang: Literal["en", "zh"]) -> str:
    """`words` in a language; as they are where they have no Chinese."""
    return words.zh if lang == "zh" and isinstance(words, Said) else str(words)

"""The rules of verse that can be asked for."""

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator

from lianju.config.settings import Settings

_Line = Annotated[str, StringConstraints(max_length=200)]
# Where a rhyme character is left open; other signs that people write for a gap are taken for it.
OPEN_RHYME = "_"
_OPEN_SIGNS = "＿〇？?□*."

# What people call the forms, besides the names that settings have.
_FORMS = {
    name: form
    for form, names in {
        "auto": "自動 自动",
        "wujue": "五絕 五绝 五言絕句 五言绝句",
        "qijue": "七絕 七绝 七言絕句 七言绝句",
        "wulu": "五律 五言律詩 五言律诗 wulü wulv",
        "qilu": "七律 七言律詩 七言律诗 qilü qilv",
        "free": "自由",
    }.items()
    for name in names.split()
}


class VerseSettings(Settings):
    """The rules that a completion must keep. Each is kept from the first character on."""

    form: Literal["auto", "wujue", "qijue", "wulu", "qilu", "free"] = "auto"
    """wujue 五絕, qijue 七絕, wulu 五律, qilu 七律, in either script; auto: what the couplet can
    open, the model choosing four or eight lines; free: no rule at all."""
    rhyme: str = Field("auto", max_length=100)
    """auto: the couplet's own rhyme; or a Pingshui group such as 東; or off. An oblique rhyme
    leaves the tones free."""
    tone: Literal["on", "off"] = "on"
    """Whether level 平 and oblique 仄 tones keep the metre."""
    lines: int | None = Field(None, ge=4, le=100)
    """Lines of the whole poem, an even number; ten or more make a pailü 排律."""
    acrostic: str = Field("", max_length=400)
    """藏頭: characters with which the lines begin, those to be written or all."""
    rhymes: str = Field("", max_length=400, exclude_if=lambda text: not text)
    """限韻: characters with which the even lines end, those to be written or all; _ leaves a line
    open."""
    given: dict[int, _Line] = Field({}, max_length=98, exclude_if=lambda lines: not lines)
    """Whole lines by their number, 3 or more, which stand as they are while the others are
    written."""

    @field_validator("form", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return _FORMS.get(value, value) if isinstance(value, str) else value

    @field_validator("lines")
    @classmethod
    def _even(cls, value: int | None) -> int | None:
        if value is not None and value % 2:
            raise ValueError("lines of verse come in couplets, so their number is even")
        return value

    @field_validator("rhymes")
    @classmethod
    def _rhymes(cls, value: str) -> str:
        marked = "".join(OPEN_RHYME if c in _OPEN_SIGNS else c for c in value)
        found = "".join(c for c in marked if c == OPEN_RHYME or not (c.isspace() or _is_mark(c)))
        if not all(c == OPEN_RHYME or _is_han(c) for c in found):
            raise ValueError(f"give Han characters, and {OPEN_RHYME} for a line that is left open")
        return found

    @field_validator("given")
    @classmethod
    def _lines(cls, value: dict[int, str]) -> dict[int, str]:
        found = {}
        for number, text in sorted(value.items()):
            if number < 3:
                raise ValueError(f"line {number} is the couplet's: give lines from 3 on")
            found[number] = "".join(c for c in text if not (c.isspace() or _is_mark(c)))
            if not found[number] or not all(map(_is_han, found[number])):
                raise ValueError(f"line {number} is to be of Han characters only")
        return found


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("P")


def _is_han(character: str) -> bool:
    name = unicodedata.name(character, "")
    return name.startswith(("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "IDEOGRAPHIC NUMBER"))

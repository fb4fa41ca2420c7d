"""Flags that several verbs share, with the help texts of the settings they set."""

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from lianju.config import DecodeSettings, Settings, VerseSettings, verse_settings

_VERSE = Group("Verse 格律: the rules that every completion keeps", sort_key=1)
_DECODING = Group("Decoding 解碼: how the next character is drawn", sort_key=2)


def _flag(name: str, of: type[Settings] = DecodeSettings, group: Group = _DECODING) -> Parameter:
    description = of.model_fields[name].description or ""
    return Parameter(help=" ".join(description.split()), group=group, show_default=False)


PARTICLES = _flag("particles", group=_VERSE)


def _rule(name: str) -> Parameter:
    return _flag(name, VerseSettings, _VERSE)


@Parameter(name="*")
@dataclass(frozen=True)
class VerseFlags:
    """The rules of verse; what is not given has its default, which is to keep them all."""

    form: Annotated[
        Literal["auto", "wujue", "qijue", "wulu", "qilu", "free"] | None, _rule("form")
    ] = None
    rhyme: Annotated[str | None, _rule("rhyme")] = None
    tone: Annotated[Literal["on", "off"] | None, _rule("tone")] = None
    lines: Annotated[int | None, _rule("lines")] = None
    acrostic: Annotated[str | None, _rule("acrostic")] = None

    def settings(self) -> VerseSettings:
        """The settings with what was given. Raises `UserError` for a bad value."""
        given = {item.name: getattr(self, item.name) for item in fields(self)}
        return verse_settings({name: value for name, value in given.items() if value is not None})


@Parameter(name="*")
@dataclass(frozen=True)
class DecodeFlags:
    """The decoding parameters; what is not given keeps the recipe's value."""

    temperature: Annotated[float | None, _flag("temperature")] = None
    top_k: Annotated[int | None, _flag("top_k")] = None
    top_p: Annotated[float | None, _flag("top_p")] = None
    min_p: Annotated[float | None, _flag("min_p")] = None
    typical_p: Annotated[float | None, _flag("typical_p")] = None
    max_length: Annotated[int | None, _flag("max_length")] = None
    repetition_penalty: Annotated[float | None, _flag("repetition_penalty")] = None

    def overrides(self) -> dict[str, Any]:
        """What was given, under the settings' dotted names."""
        given = {item.name: getattr(self, item.name) for item in fields(self)}
        return {f"decode.{name}": value for name, value in given.items() if value is not None}

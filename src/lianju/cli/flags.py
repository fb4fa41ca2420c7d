"""Flags that several verbs share, with the help texts of the settings they set."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from cyclopts import Group, Parameter, Token, convert, validators

from lianju.config import MOST_SHOTS, DecodeSettings, Settings, VerseSettings, from_flags, short

_VERSE = Group("Verse 格律: the rules that every completion keeps", sort_key=1)
_DECODING = Group("Decoding 解碼: how the next character is drawn", sort_key=2)


def help_of(name: str, of: type[Settings] = DecodeSettings) -> str:
    """What a setting means, in one line."""
    return " ".join((of.model_fields[name].description or "").split())


def exactly(type_: Any, tokens: Sequence[Token]) -> Any:
    """A flag's value; a whole number as it was written, where cyclopts would round 1.5."""
    if int not in (type_, *get_args(type_)):
        return convert(type_, tokens)
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"{short(repr(tokens[0].value))} is not a whole number") from None


def _form(_type: Any, tokens: Sequence[Token]) -> str:
    """The form by the name that settings have for it, whichever the user knows."""
    name = tokens[0].value
    return str(from_flags(VerseSettings, {"form": name}).form)


def _flag(name: str, group: Group = _DECODING) -> Parameter:
    """The flag of a decoding parameter. It is None if not given, so its default is told apart."""
    default = DecodeSettings.model_fields[name].default
    shown = False if default is None else lambda _: str(default)
    return Parameter(help=help_of(name), group=group, show_default=shown)


EXACT = Parameter(
    help="Write in fp32 with PyTorch. Else OpenVINO writes on a CPU, with weights in 8 bits: "
    "several times as fast, and hardly different."
)
SHARD = Parameter(
    help="Do part I of N only, counted from 1, such as 3/8: for several processes or machines.",
    show_default=False,
)
PARTICLES = _flag("particles", _VERSE)
TASTE = _flag("taste", _VERSE)


def _rule(name: str, **more: Any) -> Parameter:
    return Parameter(help=help_of(name, VerseSettings), group=_VERSE, show_default=False, **more)


@Parameter(name="*")
@dataclass(frozen=True)
class ModelFlags:
    """Which model writes."""

    adapter: Annotated[
        Path | None,
        Parameter(
            help="A run, its adapter or one of its checkpoints, or `reference`, which comes along; "
            "default: the newest in runs/, or the reference where there is none.",
            show_default=False,
        ),
    ] = None
    base: Annotated[bool, Parameter(help="Use the untouched base model.")] = False
    model: Annotated[
        str | None,
        Parameter(help="The base model; default: the adapter's own.", show_default=False),
    ] = None
    exact: Annotated[bool, EXACT] = False


SHOTS = Parameter(
    help="With the untouched base model: show it so many training poems before the couplet, of "
    "lines as long, so that it does as well as prompting makes it.",
    validator=validators.Number(gte=0, lte=MOST_SHOTS),
)


@Parameter(name="*")
@dataclass(frozen=True)
class VerseFlags:
    """The rules of verse; what is not given has its default, which is to keep them all."""

    form: Annotated[
        Literal["auto", "wujue", "qijue", "wulu", "qilu", "free"] | None,
        _rule("form", converter=_form),
    ] = None
    rhyme: Annotated[str | None, _rule("rhyme")] = None
    tone: Annotated[Literal["on", "off"] | None, _rule("tone")] = None
    lines: Annotated[int | None, _rule("lines")] = None
    acrostic: Annotated[str | None, _rule("acrostic")] = None
    rhymes: Annotated[str | None, _rule("rhymes")] = None

    def settings(self) -> VerseSettings:
        """The settings with what was given. Raises `UserError` for a bad value."""
        return from_flags(VerseSettings, _given(asdict(self)))


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


def decode_overrides(flags: DecodeFlags | None, **more: Any) -> dict[str, Any]:
    """What was given, under the settings' dotted names; `more` are parameters with own flags.

    Raises `UserError` naming a flag with a bad value.
    """
    given = _given((asdict(flags) if flags else {}) | more)
    from_flags(DecodeSettings, given)
    return {f"decode.{name}": value for name, value in given.items()}


def _given(flags: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}

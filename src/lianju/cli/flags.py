"""Flags that several verbs share, with the help texts of the settings they set."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

from cyclopts import Group, Parameter

from lianju.config import DecodeSettings

_DECODING = Group("Decoding 解碼: how the next character is drawn", sort_key=2)


def _flag(name: str) -> Parameter:
    description = DecodeSettings.model_fields[name].description or ""
    return Parameter(help=" ".join(description.split()), group=_DECODING, show_default=False)


@Parameter(name="*")
@dataclass(frozen=True)
class DecodeFlags:
    """The decoding parameters; what is not given keeps the recipe's value."""

    temperature: Annotated[float | None, _flag("temperature")] = None
    top_k: Annotated[int | None, _flag("top_k")] = None
    top_p: Annotated[float | None, _flag("top_p")] = None
    max_length: Annotated[int | None, _flag("max_length")] = None
    repetition_penalty: Annotated[float | None, _flag("repetition_penalty")] = None

    def overrides(self) -> dict[str, Any]:
        """What was given, under the settings' dotted names."""
        given = {item.name: getattr(self, item.name) for item in fields(self)}
        return {f"decode.{name}": value for name, value in given.items() if value is not None}

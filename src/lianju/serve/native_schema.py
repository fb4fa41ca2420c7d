"""What the native API takes: the bodies of requests, with their ranges; and what errors look like.

Unknown fields are refused and types are strict: "0.7" is no number. Ranges, defaults and what a
setting does come from `lianju.config`, so that file, flag and request cannot differ.
"""

import re
from collections.abc import Mapping
from copy import copy
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
)

from lianju.config import DecodeSettings, VerseSettings

LONGEST_COUPLET, LONGEST_PREFIX, LONGEST_TEXT, LONGEST_POEMS = 200, 400, 4000, 20_000
_COUPLET = "空山新雨後，天氣晚來秋。"
_POEM = "移舟泊煙渚，日暮客愁新。野曠天低樹，江清月近人。"
_OTHER = "千山鳥飛絕，萬徑人蹤滅。孤舟蓑笠翁，獨釣寒江雪。"
_NUMBER = "^([3-9]|[1-9][0-9]|100)$"


class StrictModel(BaseModel):
    """A body, or a part of one: unknown fields are refused, and types are strict."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def decode_field(name: str) -> Any:
    """A field as `config.DecodeSettings` has it: default, range, description."""
    return copy(DecodeSettings.model_fields[name])


def _line_number(key: Any) -> Any:
    """The key of a JSON object as a number."""
    if isinstance(key, str) and not re.fullmatch(_NUMBER, key):
        raise ValueError("the couplet is lines 1 and 2: give lines by their number, 3 to 100")
    return int(key)


_LineNumber = Annotated[int, BeforeValidator(_line_number)]
_LineText = Annotated[str, StringConstraints(min_length=1, max_length=50)]
_Given = dict[_LineNumber, _LineText]
_GIVEN_SCHEMA = {
    "type": "object",
    "patternProperties": {_NUMBER: {"type": "string", "minLength": 1, "maxLength": 50}},
    "additionalProperties": False,
    "maxProperties": 98,
    "examples": [{"4": "清泉石上流"}],
}


# --- what is asked -------------------------------------------------------------------------


class VerseRules(VerseSettings):
    """The rules that a poem keeps, by construction. An empty object asks for all of them."""

    model_config = ConfigDict(strict=True)

    rhyme: str = Field("auto", max_length=10)
    """auto: the couplet's own rhyme; or a Pingshui group such as 東; or off. An oblique rhyme
    leaves the tones free."""
    acrostic: str = Field("", max_length=100)
    """藏頭: characters with which the lines begin, those to be written or all."""
    rhymes: str = Field("", max_length=100)
    """限韻: characters with which the even lines end, those to be written or all; _ leaves a line
    open, as in 流_愁."""
    given: Annotated[_Given, WithJsonSchema(_GIVEN_SCHEMA)] = Field({}, max_length=98)
    """Whole lines by their number in the poem, 3 or more, that stand as they are while the others
    are written."""
    particles: int = decode_field("particles")
    taste: float = decode_field("taste")

    @property
    def rules(self) -> VerseSettings:
        """The rules alone."""
        return VerseSettings(**self.model_dump(exclude={"particles", "taste"}))


class CoupletRequest(StrictModel):
    """A couplet, how it is to be gone on with, and how the next token is drawn."""

    # What errors about a request's parts name.
    params: ClassVar[Mapping[str, str]] = {"max_length": "max_tokens"}

    couplet: str = Field(min_length=1, max_length=LONGEST_COUPLET)
    """The first couplet of a poem. Simplified characters and other punctuation are read as verse
    writes them, which the answer's notes tell."""
    model: str | None = Field(None, max_length=300)
    """A name that GET /v1/models lists; null: the first of them."""
    verse: VerseRules | None = None
    """null: the form that the couplet can open, with all its rules. {"form": "free"}: no rules."""
    prefix: str = Field("", max_length=LONGEST_PREFIX)
    """What stands after the couplet already; the poem goes on from there."""
    temperature: float = decode_field("temperature")
    top_k: int = decode_field("top_k")
    top_p: float = decode_field("top_p")
    min_p: float = decode_field("min_p")
    typical_p: float = decode_field("typical_p")
    repetition_penalty: float = decode_field("repetition_penalty")

    @field_validator("temperature")
    @classmethod
    def _not_too_small(cls, value: float) -> float:
        return DecodeSettings._not_too_small(value)

    @property
    def rules(self) -> VerseSettings:
        """The rules that the poem keeps."""
        return self.verse.rules if self.verse else VerseSettings()


class PoemsRequest(CoupletRequest):
    """Asks for one or more ways in which a poem could go on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"couplet": _COUPLET, "n": 2, "seed": 7},
                {"couplet": _COUPLET, "verse": {"form": "wulu", "rhyme": "尤"}, "top_p": 0.8},
                {"couplet": _COUPLET, "verse": {"form": "free"}, "stream": True},
            ]
        }
    )

    n: int = Field(1, ge=1, le=16)
    """How many poems. n × particles, where rules are kept, is at most 256."""
    max_tokens: int | None = Field(None, ge=1, description=decode_field("max_length").description)
    seed: int | None = Field(None, ge=0, lt=2**63)
    """The same seed gives the same poems; null: drawn by the server and told in the answer."""
    stream: bool = False
    """Send server-sent events as the poems grow instead of one answer at the end."""


class NextRequest(CoupletRequest):
    """Asks what the next token could be, and what each setting makes of that."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"couplet": _COUPLET, "prefix": "明月松", "top_k": 20, "top": 5}]
        }
    )

    top: int = Field(12, ge=1, le=40)
    """So many of the likeliest tokens at least are listed."""


class _Judging(StrictModel):
    strict: bool = False
    """The strict school: three oblique tones at the end of a line 三仄尾 are a fault, and a rare
    reading excuses nothing."""
    borrow: bool = True
    """Whether the first line may rhyme in a neighbouring group 借鄰韻."""


class CheckRequest(_Judging):
    """Asks whether a poem keeps the rules of regulated verse."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": _POEM}, {"poem": _POEM}],
            "oneOf": [{"required": ["text"]}, {"required": ["poem"]}],
        }
    )

    text: str = Field("", min_length=1, max_length=LONGEST_TEXT)
    """A whole poem in Chinese characters."""
    poem: str = Field("", min_length=1, max_length=LONGEST_TEXT)
    """Another name of `text`: one of them is needed, not both."""


class CheckPoemsRequest(_Judging):
    """Asks the same of one or several poems at once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": f"{_POEM}\n{_OTHER}"}]})

    text: str = Field(min_length=1, max_length=LONGEST_POEMS)
    """Poems in Chinese characters: one a line, or with blank lines between them. Titles and authors
    may stand above them."""


# --- errors --------------------------------------------------------------------------------


class ErrorDetail(StrictModel):
    """Why a request was refused."""

    message: str
    type: str
    param: str | None
    """The field at fault."""
    code: str | None


class ErrorAnswer(StrictModel):
    """The body of every answer that is an error."""

    error: ErrorDetail
    message_zh: str = ""
    """The message in Chinese, where it has one."""

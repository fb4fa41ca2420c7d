"""What the native API takes and gives: the bodies of requests and answers, with their ranges.

Unknown fields are refused and types are strict: "0.7" is no number. Ranges, defaults and what a
setting does come from `lianju.config`, so that file, flag and request cannot differ.
"""

import re
from copy import copy
from typing import Annotated, Any, Literal

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

LONGEST_COUPLET, LONGEST_PREFIX, LONGEST_TEXT = 200, 400, 4000
_COUPLET = "空山新雨後，天氣晚來秋。"
_POEM = "移舟泊煙渚，日暮客愁新。野曠天低樹，江清月近人。"
_NUMBER = "^([3-9]|[1-9][0-9]|100)$"


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def _decode(name: str) -> Any:
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


class Verse(VerseSettings):
    """The rules that a poem keeps, by construction. An empty object asks for all of them."""

    model_config = ConfigDict(strict=True)

    rhyme: str = Field("auto", max_length=10)
    """auto: the couplet's own rhyme; or a Pingshui group such as 東; or off. An oblique rhyme
    leaves the tones free."""
    acrostic: str = Field("", max_length=100)
    """藏頭: characters with which the lines begin, those to be written or all."""
    given: Annotated[_Given, WithJsonSchema(_GIVEN_SCHEMA)] = Field({}, max_length=98)
    """Whole lines by their number in the poem, 3 or more, that stand as they are while the others
    are written."""
    particles: int = _decode("particles")

    @property
    def rules(self) -> VerseSettings:
        """The rules alone."""
        return VerseSettings(**self.model_dump(exclude={"particles"}))


class Asking(_Part):
    """A couplet, how it is to be gone on with, and how the next token is drawn."""

    couplet: str = Field(min_length=1, max_length=LONGEST_COUPLET)
    """The first couplet of a poem. Simplified characters and other punctuation are read as verse
    writes them, which the answer's notes tell."""
    model: str | None = Field(None, max_length=300)
    """A name that GET /v1/models lists; null: the first of them."""
    verse: Verse | None = None
    """null: the form that the couplet can open, with all its rules. {"form": "free"}: no rules."""
    prefix: str = Field("", max_length=LONGEST_PREFIX)
    """What stands after the couplet already; the poem goes on from there."""
    temperature: float = _decode("temperature")
    top_k: int = _decode("top_k")
    top_p: float = _decode("top_p")
    min_p: float = _decode("min_p")
    typical_p: float = _decode("typical_p")
    repetition_penalty: float = _decode("repetition_penalty")

    @field_validator("temperature")
    @classmethod
    def _not_too_small(cls, value: float) -> float:
        return DecodeSettings._not_too_small(value)


class PoemsRequest(Asking):
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
    """How many poems."""
    max_tokens: int | None = _decode("max_length")
    seed: int | None = Field(None, ge=0, lt=2**63)
    """The same seed gives the same poems; null: drawn by the server and told in the answer."""
    stream: bool = False
    """Send server-sent events as the poems grow instead of one answer at the end."""


class NextRequest(Asking):
    """Asks what the next token could be, and what each setting makes of that."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"couplet": _COUPLET, "prefix": "明月松", "top_k": 20, "top": 5}]
        }
    )

    top: int = Field(12, ge=1, le=40)
    """So many of the likeliest tokens at least are listed."""


class CheckRequest(_Part):
    """Asks whether a poem keeps the rules of regulated verse."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": _POEM}]})

    text: str = Field(min_length=1, max_length=LONGEST_TEXT)
    """A whole poem in Chinese characters."""
    strict: bool = False
    """Read every character in its common way only, even where it fails."""
    borrow: bool = False
    """Let the first line rhyme in a neighbouring group 借鄰韻."""


# --- what is answered ----------------------------------------------------------------------


class Said(_Part):
    """The same in English and in Chinese."""

    en: str
    zh: str


class SaidLines(_Part):
    """The same lines in English and in Chinese."""

    en: list[str]
    zh: list[str]


class Source(_Part):
    """A poem of the corpus."""

    author: str
    title: str


class Character(_Part):
    """A character of a poem, as its line reads it."""

    character: str
    sign: str = Field(pattern="^[○●◌]$")
    """○ level 平, ● oblique 仄, ◌ in neither rhyme book."""
    readings: list[str]
    """Tone and rhyme group of each reading, such as 平東; the one taken here first."""
    rhymes: bool
    """Whether this is a rhyme of the poem."""
    faults: list[str]
    """The Chinese names of the rules that it breaks, such as 落韻. Old-style verse, which is not
    held to these rules, has none."""


class Line(_Part):
    """A line of verse, without its punctuation."""

    number: int
    """From 1."""
    text: str
    given: bool
    """Whether it was in the request: in the couplet, the prefix or the lines given."""
    rhyme: str
    """The title of the rhyme group that it ends in, such as 上平聲一東; empty if it need not
    rhyme."""
    copied: list[Source]
    """The poems of the corpus that have this line word for word; none of the couplet's lines."""
    characters: list[Character]


class VerdictLine(_Part):
    """A line as the checker has it."""

    text: str
    marks: str
    """One sign a character: ○ ● ◌."""
    readings: list[list[str]]
    rhyme_title: str


class VerdictFault(_Part):
    """A broken rule, or a remark, as the checker has it; see Fault."""

    rule: str
    line: int
    position: int
    expected: str
    found: str
    words_en: str
    words_zh: str
    rule_en: str
    rule_zh: str


class PoemVerdict(_Part):
    """What the checker says of couplet and text together."""

    form: str | None
    """wujue, qijue, wulü, qilü, wupai or qipai; null for any other shape."""
    style: Literal["regulated", "faulty", "old-style"]
    """regulated: no fault; faulty: meant to be; old-style 古體: not meant to be."""
    why: Literal["", "shape", "oblique rhyme", "no rhyme", "metre"]
    """Why it is old-style verse."""
    regular: bool
    """Whether it keeps every rule."""
    rhymes: bool
    """Whether every rhyme is right."""
    scans: bool
    """Whether every tone is right that is no rhyme's."""
    rhyme: str
    """The names of the groups that most rhymes share."""
    rhyme_titles: list[str]
    types: str
    """The line types A to D of the metre that it was fitted to, one a line."""
    unknown: str
    """The characters that neither rhyme book has; they count as fitting."""
    lines: list[VerdictLine]
    faults: list[VerdictFault]
    remarks: list[VerdictFault]
    said: SaidLines
    """Form, style, opening and rhyme; why it is old-style verse; what the verdict rests on."""


class Poem(_Part):
    """A couplet and how it goes on, annotated."""

    index: int
    """Its number among the candidates, from 0."""
    couplet: str
    """As it was read."""
    text: str
    """What stands after the couplet, the prefix included."""
    finish: Literal["stop", "length"]
    """It ended by itself, or was cut off."""
    tokens: int
    """How many tokens the model wrote, the one that ends the poem included."""
    logprob: float
    """Sum of the natural log-probabilities of these tokens under the model as it is."""
    logprob_per_character: float
    """`logprob` divided by the characters of `text`: poems are ordered by this."""
    allowed: float
    """Logarithm of the probability that the rules left: 0 where none forced the model."""
    form: str | None
    """wujue 五絕, qijue 七絕, wulü 五律, qilü 七律 or another form of regulated verse, or null.
    Without rules only where the punctuation is right as well."""
    fault: str
    """Without rules: what is wrong with the shape, in words."""
    verdict: PoemVerdict
    lines: list[Line]


class _Written(_Part):
    id: str
    object: Literal["poems"] = "poems"
    created: int
    """Seconds since 1970."""
    model: str
    seed: int
    notes: list[str]
    """How the request was read, and what was asked for that cannot be kept."""


class PoemsAnswer(_Written):
    """The poems, the one that the model likes best first."""

    poems: list[Poem]


class Draft(_Part):
    """`event: draft`: how far a candidate has grown."""

    index: int
    settled: str
    """What is certain; it only grows."""
    text: str
    """The likeliest whole so far, which begins with `settled`; the rest may still change."""


class Done(_Written):
    """`event: done`: what belongs to all poems."""

    order: list[int]
    """The candidates, the one that the model likes best first."""


class NextStage(_Part):
    """One step from the model's own distribution to the one that is drawn from."""

    name: str
    """raw, rules, or the setting that makes the step."""
    entropy: float
    """In nats."""
    bits: float
    """The same in bits."""
    effective: float
    """How many equally likely choices would be as uncertain."""
    left: int
    """How many tokens are not ruled out."""
    cut: float
    """The probability, at the stage before, of the tokens ruled out since."""


class NextChoice(_Part):
    """A token that could come next."""

    token: int
    text: str
    """What it reads as: characters; a part of one in hex, as ⟨E7⟩."""
    ends: bool
    """Whether it ends the poem."""
    probabilities: list[float]
    """One a stage."""
    cut_at: int | None
    """The stage, from 0, that ruled it out; null if it can be drawn."""


class NextAnswer(_Part):
    """The distribution of the next token, stage by stage."""

    model: str
    notes: list[str]
    prefix: str
    """The text after the couplet so far."""
    stages: list[NextStage]
    choices: list[NextChoice]
    """Ordered by their raw probability."""
    rest: list[float]
    """What all other tokens have together, one a stage."""


class Fault(_Part):
    """A broken rule, or a remark on what is no fault."""

    rule: str
    """Its Chinese name, such as 落韻."""
    line: int
    """From 1."""
    position: int
    """The character in the line, from 1."""
    expected: str
    """平, 仄, or names of rhyme groups; empty for a remark."""
    found: str
    said: Said
    """What is wrong."""
    rule_said: Said
    """The rule."""


class CheckAnswer(_Part):
    """What the checker says of a poem."""

    form: str | None
    style: Literal["regulated", "faulty", "old-style"]
    why: Literal["", "shape", "oblique rhyme", "no rhyme", "metre"]
    rhyme: str
    types: str
    regular: bool
    notes: list[str]
    lines: list[Line]
    faults: list[Fault]
    """Of old-style verse: what keeps it from being regulated."""
    remarks: list[Fault]
    said: SaidLines


class ExamplesAnswer(_Part):
    """Couplets to begin with."""

    couplets: list[str]


class SettingAnswer(_Part):
    """One setting: its default, range and what it does."""

    default: float | int | str | None
    minimum: float | int | None = None
    maximum: float | int | None = None
    exclusive: bool = False
    """Whether the minimum itself is not allowed."""
    choices: list[str] = []
    description: str


class SettingsAnswer(_Part):
    """Every setting by its name in a request."""

    decode: dict[str, SettingAnswer]
    verse: dict[str, SettingAnswer]
    rhymes: list[str]
    """The titles of the 30 level rhyme groups."""


class Result(_Part):
    """A report that this machine has made."""

    id: str
    kind: Literal["run", "evaluation", "sweep"]
    name: str
    created: int
    """Seconds since 1970."""
    summary: str
    """What came of it, in a sentence."""


class ResultsAnswer(_Part):
    """The reports, the newest first."""

    results: list[Result]


class ErrorDetail(_Part):
    """Why a request was refused."""

    message: str
    type: str
    param: str | None
    """The field at fault."""
    code: str | None


class ErrorAnswer(_Part):
    """The body of every answer that is an error."""

    error: ErrorDetail

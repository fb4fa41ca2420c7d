"""What the native API gives: the bodies of answers and of the events of a stream."""

from typing import Literal

from pydantic import Field

from lianju.experiments import RunRow
from lianju.serve.native_schema import StrictModel
from lianju.verse import Style, Why


class BilingualText(StrictModel):
    """The same in English and in Chinese."""

    en: str
    zh: str


class BilingualLines(StrictModel):
    """The same lines in English and in Chinese."""

    en: list[str]
    zh: list[str]


class PoemSource(StrictModel):
    """A poem of the corpus."""

    author: str
    title: str


class CharacterAnswer(StrictModel):
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


class LineAnswer(StrictModel):
    """A line of verse, without its punctuation."""

    number: int
    """From 1."""
    text: str
    given: bool
    """Whether it was in the request: in the couplet, the prefix or the lines given."""
    rhyme: str
    """The title of the rhyme group that it ends in, such as 上平聲一東; empty if it need not
    rhyme."""
    copied: list[PoemSource]
    """The poems of the corpus that have this line word for word; none of the couplet's lines."""
    characters: list[CharacterAnswer]


class VerdictLine(StrictModel):
    """A line as the checker has it."""

    text: str
    marks: str
    """One sign a character: ○ ● ◌."""
    readings: list[list[str]]
    rhyme_title: str


class VerdictFault(StrictModel):
    """A broken rule, or a remark, as the checker has it; see FaultAnswer."""

    rule: str
    line: int
    position: int
    expected: str
    found: str
    words_en: str
    words_zh: str
    rule_en: str
    rule_zh: str


class Judged(StrictModel):
    """What the checker says of a poem."""

    form: str | None
    """wujue, qijue, wulü, qilü, wupai or qipai; of old-style verse wugu 五古, qigu 七古, or wujue
    and qijue for a quatrain; liuyan 六言; null for any other shape."""
    style: Style
    """regulated: no fault; rare: none, but only by readings that poets hardly used; undecided:
    none, but a reading is unknown; faulty: meant to be regulated; old-style 古體: not meant to be;
    six 六言; couplet 一聯; fragment 殘句; mixed 詞或雜言."""
    why: Why
    """Why it is not judged as regulated verse; empty where it is."""
    regular: bool
    """Whether it keeps every rule."""
    rhyme: str
    """The names of the groups that most rhymes share."""
    types: str
    """The line types A to D of the metre that it was fitted to, one a line."""
    said: BilingualLines
    """Form, style, opening and rhyme; why it is old-style verse; what the verdict rests on."""


class PoemVerdict(Judged):
    """What the checker says of couplet and text together, as the command line's JSON has it."""

    rhymes: bool
    """Whether every rhyme is right."""
    scans: bool
    """Whether every tone is right that is no rhyme's."""
    rhyme_titles: list[str]
    unknown: str
    """The characters that neither rhyme book has."""
    lines: list[VerdictLine]
    faults: list[VerdictFault]
    remarks: list[VerdictFault]
    rests: list[VerdictFault]
    """The rare readings 罕讀 and unknown characters 未詳 that the verdict rests on."""


class PoemAnswer(StrictModel):
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
    """`logprob` divided by the characters of `text`."""
    rating: float
    """How far it stands out from what the reference model usually writes, towards what poets
    write, in standard deviations: poems are ordered by this. -1000000 where it is no couplets of
    five or seven characters."""
    allowed: float
    """Logarithm of the probability that the rules left: 0 where none forced the model."""
    form: str | None
    """wujue 五絕, qijue 七絕, wulü 五律, qilü 七律 or another form of regulated verse, or null.
    Without rules only where the punctuation is right as well."""
    fault: str
    """Without rules: what is wrong with the shape, in words."""
    fault_zh: str
    """The same in Chinese."""
    verdict: PoemVerdict
    lines: list[LineAnswer]


class Noted(StrictModel):
    """An answer with what there is to tell of how the request was read."""

    notes: list[str]
    """How the request was read, and what was asked for that cannot be kept."""
    notes_zh: list[str]
    """The same notes in Chinese."""


class _Written(Noted):
    id: str
    object: Literal["poems"] = "poems"
    created: int
    """Seconds since 1970."""
    model: str
    seed: int


class PoemsAnswer(_Written):
    """The poems, the one with the highest rating first."""

    poems: list[PoemAnswer]


class Draft(StrictModel):
    """`event: draft`: how far a candidate has grown."""

    index: int
    settled: str
    """What is certain; it only grows."""
    text: str
    """The likeliest whole so far, which begins with `settled`; the rest may still change."""


class Done(_Written):
    """`event: done`: what belongs to all poems."""

    order: list[int]
    """The candidates, the one with the highest rating first."""


class NextStage(StrictModel):
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


class NextChoice(StrictModel):
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


class NextAnswer(Noted):
    """The distribution of the next token, stage by stage."""

    model: str
    prefix: str
    """The text after the couplet so far."""
    stages: list[NextStage]
    choices: list[NextChoice]
    """Ordered by their raw probability."""
    rest: list[float]
    """What all other tokens have together, one a stage."""


class FaultAnswer(StrictModel):
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
    """What stands there; of parallelism 對仗, of the couplet that begins there, 可見 or 未見."""
    said: BilingualText
    """What is wrong."""
    rule_said: BilingualText
    """The rule."""


class CheckAnswer(Noted, Judged):
    """What the checker says of a poem."""

    lines: list[LineAnswer]
    faults: list[FaultAnswer]
    """Of old-style verse: what keeps it from being regulated."""
    remarks: list[FaultAnswer]
    rests: list[FaultAnswer]
    """The rare readings 罕讀 and unknown characters 未詳 that the verdict rests on."""


class PoemRow(StrictModel):
    """One of several poems that were judged, in a row."""

    number: int
    """Its number, from 1."""
    title: str
    """As it stands above the poem; empty if nothing does."""
    author: str
    text: str
    """As it was read; POST /v1/check tells all of it."""
    opening: str
    """Its first line, cut where it is long."""
    style: str
    """See CheckAnswer."""
    form_said: BilingualText
    style_said: BilingualText
    rhyme: str
    brief: BilingualText
    """The first thing that is wrong; empty if nothing is."""


class TotalRow(StrictModel):
    """The poems of one form, or all: how many there are, and how many keep the rules."""

    form: BilingualText
    poems: int
    rhymes: int
    """Every rhyme is right."""
    scans: int
    """Every other tone is right."""
    regular: int
    """Both."""


class PoemsCheckAnswer(Noted):
    """What the checker says of one or several poems. The notes name what looks like no verse."""

    poems: list[PoemRow]
    totals: list[TotalRow]
    """One for each form that there is, then one for all."""
    old_style: int
    """How many are old-style verse, which is not held to these rules."""
    only: CheckAnswer | None
    """All there is to say, where there is one poem."""


class ExamplesAnswer(StrictModel):
    """Couplets to begin with."""

    couplets: list[str]


class SettingAnswer(StrictModel):
    """One setting: its default, range and what it does."""

    default: float | int | str | None
    minimum: float | int | None
    maximum: float | int | None
    exclusive: bool
    """Whether the minimum itself is not allowed."""
    choices: list[str]
    description: str


class SettingsAnswer(StrictModel):
    """Every setting by its name in a request."""

    decode: dict[str, SettingAnswer]
    verse: dict[str, SettingAnswer]
    rhymes: list[str]
    """The titles of the 30 level rhyme groups."""


class ReportRow(StrictModel):
    """A report that this machine has made."""

    id: str
    kind: Literal["run", "evaluation", "sweep", "comparison"]
    name: str
    created: int
    """Seconds since 1970."""
    summary: str
    """What came of it, in a sentence."""
    summary_zh: str
    """The same in Chinese."""


class ResultsAnswer(StrictModel):
    """The reports, the newest first."""

    results: list[ReportRow]


class RunAnswer(RunRow):
    """A run of this machine, whether it has finished or not."""

    id: str
    """By which it is compared, and its report is asked for."""


class RunsAnswer(StrictModel):
    """The runs, that which changed last first."""

    settings: list[str]
    """The settings in which they differ, by dotted name."""
    runs: list[RunAnswer]

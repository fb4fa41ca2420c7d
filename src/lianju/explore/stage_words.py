"""The stages between a model and a draw in words: their names, what each does, what it did here.

The sentences on what each does stand in stages.toml.
"""

from dataclasses import dataclass

from lianju.config import DecodeSettings
from lianju.decode import Choice, Step
from lianju.evaluate import markup
from lianju.verse import Sentences

# The settings that make stages, in the order in which they act.
SETTINGS = ("repetition_penalty", "temperature", "top_k", "top_p", "min_p", "typical_p")
_OFF = DecodeSettings(temperature=1, top_p=1, repetition_penalty=1)
_STAGES = Sentences("lianju.explore", "stages.toml")


@dataclass(frozen=True)
class StageWords:
    """A stage as readers meet it.

    `name` and `chinese`: what it is called. `value`: what it was set to; empty where nothing is
    set. `says` and `says_chinese`: what it does, for one who never heard of it.
    """

    name: str
    chinese: str
    value: str
    says: str
    says_chinese: str

    @property
    def title(self) -> str:
        """Its name with its value: "Top-p 0.9"."""
        return f"{self.name} {self.value}".strip()


def words_of(stage: str, settings: DecodeSettings) -> StageWords:
    """The words for a stage of the pipeline, by its name there."""
    value = f"{getattr(settings, stage):g}" if stage in SETTINGS else ""
    words = _STAGES.table[stage]
    says = words[_warmth(settings.temperature)] if stage == "temperature" else words
    return StageWords(words["name"], words["chinese"], value, says["en"], says["zh"])


def _warmth(temperature: float) -> str:
    if temperature in (0, 1):
        return "one" if temperature else "zero"
    return "below" if temperature < 1 else "above"


def idle(settings: DecodeSettings) -> list[str]:
    """The settings that change nothing as they are set; at temperature 0 no cut is left to do."""
    greedy = SETTINGS[SETTINGS.index("temperature") + 1 :] if settings.temperature == 0 else ()
    return [
        name
        for name in SETTINGS
        if name in greedy or getattr(settings, name) == getattr(_OFF, name)
    ]


def happened(step: Step, at: int, settings: DecodeSettings) -> str:
    """What the stage numbered `at` did to this very step, in one or two sentences."""
    figures = step.stages[at]
    if at == 0:
        first = max(step.choices, key=lambda choice: choice.probabilities[0])
        return (
            f"The likeliest is {first.text} with {share(first.probabilities[0])}; the choice is as "
            f"open as among {number(figures.effective)} equally likely tokens."
        )
    before = step.stages[at - 1]
    struck = before.left - figures.left
    if figures.name in ("repetition_penalty", "temperature") and settings.temperature:
        moved = max(step.choices, key=lambda choice: _change(choice, at))
        if _change(moved, at) == 0:
            return "Here it changed nothing."
        return (
            f"{moved.text} goes from {share(moved.probabilities[at - 1])} to "
            f"{share(moved.probabilities[at])}. The choice was as open as among "
            f"{number(before.effective)} equally likely tokens, now it is as among "
            f"{number(figures.effective)}."
        )
    if not struck:
        return f"Here it struck nothing: {_stay(figures.left)}."
    bar = ""
    if figures.name == "min_p":
        top = max(choice.probabilities[at - 1] for choice in step.choices)
        bar = f"The bar lies at {share(settings.min_p * top)}. "
    had = "which had" if struck == 1 else "which together had"
    return (
        f"{bar}It struck {markup.plural(struck, 'token')}, {had} {share(figures.cut)}; "
        f"{_stay(figures.left)}."
    )


def _stay(left: int) -> str:
    return "1 token stays" if left == 1 else f"{left:,} tokens stay"


def _change(choice: Choice, at: int) -> float:
    return abs(choice.probabilities[at] - choice.probabilities[at - 1])


def share(probability: float) -> str:
    """A probability for a reader: "23.4%", "0.05%", "<0.01%"."""
    percent = 100 * probability
    if 0 < percent < 0.01:
        return "<0.01%"
    if percent < 0.995:
        return f"{percent:.2f}%"
    # 99.97 is not all.
    return "100%" if probability > 0.99995 else f"{min(percent, 99.9):.1f}%"


def number(value: float) -> str:
    """A number of choices, with a decimal where it is small: "14.3", "804"."""
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"

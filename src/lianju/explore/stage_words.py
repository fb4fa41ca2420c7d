"""The stages between a model and a draw in words: their names, what each does, what it did here."""

from dataclasses import dataclass

from lianju.config import DecodeSettings
from lianju.decode import Choice, Step
from lianju.evaluate import markup

# The settings that make stages, in the order in which they act.
SETTINGS = ("repetition_penalty", "temperature", "top_k", "top_p", "min_p", "typical_p")
_OFF = DecodeSettings(temperature=1, top_p=1)
_NAMES = {
    "raw": ("Model", "模型"),
    "rules": ("Form", "格律"),
    "repetition_penalty": ("Penalty", "懲罰"),
    "temperature": ("Temperature", "溫度"),
    "top_k": ("Top-k", "前幾名"),
    "top_p": ("Top-p", "累計"),
    "min_p": ("Min-p", "下限"),
    "typical_p": ("Typical", "典型"),
}
_SAYS = {
    "raw": (
        "The model reads everything so far and gives each token it knows, in verse one "
        "character, a probability. Nothing has been chosen yet.",
        "模型讀完前文，給它認得的每個字一個機率。此時還沒有選。",
    ),
    "rules": (
        "The form strikes out every token that would break the verse here: a wrong tone, a "
        "wrong rhyme, a line of the wrong length; or a character that is not among those the rules "
        "know from regulated verse. What is left is scaled up to 100%.",
        "格律刪去平仄、押韻、句長不合的字，以及格律字表未收的字，其餘按比例湊回百分之百。",
    ),
    "repetition_penalty": (
        "What stands in the poem already becomes less likely, so that it repeats itself less.",
        "已經寫過的字，機率調低，免得重複。",
    ),
    "top_k": (
        "Only so many of the likeliest tokens stay; the rest are struck, however close they come.",
        "只留機率最高的這麼多個字，其餘再接近也刪去。",
    ),
    "top_p": (
        "From the likeliest down, probabilities are added up until they reach this share; what "
        "was not needed is struck. Where the model is sure, few tokens stay, elsewhere many.",
        "由高往低累加，滿此比例為止，其餘刪去：有把握時留得少，沒把握時留得多。",
    ),
    "min_p": (
        "A token stays if it is at least this many times as likely as the likeliest.",
        "機率至少為第一名的這個倍數，才留下。",
    ),
    "typical_p": (
        "The tokens about as surprising as is to be expected here stay, until they reach this "
        "share together: the wildest are struck, and at times the most obvious too.",
        "留下出奇程度合乎預期的字，累計滿此比例為止：太離奇的刪去，有時太平常的也刪。",
    ),
}


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
    says = _temperature(settings.temperature) if stage == "temperature" else _SAYS[stage]
    return StageWords(*_NAMES[stage], value, *says)


def idle(settings: DecodeSettings) -> list[str]:
    """The settings that change nothing as they are set; at temperature 0 no cut is left to do."""
    greedy = SETTINGS[SETTINGS.index("temperature") + 1 :] if settings.temperature == 0 else ()
    return [
        name
        for name in SETTINGS
        if name in greedy or getattr(settings, name) == getattr(_OFF, name)
    ]


def _temperature(value: float) -> tuple[str, str]:
    if value == 0:
        return (
            "At 0 nothing is left to chance: only the likeliest token stays.",
            "溫度為零，不靠運氣：只留機率最高的一個。",
        )
    if value < 1:
        return (
            "Below 1 it widens the gaps: the likely become likelier, the unlikely still less so.",
            "低於一，差距拉大：強者更強，弱者更弱。",
        )
    if value > 1:
        return (
            "Above 1 it narrows the gaps: the unlikely get a better chance, mistakes among them.",
            "高於一，差距縮小：冷門的字機會變大，錯字也是。",
        )
    return (
        "Below 1 it makes the likely likelier, above 1 it gives the unlikely a better chance.",
        "低於一，強者更強；高於一，冷門的字機會變大。",
    )


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

"""The metrics of a sweep in the order in which pages, plots and tables show them."""

from dataclasses import dataclass
from typing import Literal

from lianju.evaluate import METRICS, Figure


@dataclass(frozen=True)
class MetricWords:
    """How a reader sees a metric: its names, what it says, which way is better, its digits.

    `digits` is None for a share, which is shown in percent.
    """

    name: str
    title: str
    chinese: str
    says: str
    better: Literal["more", "less", "neither"]
    digits: int | None

    @property
    def label(self) -> str:
        """Its name in both languages, the Chinese one last."""
        return f"{self.title} {self.chinese}"

    def number(self, value: float | None) -> str:
        """A value as it stands in a text: "93%", "20.1", "−2.31"; a dash for none."""
        if value is None:
            return "–"
        if self.digits is None:
            return f"{100 * value:.0f}%".replace("-", "\N{MINUS SIGN}")
        return f"{value:.{self.digits}f}".replace("-", "\N{MINUS SIGN}")

    def interval(self, figure: Figure) -> str:
        """The 95% interval as it stands in a text: "84% to 97%"."""
        return f"{self.number(figure.low)} to {self.number(figure.high)}"


_SAYS: dict[str, tuple[str, int | None]] = {
    "shape": ("Poems of four or eight lines, each as long as the couplet's.", None),
    "characters": ("Han characters written per poem.", 1),
    "lines": ("Lines written per poem.", 1),
    "rhyme": ("Poems in which every rhyme is right.", None),
    "tone": ("Poems in which every tone is right.", None),
    "full": ("Poems of right shape, rhyme and tones.", None),
    "logprob": (
        "Log-probability in nats a character, under the model as it is; the nearer to 0, the "
        "likelier.",
        2,
    ),
    "distinct_2": ("Of all pairs of neighbouring characters, how many are different.", None),
    "distinct_1": ("Of all characters, how many are different.", None),
    "self_bleu": ("How much of a poem stands in the others (self-BLEU, 0 to 1).", 2),
    "compression": ("How many times smaller the poems get when what repeats is packed.", 2),
    "collapse": ("Poems that begin with the most common first two characters.", None),
    "known_lines": ("Lines that stand word for word in the corpus of Tang poems.", None),
    "longest_run": ("The most characters on end that stand so in a Tang poem.", 1),
}
METRIC_WORDS = tuple(
    MetricWords(
        name, METRICS[name].title, METRICS[name].chinese, says, METRICS[name].better, digits
    )
    for name, (says, digits) in _SAYS.items()
)
BY_NAME = {shown.name: shown for shown in METRIC_WORDS}

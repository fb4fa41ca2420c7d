"""What a run counts on its completions; a share comes with its n and an interval."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lianju.evaluate.statistics import wilson
from lianju.verse import lines_of, shape_of

if TYPE_CHECKING:
    from lianju.decode import Completion


@dataclass(frozen=True)
class Tally:
    """Counts over `n` completions of as many couplets (shape, version 1).

    `right`: how many have the right shape, see `verse.shape_of`. `distinct`: how many
    different texts. `repeated_lines`: how many poems hold one line twice.
    """

    n: int
    right: int
    distinct: int
    repeated_lines: int

    @property
    def interval(self) -> tuple[float, float]:
        """The Wilson 95% interval of the share of right shapes."""
        return wilson(self.right, self.n)

    def as_json(self) -> dict[str, Any]:
        """The counts and the interval under plain names."""
        return {**asdict(self), "interval": list(self.interval)}


def tally(completions: "Sequence[Completion]") -> Tally:
    """Count shapes, different texts and repeated lines."""
    poems = [lines_of(item.couplet + item.text) for item in completions]
    return Tally(
        n=len(completions),
        right=sum(
            shape_of(item.couplet, item.text, item.finish == "stop").right for item in completions
        ),
        distinct=len({item.text for item in completions}),
        repeated_lines=sum(len(set(lines)) < len(lines) for lines in poems),
    )


def as_row(index: int, completion: "Completion", truth: str | None) -> dict[str, Any]:
    """One line of `results.jsonl`: the completion, its verdict and the real continuation."""
    shape = shape_of(completion.couplet, completion.text, completion.finish == "stop")
    return {
        "index": index,
        "couplet": completion.couplet,
        "completion": completion.text,
        "truth": truth,
        "form": shape.form.name if shape.form else None,
        "fault": shape.fault,
        "finish": completion.finish,
        "tokens": completion.tokens,
        "logprob_per_token": completion.logprob / completion.tokens,
    }

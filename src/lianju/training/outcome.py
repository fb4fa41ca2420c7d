"""What a fine-tuning reached, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lianju.model import count_numbers


@dataclass(frozen=True)
class Outcome:
    """What a finished fine-tuning reached.

    `tokens` counts those of all sequences, `computed_tokens` those that went through the network,
    where what a batch's prompts begin with goes once; `trained_tokens` those scored.
    """

    steps: int
    trainable_parameters: int
    tokens: int
    computed_tokens: int
    trained_tokens: int
    seconds: float
    best_step: int
    best_loss: float
    mfu: float | None

    @property
    def tokens_per_second(self) -> float:
        """Tokens of the sequences trained in a second."""
        return self.tokens / self.seconds


def outcome_of(
    rows: Sequence[dict[str, Any]], best_step: int, network: Any, peak_gflops: float | None
) -> Outcome:
    """The outcome of the steps that the log `rows` tell of."""
    steps = [row for row in rows if row["kind"] == "train"]
    losses = {row["step"]: row["loss_per_character"] for row in rows if row["kind"] != "train"}
    seconds = sum(row["seconds"] for row in steps)
    tokens = sum(row["tokens"] for row in steps)
    computed = sum(row["computed_tokens"] for row in steps)
    scored = sum(row["trained_tokens"] for row in steps)
    trained = (weight for weight in network.parameters() if weight.requires_grad)
    return Outcome(
        steps=len(steps),
        trainable_parameters=sum(weight.numel() for weight in trained),
        tokens=tokens,
        computed_tokens=computed,
        trained_tokens=scored,
        seconds=seconds,
        best_step=best_step,
        best_loss=losses[best_step],
        mfu=utilisation(training_flops(network, computed, scored), seconds, peak_gflops),
    )


def utilisation(flops: float, seconds: float, peak_gflops: float | None) -> float | None:
    """The share of the measured peak rate that training reached; None where none was measured."""
    return None if peak_gflops is None else flops / seconds / (peak_gflops * 1e9)


def training_flops(network: Any, tokens: int, scored: int) -> float:
    """Operations that training needs at least, after Kaplan et al. 2020, section 2.1.

    Two a weight and token forward, two for the gradient of the activations, two more for
    the gradient of a weight that trains; the output layer only where a token is scored.
    Looking an embedding up costs nothing. Attention itself is left out.
    """
    embedding = network.get_input_embeddings().weight
    output = network.get_output_embeddings().weight
    flops = 0
    for weight in network.parameters():
        passes = scored if weight is output else 0 if weight is embedding else tokens
        flops += passes * (6 if weight.requires_grad else 4) * count_numbers(weight)
    return float(flops)

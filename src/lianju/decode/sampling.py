"""From logits to the next token: pure functions, one a parameter.

Each takes logits of shape (rows, vocabulary) and gives new ones; a token that is ruled out
has the logit -inf. `distribution` applies those that are in force in the order of transformers
5.23 (`GenerationMixin._get_logits_processor`): the form's rules, repetition penalty, temperature,
top-k, top-p, min-p, typical. `stages` shows the same, one after the other. (transformers puts
rules after the penalty; as one forbids and the other scales, their order changes nothing.)
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lianju.config import DecodeSettings

RULED_OUT = float("-inf")
# A nucleus is mostly smaller than this, and sorting all tokens takes six times as long.
_FEW = 512


def penalize(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make tokens less likely where `seen` (rows, vocabulary; bool) is true.

    Positive logits are divided by `penalty`, negative ones multiplied: Keskar et al., CTRL,
    2019, section 4.1.
    """
    lowered = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(seen, lowered, logits)


def temper(logits: Tensor, temperature: float) -> Tensor:
    """Divide by `temperature`, which is above 0: below 1 sharper, above 1 flatter."""
    return logits / temperature


def top_k(logits: Tensor, k: int) -> Tensor:
    """Keep the `k` likeliest tokens of each row, and those as likely as the k-th."""
    least = logits.topk(min(k, logits.shape[-1]), dim=-1).values[:, -1:]
    return logits.masked_fill(logits < least, RULED_OUT)


def top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the likeliest tokens whose probabilities reach `p` together; never fewer than one.

    Nucleus sampling: Holtzman et al., The Curious Case of Neural Text Degeneration, 2020.
    """
    few = min(_FEW, logits.shape[-1])
    kept, reached = _nucleus(logits, p, few)
    # Each row by itself, so that none depends on its neighbours.
    for row in (~reached).nonzero()[:, 0].tolist():
        kept[row], _ = _nucleus(logits[row : row + 1], p, logits.shape[-1])
    return kept


def _nucleus(logits: Tensor, p: float, few: int) -> tuple[Tensor, Tensor]:
    """`logits` cut to the nucleus, looked for among the `few` likeliest, and for each row whether
    it was found there.
    """
    likeliest, order = logits.topk(few, dim=-1)
    probabilities = (likeliest - logits.logsumexp(dim=-1, keepdim=True)).exp()
    before = probabilities.cumsum(dim=-1) - probabilities
    # The likeliest stays even where `p` is too small a number for the precision.
    before[:, 0] = -1.0
    inside = torch.where(before < p, likeliest, RULED_OUT)
    kept = torch.full_like(logits, RULED_OUT).scatter(-1, order, inside)
    return kept, before[:, -1] >= p


def min_p(logits: Tensor, p: float) -> Tensor:
    """Keep the tokens at least `p` times as likely as the likeliest, which always stays.

    Nguyen et al., Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM Outputs, 2024.
    """
    probabilities = logits.softmax(dim=-1)
    likeliest = probabilities.amax(dim=-1, keepdim=True)
    return logits.masked_fill(probabilities < p * likeliest, RULED_OUT)


def typical(logits: Tensor, p: float) -> Tensor:
    """Keep the tokens whose surprise is nearest to the entropy, until they reach `p` together.

    A token's surprise is its negative log-probability, the entropy the surprise to be expected;
    those as near as the last one kept stay too. Meister et al., Locally Typical Sampling, 2022.
    """
    logprobs = logits.log_softmax(dim=-1)
    expected = -(logprobs * logprobs.exp()).nansum(dim=-1, keepdim=True)
    distance, order = (-logprobs - expected).abs().sort(dim=-1)
    reached = logits.gather(-1, order).softmax(dim=-1).cumsum(dim=-1)
    last = (reached < p).sum(dim=-1, keepdim=True).clamp(max=logits.shape[-1] - 1)
    out = distance > distance.gather(-1, last)
    return logits.masked_fill(out.scatter(-1, order, out), RULED_OUT)


def entropy(probabilities: Tensor) -> Tensor:
    """Shannon's entropy of each row in nats, in double precision: the mean of -ln p, 1948.

    Its exponential is the number of equally likely choices that would be as uncertain.
    """
    nats: Tensor = torch.special.entr(probabilities.double()).sum(dim=-1)
    return nats


def logprob(logits: Tensor, chosen: Tensor) -> Tensor:
    """Natural log-probability of the token `chosen` (rows) in each row."""
    return logits.log_softmax(dim=-1).gather(-1, chosen.unsqueeze(-1)).squeeze(-1)


def mass(logits: Tensor, ruled: Tensor, chosen: Tensor, temperature: float) -> Tensor:
    """Logarithm of the probability that rules leave in each row, at a temperature.

    `ruled` is `logits` with what the rules forbid ruled out; `chosen` is any token that is left,
    for each became likelier by the same factor. Temperature 0 counts as 1.
    """
    scale = temperature or 1.0
    return logprob(logits / scale, chosen) - logprob(ruled / scale, chosen)


def distribution(logits: Tensor, seen: Tensor, settings: DecodeSettings) -> Tensor:
    """The probabilities (rows, vocabulary) from which the next tokens are drawn.

    `logits` with what the rules forbid ruled out; `seen` (rows, vocabulary; bool): the tokens that
    stand already. Temperature 0 puts all probability on the likeliest token.
    """
    for _, changed in _steps(logits, seen, settings):
        logits = changed
    return logits.softmax(dim=-1)


@dataclass(frozen=True)
class Stage:
    """The probabilities (rows, vocabulary) after one step on the way to `distribution`, in double
    precision, and which tokens no step has ruled out yet (the same shape; bool).

    `name` is "raw", "rules", or that of the setting which makes the step.
    """

    name: str
    probabilities: Tensor
    left: Tensor


def stages(
    logits: Tensor, allowed: Tensor | None, seen: Tensor, settings: DecodeSettings
) -> list[Stage]:
    """`distribution` one step at a time: as the model has it, under the rules, then one stage for
    each setting that is in force; the last is what `distribution` gives, but for rounding.

    `allowed` (rows, vocabulary; bool): what the rules leave; None where there are none.
    """
    every = [("raw", logits)]
    if allowed is not None:
        logits = torch.where(allowed, logits, RULED_OUT)
        every.append(("rules", logits))
    every += _steps(logits, seen, settings)
    # A low temperature brings unlikely tokens to a probability of 0 without ruling them out.
    return [
        Stage(name, changed.double().softmax(dim=-1), changed > RULED_OUT)
        for name, changed in every
    ]


def _steps(logits: Tensor, seen: Tensor, settings: DecodeSettings) -> Iterator[tuple[str, Tensor]]:
    """The logits after each setting that is in force, in order, with its name."""
    if settings.repetition_penalty != 1:
        logits = penalize(logits, seen, settings.repetition_penalty)
        yield "repetition_penalty", logits
    if settings.temperature == 0:
        likeliest = logits.argmax(dim=-1, keepdim=True)
        yield "temperature", torch.full_like(logits, RULED_OUT).scatter(-1, likeliest, 0.0)
        return
    if settings.temperature != 1:
        logits = temper(logits, settings.temperature)
        yield "temperature", logits
    if settings.top_k:
        logits = top_k(logits, settings.top_k)
        yield "top_k", logits
    if settings.top_p < 1:
        logits = top_p(logits, settings.top_p)
        yield "top_p", logits
    if settings.min_p:
        logits = min_p(logits, settings.min_p)
        yield "min_p", logits
    if settings.typical_p < 1:
        logits = typical(logits, settings.typical_p)
        yield "typical_p", logits


def draw(probabilities: Tensor, chances: Tensor) -> Tensor:
    """One token a row by inverting the cumulative distribution at `chances`, in [0, 1).

    Never draws a token of probability 0.
    """
    cumulative = probabilities.double().cumsum(dim=-1)
    at = chances.double().unsqueeze(-1) * cumulative[:, -1:]
    return torch.searchsorted(cumulative, at, right=True).squeeze(-1)

"""From logits to the next token: pure functions, one a parameter.

Each takes logits of shape (rows, vocabulary) and gives new ones; a token that is ruled out
has the logit -inf. `distribution` applies them in the order that transformers uses:
repetition penalty, temperature, top-k, top-p.
"""

import torch
from torch import Tensor

from lianju.config import DecodeSettings

RULED_OUT = float("-inf")


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
    ascending, order = logits.sort(dim=-1)
    out = ascending.softmax(dim=-1).cumsum(dim=-1) <= 1 - p
    out[:, -1] = False
    return logits.masked_fill(out.scatter(-1, order, out), RULED_OUT)


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

    Temperature 0 puts all probability on the likeliest token.
    """
    if settings.repetition_penalty != 1:
        logits = penalize(logits, seen, settings.repetition_penalty)
    if settings.temperature == 0:
        likeliest = logits.argmax(dim=-1, keepdim=True)
        return torch.zeros_like(logits).scatter(-1, likeliest, 1.0)
    logits = temper(logits, settings.temperature)
    if settings.top_k:
        logits = top_k(logits, settings.top_k)
    if settings.top_p < 1:
        logits = top_p(logits, settings.top_p)
    return logits.softmax(dim=-1)


def draw(probabilities: Tensor, chances: Tensor) -> Tensor:
    """One token a row by inverting the cumulative distribution at `chances`, in [0, 1).

    Never draws a token of probability 0.
    """
    cumulative = probabilities.double().cumsum(dim=-1)
    at = chances.double().unsqueeze(-1) * cumulative[:, -1:]
    return torch.searchsorted(cumulative, at, right=True).squeeze(-1)

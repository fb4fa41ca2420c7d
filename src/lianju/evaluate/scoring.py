"""How likely a model finds texts that it did not write: the log-probabilities of continuations.

Everything is in nats, the softmax in fp32. One forward pass takes many rows; what a row gets does
not depend on the others, but for rounding.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from lianju.corpus import Example
from lianju.finetune import Batch, Encoded, collate, last_logits
from lianju.model import LanguageModel
from lianju.progress import SILENT, Reporter
from lianju.prompt import render, render_completion

# More rows in one forward pass need more memory and gain no speed.
_ROWS = 32
_LOW = {"bf16": torch.bfloat16, "fp16": torch.float16}


def logprobs(
    model: LanguageModel,
    style: str,
    couplet: str,
    continuations: Sequence[str],
    precision: str = "fp32",
    *,
    ended: bool = True,
) -> list[float]:
    """The natural log-probability of each continuation after the prompt of one couplet.

    The sum over the continuation's tokens, the stop token included unless `ended` is false: then
    it is the probability that the poem begins so. The prompt goes through the network once for
    all the rows of a pass. Matrix products run in `precision`.
    """
    prompt = render(style, model.vocabulary, couplet)
    items = []
    for text in continuations:
        ids = render_completion(model.vocabulary, text)
        items.append(Encoded(prompt, ids if ended else ids[:-1], len(text)))
    result = [0.0] * len(items)
    for part in _parts(items, range(len(items))):
        batch = collate([items[index] for index in part], model.vocabulary.pad)
        # The first scored prediction is made at the prompt's last token.
        shared = replace(batch, shared=len(prompt) - 1)
        for index, nats in zip(part, _nats(model, shared, precision), strict=True):
            result[index] = -nats
    return result


def true_losses(
    model: LanguageModel,
    style: str,
    examples: Sequence[Example],
    precision: str = "fp32",
    reporter: Reporter = SILENT,
) -> list[float | None]:
    """The loss of each example's own completion, in nats a character; None where it has none.

    The characters are those of the text, punctuation counted, and the stop token's nats are among
    the nats, as in `finetune.Loss.per_character`, which weighs a poem by its length.
    """
    items = [
        Encoded(
            render(style, model.vocabulary, example.couplet),
            render_completion(model.vocabulary, example.completion),
            len(example.completion),
        )
        for example in examples
    ]
    losses: list[float | None] = [None] * len(items)
    there = [index for index, item in enumerate(items) if item.characters]
    with reporter.task("Scoring the real poems", len(there)) as task:
        for part in _parts(items, there):
            batch = collate([items[index] for index in part], model.vocabulary.pad)
            for index, nats in zip(part, _nats(model, batch, precision), strict=True):
                losses[index] = nats / items[index].characters
            task.advance(len(part))
    return losses


def _parts(items: Sequence[Encoded], indices: Sequence[int]) -> list[list[int]]:
    """`indices` in groups of similar length, each for one forward pass."""
    ordered = sorted(indices, key=lambda index: items[index].length)
    return [ordered[start : start + _ROWS] for start in range(0, len(ordered), _ROWS)]


@torch.inference_mode()
def _nats(model: LanguageModel, batch: Batch, precision: str) -> list[float]:
    """The negative log-likelihood of the scored tokens of every row."""
    batch = batch.to(model.device)
    with torch.autocast(model.device.type, _LOW.get(precision), enabled=precision in _LOW):
        logits = last_logits(model.network, batch)
    first = batch.ids.shape[1] - batch.keep
    scored = batch.scored[:, first - 1 :]
    each = torch.zeros(scored.shape, device=model.device)
    each[scored] = torch.nn.functional.cross_entropy(
        logits[:, :-1][scored].float(), batch.ids[:, first:][scored], reduction="none"
    )
    nats: list[float] = each.sum(dim=-1).tolist()
    return nats

"""How likely a model finds texts: from examples to ids, padded batches and log-probabilities.

Everything is in nats, the softmax in fp32. What a row of a batch gets does not depend on the
others, but for rounding. Training, validation and evaluation all score with these.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor

from lianju.corpus import Example
from lianju.errors import UserError
from lianju.model import LanguageModel, Vocabulary
from lianju.progress import SILENT, Reporter
from lianju.prompt import line_length, render, render_completion

# A prefix shorter than this is not worth a pass of its own.
_PREFIX = 16
# More rows in one forward pass need more memory and gain no speed.
_ROWS = 32
_LOW = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Encoded:
    """An example as ids. `completion` ends in the stop token; `characters` counts its text."""

    prompt: list[int]
    completion: list[int]
    characters: int

    @property
    def length(self) -> int:
        """Tokens of prompt and completion together."""
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True)
class TokenBatch:
    """Right-padded tensors. `scored` marks, in `ids[:, 1:]`, the tokens that the loss covers.

    `keep` is how many last positions hold all scored predictions. `padded`: whether any position is
    padding. The first `shared` positions are the same in every row, and need computing only once.
    """

    ids: Tensor
    attention: Tensor
    scored: Tensor
    keep: int
    padded: bool
    shared: int = 0

    def to(self, device: torch.device) -> "TokenBatch":
        """The same batch on `device`."""
        return replace(
            self,
            ids=self.ids.to(device),
            attention=self.attention.to(device),
            scored=self.scored.to(device),
        )

    @property
    def computed(self) -> int:
        """How many positions go through the network, padding left out."""
        return int(self.attention.sum()) - self.shared * (len(self.ids) - 1)


def encode(
    examples: Sequence[Example],
    style: str,
    vocabulary: Vocabulary,
    cutoff: int,
    whole: bool = False,
) -> list[Encoded]:
    """Examples as ids, in order; `whole` poems, of style "plain", have a prompt of one token.

    Raises `UserError`, naming the example, where a completion is empty or an example has more
    than `cutoff` tokens: nothing is truncated, and nothing trained on nothing.
    """
    encoded = []
    for example in examples:
        item = _encoded(example, style, vocabulary)
        if not example.completion:
            raise UserError(f"{example.source} has an empty completion: nothing to train on")
        if item.length > cutoff:
            raise UserError(
                f"{example.source} has {item.length} tokens, more than train.cutoff {cutoff}: "
                "raise the cutoff or drop the poem"
            )
        if whole:
            ids = item.prompt + item.completion
            item = Encoded(ids[:1], ids[1:], len(example.text))
        encoded.append(item)
    return encoded


def _encoded(example: Example, style: str, vocabulary: Vocabulary) -> Encoded:
    return Encoded(
        render(style, vocabulary, example.couplet),
        render_completion(vocabulary, example.completion),
        len(example.completion),
    )


def collate(items: Sequence[Encoded], pad: int) -> TokenBatch:
    """Pad `items` on the right to the longest of them."""
    width = max(item.length for item in items)
    ids = torch.full((len(items), width), pad)
    attention = torch.zeros(len(items), width, dtype=torch.long)
    scored = torch.zeros(len(items), width - 1, dtype=torch.bool)
    for row, item in enumerate(items):
        ids[row, : item.length] = torch.tensor(item.prompt + item.completion)
        attention[row, : item.length] = 1
        scored[row, len(item.prompt) - 1 : item.length - 1] = True
    keep = width - min(len(item.prompt) for item in items)
    padded = any(item.length < width for item in items)
    shared = _shared([item.prompt for item in items])
    return TokenBatch(ids, attention, scored, keep, padded, shared)


def _shared(prompts: list[list[int]]) -> int:
    """How many ids all prompts begin with, the last of each left out, if that is many."""
    # The first prediction that is scored is made at a prompt's last token.
    columns = zip(*(prompt[:-1] for prompt in prompts), strict=False)
    common = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    return common if len(prompts) > 1 and common >= _PREFIX else 0


def summed_loss(network: Any, batch: TokenBatch, precision: str) -> Tensor:
    """Cross-entropy in nats, summed over the scored tokens of `batch`.

    Matrix products run in `precision`; the softmax is always fp32.
    Logits are computed for the last `batch.keep` + 1 positions only.
    """
    logits, ids, _ = _predictions(network, batch, precision)
    return torch.nn.functional.cross_entropy(logits, ids, reduction="sum")


def _predictions(network: Any, batch: TokenBatch, precision: str) -> tuple[Tensor, Tensor, Tensor]:
    """The logits and ids of the scored tokens, and where they stand in the last `keep` columns."""
    with torch.autocast(batch.ids.device.type, _LOW.get(precision), enabled=precision in _LOW):
        logits = last_logits(network, batch)
    first = batch.ids.shape[1] - batch.keep
    scored = batch.scored[:, first - 1 :]
    return logits[:, :-1][scored].float(), batch.ids[:, first:][scored], scored


def last_logits(network: Any, batch: TokenBatch) -> Tensor:
    """Logits of the last `batch.keep` + 1 positions of every row.

    What all rows begin with goes through the network once, with the gradients of all. A batch
    without padding goes without a mask, which is the same and faster.
    """
    ids, cache = batch.ids, None
    if batch.shared:
        first = network(input_ids=ids[:1, : batch.shared], use_cache=True, logits_to_keep=1)
        cache = first.past_key_values
        cache.batch_repeat_interleave(len(ids))
        ids = ids[:, batch.shared :]
    logits: Tensor = network(
        input_ids=ids,
        attention_mask=batch.attention if batch.padded else None,
        past_key_values=cache,
        use_cache=cache is not None,
        logits_to_keep=batch.keep + 1,
    ).logits
    return logits


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
    name: str = "Scoring the real poems",
) -> list[float | None]:
    """The loss of each example's own completion, in nats a character; None where it has none.

    The characters are those of the text, punctuation counted, and the stop token's nats are among
    the nats.
    """
    items = [_encoded(example, style, model.vocabulary) for example in examples]
    losses: list[float | None] = [None] * len(items)
    there = [index for index, item in enumerate(items) if item.characters]
    with reporter.task(name, len(there)) as task:
        # What is shown before couplets of one length need then go through the model only once.
        shown = model.vocabulary.frames[style].shots is not None
        kinds = [line_length(one.couplet) if shown else 0 for one in examples]
        for part in _parts(items, there, kinds):
            batch = collate([items[index] for index in part], model.vocabulary.pad)
            for index, nats in zip(part, _nats(model, batch, precision), strict=True):
                losses[index] = nats / items[index].characters
            task.advance(len(part))
    return losses


def _parts(
    items: Sequence[Encoded], indices: Sequence[int], kinds: Sequence[int] | None = None
) -> list[list[int]]:
    """`indices` in groups of one of the `kinds` and of like length, each for one forward pass."""
    ordered = sorted(indices, key=lambda i: (kinds[i] if kinds else 0, items[i].length))
    return [ordered[start : start + _ROWS] for start in range(0, len(ordered), _ROWS)]


@torch.inference_mode()
def _nats(model: LanguageModel, batch: TokenBatch, precision: str) -> list[float]:
    """The negative log-likelihood of the scored tokens of every row."""
    logits, ids, scored = _predictions(model.network, batch.to(model.device), precision)
    each = torch.zeros(scored.shape, device=model.device)
    each[scored] = torch.nn.functional.cross_entropy(logits, ids, reduction="none")
    nats: list[float] = each.sum(dim=-1).tolist()
    return nats

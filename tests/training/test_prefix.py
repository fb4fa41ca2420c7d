"""What all prompts of a batch begin with is computed once, and nothing else changes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lianju.config import LoraSettings, ModelSettings
from lianju.likelihood import Encoded, TokenBatch, collate, encode, summed_loss
from lianju.model import LanguageModel, attach, load_base
from lianju.prompt import LAYOUTS
from lianju.training.batches import batch_of
from tests import checkpoints, tiny


def _loss(model: LanguageModel, batch: TokenBatch) -> tuple[float, torch.Tensor]:
    model.network.zero_grad()
    loss = summed_loss(model.network, batch, "fp32")
    loss.backward()
    gradients = [w.grad.flatten() for w in model.network.parameters() if w.grad is not None]
    return loss.item(), torch.cat(gradients)


@pytest.mark.parametrize(
    "name",
    # With 262,144 tokens it takes its time.
    [
        pytest.param(n, marks=[pytest.mark.slow] * (n == "gemma3"))
        for n in checkpoints.ARCHITECTURES
    ],
)
def test_losses_and_gradients_are_those_of_whole_rows(name: str, tmp_path: Path) -> None:
    folder = checkpoints.ARCHITECTURES[name](tmp_path / name)
    base = load_base(ModelSettings(name=str(folder)), LAYOUTS, torch.device("cpu"))
    model = attach(base, LoraSettings(rank=4))
    for key, weight in model.network.named_parameters():
        if "lora_B" in key:
            weight.data.normal_(std=0.1)
    batch = collate(encode(tiny.EXAMPLES, "chat", model.vocabulary, 512), model.vocabulary.pad)
    frame = model.vocabulary.frames["chat"]
    start = [] if model.vocabulary.bos is None else [model.vocabulary.bos]
    assert batch.shared == len(start) + len(frame.before_ids)
    assert batch.computed < 0.6 * int(batch.attention.sum())
    loss, gradient = _loss(model, batch)
    whole, reference = _loss(model, replace(batch, shared=0))
    assert loss == pytest.approx(whole, rel=1e-6)
    assert reference.norm() > 1
    torch.testing.assert_close(gradient, reference, rtol=1e-4, atol=1e-4)


def _item(prompt: list[int]) -> Encoded:
    return Encoded(prompt, [7, 1], 1)


def test_a_short_or_lonely_prefix_is_left_alone() -> None:
    long = list(range(3, 40))
    assert collate([_item([*long, 50]), _item([*long, 51])], 0).shared == len(long)
    assert collate([_item([*long, 50])], 0).shared == 0
    assert collate([_item([2, 3, 50]), _item([2, 3, 51])], 0).shared == 0
    # The last token of a prompt makes a scored prediction: it is computed in every row.
    assert collate([_item(long), _item(long)], 0).shared == len(long) - 1
    assert batch_of([_item(long), _item(long)], (0, 1), 0, share=False).shared == 0

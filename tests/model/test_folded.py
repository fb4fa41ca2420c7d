"""LoRA folded into the layers' own products: the same losses and gradients."""

import copy

import pytest
import torch
from peft.tuners.lora import Linear
from torch import Tensor

from lianju.config import LoraSettings
from lianju.likelihood import collate, encode, summed_loss
from lianju.model import LanguageModel, attach
from lianju.model.folded import fold
from tests import tiny


def _networks(base: LanguageModel, lora: LoraSettings) -> list[torch.nn.Module]:
    """An adapted network as PEFT computes it, and the same folded."""
    plain = attach(base, lora).network
    torch.manual_seed(2)
    for weight in plain.parameters():
        if weight.requires_grad:
            weight.data.normal_(0, 0.1)
    folded = copy.deepcopy(plain)
    fold(folded)
    return [plain, folded]


def _gradients(
    network: torch.nn.Module, base: LanguageModel, precision: str
) -> tuple[float, dict[str, Tensor]]:
    batch = collate(encode(tiny.EXAMPLES, "plain", base.vocabulary, 64), base.vocabulary.pad)
    loss = summed_loss(network, batch, precision)
    loss.backward()
    found = {name: w.grad.clone() for name, w in network.named_parameters() if w.grad is not None}
    return loss.item(), found


def _apart(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    assert one.keys() == other.keys() and one
    return max(float((one[name] - other[name]).norm() / one[name].norm()) for name in one)


@pytest.mark.parametrize("variant", ["lora", "rslora", "pissa"])
def test_losses_and_gradients_are_those_of_peft(variant: str) -> None:
    base = tiny.model()
    lora = LoraSettings.model_validate({"variant": variant, "rank": 4})
    plain, folded = _networks(base, lora)
    assert any("_forward" in str(vars(one).get("forward")) for one in folded.modules())
    (loss, first), (same, second) = (_gradients(net, base, "fp32") for net in (plain, folded))
    assert same == pytest.approx(loss, rel=1e-6)
    assert _apart(first, second) < 1e-4


def test_in_bf16_it_is_as_near_to_fp32_as_peft() -> None:
    base = tiny.model()
    plain, folded = _networks(base, LoraSettings(rank=4))
    _, exact = _gradients(copy.deepcopy(plain), base, "fp32")
    errors = [_apart(exact, _gradients(net, base, "bf16")[1]) for net in (plain, folded)]
    assert 0 < errors[1] < 1.5 * errors[0]


@pytest.mark.parametrize("change", [{"dropout": 0.1}, {"variant": "dora"}])
def test_what_is_not_plain_stays_as_it_is(change: dict[str, object]) -> None:
    lora = LoraSettings.model_validate({"rank": 4, **change})
    network = attach(tiny.model(), lora).network
    fold(network)
    layers = [one for one in network.modules() if isinstance(one, Linear)]
    assert layers and not any("forward" in vars(one) for one in layers)

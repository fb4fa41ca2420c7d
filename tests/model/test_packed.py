"""A network made ready to be asked says what it said before."""

import copy

import pytest
import torch

from lianju.model import LanguageModel, pack
from lianju.model.grouped import NAME
from lianju.model.packed import PackedLinear
from lianju.prompt import render
from tests import tiny

needs_onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN to pack for"
)


@needs_onednn
def test_the_real_model_says_the_same(gemma: LanguageModel) -> None:
    network = copy.deepcopy(gemma.network)
    pack(network)
    assert network.config._attn_implementation == NAME
    layers = [layer for layer in network.modules() if isinstance(layer, PackedLinear)]
    assert len(layers) == 18 * 7 + 1
    words = gemma.vocabulary
    lines = ["空山新雨後，天氣晚來秋。", "移舟泊煙渚，日暮客愁新。"]
    ids = torch.tensor([render("plain", words, line) for line in lines])
    with torch.inference_mode():
        for rows in (ids, ids[:1], ids.repeat(6, 1)):
            before, after = (
                net(input_ids=rows).logits.log_softmax(-1) for net in (gemma.network, network)
            )
            torch.testing.assert_close(before, after, atol=2e-4, rtol=0)


@needs_onednn
def test_padded_batches_are_masked_alike() -> None:
    model = tiny.model()
    network = copy.deepcopy(model.network)
    pack(network)
    ids = torch.randint(3, 200, (3, 9))
    mask = torch.ones(3, 9, dtype=torch.long)
    mask[1, :4] = mask[2, :7] = 0
    with torch.inference_mode():
        before, after = (
            net(input_ids=ids, attention_mask=mask).logits[:, -1]
            for net in (model.network, network)
        )
    torch.testing.assert_close(before, after, atol=1e-5, rtol=0)


@needs_onednn
def test_autocast_computes_in_its_own_precision(gemma: LanguageModel) -> None:
    network = copy.deepcopy(gemma.network)
    pack(network)
    ids = torch.tensor([render("plain", gemma.vocabulary, "空山新雨後，天氣晚來秋。")])
    with torch.inference_mode():
        exact = gemma.network(input_ids=ids).logits.log_softmax(-1)
        with torch.autocast("cpu", torch.bfloat16):
            plain, packed = (
                net(input_ids=ids).logits.float().log_softmax(-1)
                for net in (gemma.network, network)
            )
        again = network(input_ids=ids).logits.log_softmax(-1)
    error = (plain - exact).abs().mean()
    assert 1e-3 < (packed - exact).abs().mean() < 2 * error
    torch.testing.assert_close(exact, again, atol=2e-4, rtol=0)

from collections.abc import Iterator

import pytest
import torch

from lianju.config import LoraSettings, ModelSettings
from lianju.model import LanguageModel, attach, load_base, save_adapter
from lianju.prompt import LAYOUTS, render
from tests import tiny


@pytest.fixture(scope="module")
def whole() -> Iterator[LanguageModel]:
    """The untrimmed Gemma."""
    yield load_base(ModelSettings(trim=False), LAYOUTS, torch.device("cpu"))


def _ids(model: LanguageModel, style: str) -> torch.Tensor:
    couplet, completion = tiny.COUPLETS[3]
    words = model.vocabulary
    return torch.tensor([render(style, words, couplet) + words.spell(completion)])


@pytest.mark.parametrize("style", ["plain", "homework"])
def test_ids_map_back_to_the_full_model(
    gemma: LanguageModel, whole: LanguageModel, style: str
) -> None:
    kept = gemma.vocabulary.original_ids
    back = [kept[index] for index in _ids(gemma, style)[0].tolist()]
    assert back == _ids(whole, style)[0].tolist()


@torch.inference_mode()
def test_trimmed_logits_are_the_full_ones_and_the_softmax_is_theirs_renormalised(
    gemma: LanguageModel, whole: LanguageModel
) -> None:
    kept = torch.tensor(list(gemma.vocabulary.original_ids))
    trimmed = gemma.network(input_ids=_ids(gemma, "homework")).logits
    full = whole.network(input_ids=_ids(whole, "homework")).logits
    torch.testing.assert_close(trimmed, full[..., kept], rtol=1e-4, atol=1e-4)
    mass = full.softmax(-1)[..., kept]
    torch.testing.assert_close(
        trimmed.softmax(-1), mass / mass.sum(-1, keepdim=True), rtol=1e-3, atol=1e-7
    )


def test_what_is_kept(gemma: LanguageModel, whole: LanguageModel) -> None:
    assert gemma.vocabulary.full_size == whole.vocabulary.size == 262144
    assert 10_000 < gemma.vocabulary.size < 11_000
    kept = {token for token in gemma.vocabulary.tokens if token}
    every_han = {
        token
        for token in whole.vocabulary.tokens
        if token and len(token) == 3 and "一" <= token.decode("utf-8", "replace") <= "鿿"
    }
    assert len(every_han) > 9_000 and every_han <= kept


@torch.inference_mode()
def test_an_adapter_of_the_trimmed_model_fits_the_full_one(
    whole: LanguageModel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from peft import PeftModel

    folder = tmp_path_factory.mktemp("adapter") / "adapter"
    small = load_base(ModelSettings(), LAYOUTS, torch.device("cpu"))
    tuned = attach(small, LoraSettings(rank=2))
    torch.manual_seed(0)
    for name, weight in tuned.network.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(std=0.02)
    save_adapter(tuned, folder, {"prompt": "x"})
    kept = torch.tensor(list(small.vocabulary.original_ids))
    full = PeftModel.from_pretrained(whole.network, folder)
    try:
        ours = tuned.network(input_ids=_ids(small, "plain")).logits
        theirs = full(input_ids=_ids(whole, "plain")).logits[..., kept]
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
    finally:
        full.unload()

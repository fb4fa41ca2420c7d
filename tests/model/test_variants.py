import json
from pathlib import Path
from typing import Literal

import pytest
import torch
from peft.tuners.lora import LoraLayer

from lianju.config import LoraSettings, ModelSettings, load_settings
from lianju.errors import UserError
from lianju.model import LanguageModel, attach, load_adapter, load_base, save_adapter, unfreeze
from lianju.prompt import LAYOUTS, fingerprint, render
from tests import checkpoints, tiny

CPU = torch.device("cpu")
VARIANTS = ("lora", "rslora", "dora", "pissa")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.mistral(tmp_path_factory.mktemp("model"))


def _base(folder: Path, bits: Literal[4, 16] = 16, trim: bool = True) -> LanguageModel:
    if bits == 16:
        return checkpoints.loaded(folder, trim)
    return load_base(ModelSettings(name=str(folder), bits=bits), LAYOUTS, CPU)


def _logits(model: LanguageModel) -> torch.Tensor:
    ids = render("plain", model.vocabulary, tiny.COUPLETS[0][0])
    with torch.no_grad():
        logits: torch.Tensor = model.network(input_ids=torch.tensor([ids])).logits
    return logits


def _card(model: LanguageModel) -> dict[str, str]:
    return {"style": "plain", "prompt": fingerprint("plain", model.vocabulary)}


def _disturb(model: LanguageModel) -> None:
    """As if it had been trained."""
    torch.manual_seed(1)
    for weight in model.network.parameters():
        if weight.requires_grad:
            weight.data += torch.randn_like(weight) * 0.05


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_starts_from_the_base_and_comes_back_from_disk(
    folder: Path, tmp_path: Path, variant: str
) -> None:
    base = _logits(_base(folder))
    tuned = attach(_base(folder), LoraSettings.model_validate({"variant": variant, "rank": 4}))
    torch.testing.assert_close(_logits(tuned), base, rtol=1e-4, atol=1e-5)
    _disturb(tuned)
    trained = _logits(tuned)
    assert (trained - base).abs().max() > 0.01
    save_adapter(tuned, tmp_path / "adapter", _card(tuned))
    loaded = load_adapter(_base(folder), tmp_path / "adapter")
    torch.testing.assert_close(_logits(loaded), trained, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_plain_transformers_and_peft_read_every_variant(
    folder: Path, tmp_path: Path, variant: str
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    tuned = attach(_base(folder), LoraSettings.model_validate({"variant": variant, "rank": 4}))
    _disturb(tuned)
    save_adapter(tuned, tmp_path / "adapter", _card(tuned))
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    plain = PeftModel.from_pretrained(plain, tmp_path / "adapter")
    words = tuned.vocabulary
    kept = list(words.original_ids)
    ids = [kept[index] for index in render("plain", words, tiny.COUPLETS[0][0])]
    with torch.no_grad():
        theirs = plain(input_ids=torch.tensor([ids])).logits[..., kept]
    torch.testing.assert_close(_logits(tuned), theirs, rtol=1e-3, atol=1e-4)


def test_rslora_scales_by_the_root_of_the_rank(folder: Path) -> None:
    settings = LoraSettings(variant="rslora", rank=4, alpha=8)
    network = attach(_base(folder), settings).network
    scales = [m.scaling["default"] for m in network.modules() if isinstance(m, LoraLayer)]
    assert scales and set(scales) == {8 / 4**0.5}


@pytest.mark.parametrize("variant", ["lora", "dora"])
def test_an_adapter_beside_four_bits_comes_back(
    folder: Path, tmp_path: Path, variant: Literal["lora", "dora"]
) -> None:
    small = _base(folder, bits=4)
    whole = _base(folder)
    assert small.parameters == whole.parameters
    difference = (_logits(small) - _logits(whole)).abs().max()
    assert 0 < difference < 1  # rounded, and the same model nevertheless
    plain = _logits(_base(folder, bits=4))
    tuned = attach(small, LoraSettings(variant=variant, rank=4))
    # On some CPUs bitsandbytes multiplies in bf16 where nothing trains.
    torch.testing.assert_close(_logits(tuned), plain, rtol=0, atol=5e-3)
    trained = [weight for weight in tuned.network.parameters() if weight.requires_grad]
    assert trained and all(weight.dtype == torch.float32 for weight in trained)
    _disturb(tuned)
    save_adapter(tuned, tmp_path / "adapter", _card(tuned))
    loaded = load_adapter(_base(folder, bits=4), tmp_path / "adapter")
    torch.testing.assert_close(_logits(loaded), _logits(tuned), rtol=0, atol=5e-3)
    assert json.loads((tmp_path / "adapter" / "lianju.json").read_text())["bits"] == 4


def test_what_four_bits_cannot_do_is_refused_with_the_settings() -> None:
    for key, value in (("train.method", "full"), ("lora.variant", "pissa")):
        with pytest.raises(UserError, match=f"{key}={value} .* needs model.bits=16"):
            load_settings("default", {"model.bits": 4, key: value})


@torch.no_grad()
def test_full_fine_tuning_fits_the_trimmed_and_the_whole_model(
    folder: Path, tmp_path: Path
) -> None:
    tuned = unfreeze(_base(folder))
    assert all(weight.requires_grad for weight in tuned.network.parameters())
    _disturb(tuned)
    save_adapter(tuned, tmp_path / "adapter", _card(tuned))
    small = load_adapter(_base(folder), tmp_path / "adapter")
    torch.testing.assert_close(_logits(small), _logits(tuned), rtol=0, atol=0)
    whole = load_adapter(_base(folder, trim=False), tmp_path / "adapter")
    kept = list(small.vocabulary.original_ids)
    torch.testing.assert_close(_logits(whole)[..., kept], _logits(tuned), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_every_row_can_be_trained_and_the_trimmed_model_takes_its_own(
    folder: Path, tmp_path: Path
) -> None:
    tuned = unfreeze(_base(folder, trim=False))
    _disturb(tuned)
    save_adapter(tuned, tmp_path / "adapter", _card(tuned))
    whole = load_adapter(_base(folder, trim=False), tmp_path / "adapter")
    torch.testing.assert_close(_logits(whole), _logits(tuned), rtol=0, atol=0)
    small = load_adapter(_base(folder), tmp_path / "adapter")
    kept = list(small.vocabulary.original_ids)
    torch.testing.assert_close(_logits(small), _logits(tuned)[..., kept], rtol=1e-4, atol=1e-5)


def test_full_weights_that_are_damaged_are_refused(folder: Path, tmp_path: Path) -> None:
    tuned = unfreeze(_base(folder))
    save_adapter(tuned, tmp_path / "adapter", _card(tuned))
    weights = tmp_path / "adapter" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match="damaged"):
        load_adapter(_base(folder), tmp_path / "adapter")
    weights.unlink()
    with pytest.raises(UserError, match=r"has no model\.safetensors"):
        load_adapter(_base(folder), tmp_path / "adapter")

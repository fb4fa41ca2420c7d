import json
from pathlib import Path

import pytest
import torch

from lianju.config import LoraSettings
from lianju.errors import UserError
from lianju.model import LanguageModel, attach, load_adapter, save_adapter
from lianju.prompt import fingerprint
from tests import tiny

PROMPT = fingerprint("plain", tiny.vocabulary())
IDS = torch.tensor([[2, 40, 41, 42]])


def _tuned(seed: int = 0) -> LanguageModel:
    model = attach(tiny.model(seed), LoraSettings(rank=4))
    for name, weight in model.network.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(std=0.1)
    return model


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    save_adapter(_tuned(), tmp_path / "adapter", {"prompt": PROMPT, "style": "plain"})
    return tmp_path / "adapter"


def test_a_fresh_adapter_changes_nothing() -> None:
    base = tiny.model().network(input_ids=IDS).logits
    fresh = attach(tiny.model(), LoraSettings()).network(input_ids=IDS).logits
    torch.testing.assert_close(fresh, base, rtol=0, atol=0)


def test_a_loaded_adapter_computes_what_the_saved_one_did(tmp_path: Path) -> None:
    tuned = _tuned()
    save_adapter(tuned, tmp_path / "adapter", {"prompt": PROMPT, "style": "plain"})
    loaded = load_adapter(tiny.model(), tmp_path / "adapter")
    assert loaded.tuned
    torch.testing.assert_close(
        loaded.network(input_ids=IDS).logits,
        tuned.network(input_ids=IDS).logits,
        rtol=1e-4,
        atol=1e-5,
    )
    base = tiny.model().network(input_ids=IDS).logits
    assert (loaded.network(input_ids=IDS).logits - base).abs().max() > 0.01


def test_plain_peft_reads_it_and_finds_no_weights_but_loras(adapter: Path) -> None:
    from peft import PeftModel
    from safetensors.torch import load_file

    PeftModel.from_pretrained(tiny.model().network, adapter)
    names = load_file(adapter / "adapter_model.safetensors")
    assert names and all("lora_" in name for name in names)
    assert sorted(path.name for path in adapter.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "lianju.json",
    ]


def test_layers_are_named_in_one_order(adapter: Path) -> None:
    """PEFT holds a set, whose order would differ from process to process."""
    names = json.loads((adapter / "adapter_config.json").read_text())["target_modules"]
    assert names == sorted(LoraSettings().targets)


def test_another_base_model_is_refused(adapter: Path) -> None:
    with pytest.raises(UserError, match="trained on tiny"):
        load_adapter(tiny.model(seed=1), adapter)


def test_another_prompt_is_refused(adapter: Path) -> None:
    card = json.loads((adapter / "lianju.json").read_text())
    (adapter / "lianju.json").write_text(json.dumps({**card, "style": "homework"}))
    with pytest.raises(UserError, match="another prompt"):
        load_adapter(tiny.model(), adapter)


def test_the_same_text_in_other_tokens_is_another_prompt(adapter: Path) -> None:
    card = json.loads((adapter / "lianju.json").read_text())
    digest = tiny.vocabulary().prompt_digest("plain")
    (adapter / "lianju.json").write_text(json.dumps({**card, "prompt_ids": digest}))
    load_adapter(tiny.model(), adapter)
    (adapter / "lianju.json").write_text(json.dumps({**card, "prompt_ids": "0" * 12}))
    with pytest.raises(UserError, match="another prompt"):
        load_adapter(tiny.model(), adapter)


def test_a_full_gpu_is_no_damage(adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("lianju.model.adapter_load.safe_open", full)
    with pytest.raises(torch.OutOfMemoryError):
        load_adapter(tiny.model(), adapter)


@pytest.mark.parametrize("keep", [0, 10, 1000])
def test_damaged_weights_are_refused(adapter: Path, keep: int) -> None:
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(UserError, match="damaged"):
        load_adapter(tiny.model(), adapter)


def test_a_damaged_config_is_refused(adapter: Path) -> None:
    (adapter / "adapter_config.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        load_adapter(tiny.model(), adapter)


@pytest.mark.parametrize("name", ["lianju.json", "adapter_config.json"])
def test_a_folder_that_is_no_adapter_is_refused(adapter: Path, name: str) -> None:
    (adapter / name).unlink()
    with pytest.raises(UserError, match=f"has no {name}"):
        load_adapter(tiny.model(), adapter)


def test_weights_of_another_shape_are_refused(adapter: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "r": 3}))
    with pytest.raises(UserError, match="damaged"):
        load_adapter(tiny.model(), adapter)


def test_targets_that_name_no_layer_are_refused() -> None:
    with pytest.raises(UserError, match=r"lora\.targets"):
        attach(tiny.model(), LoraSettings(targets=("nothing",)))

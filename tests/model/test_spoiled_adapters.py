"""Adapters that are not what training wrote: each is refused, by name, and says what to do."""

import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lianju.config import LoraSettings, ModelSettings
from lianju.errors import UserError
from lianju.model import LanguageModel, attach, load_adapter, load_base, save_adapter, unfreeze
from lianju.prompt import LAYOUTS, fingerprint
from tests import checkpoints, tiny

KINDS = ("lora", "rslora", "dora", "pissa", "full")
Tensors = dict[str, torch.Tensor]


def disturbed(model: LanguageModel) -> LanguageModel:
    """As if it had been trained."""
    torch.manual_seed(1)
    for weight in model.network.parameters():
        if weight.requires_grad:
            weight.data += torch.randn_like(weight) * 0.05
    return model


def written(model: LanguageModel, kind: str, folder: Path) -> Path:
    """A trained adapter of a kind, on disk."""
    if kind == "full":
        tuned = unfreeze(model)
    else:
        tuned = attach(model, LoraSettings.model_validate({"variant": kind, "rank": 4}))
    card = {"style": "plain", "prompt": fingerprint("plain", model.vocabulary)}
    save_adapter(disturbed(tuned), folder, card)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return {kind: written(tiny.model(), kind, folder / kind) for kind in KINDS}


def _one(tensors: Tensors) -> str:
    return next(name for name in sorted(tensors) if "o_proj" in name)


def _renamed(tensors: Tensors) -> Tensors:
    return {name.replace("layers", "blocks"): tensor for name, tensor in tensors.items()}


def _missing(tensors: Tensors) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if name != _one(tensors)}


def _more(tensors: Tensors) -> Tensors:
    return {**tensors, "model.more.weight": torch.ones(2)}


def _cut(tensors: Tensors) -> Tensors:
    return {**tensors, _one(tensors): tensors[_one(tensors)][:, :-1].contiguous()}


def _turned(tensors: Tensors) -> Tensors:
    return {**tensors, _one(tensors): tensors[_one(tensors)].T.contiguous()}


def _whole_numbers(tensors: Tensors) -> Tensors:
    return {**tensors, _one(tensors): tensors[_one(tensors)].to(torch.int32)}


def _with(value: float) -> Callable[[Tensors], Tensors]:
    def spoil(tensors: Tensors) -> Tensors:
        changed = tensors[_one(tensors)].clone()
        changed.view(-1)[-1] = value
        return {**tensors, _one(tensors): changed}

    return spoil


def _nothing(tensors: Tensors) -> Tensors:
    return {}


SPOILED: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "renamed": (_renamed, r"lacks \d+ of \d+ tensors, first .*layers.* no place .*blocks"),
    "missing": (_missing, r"lacks 1 of \d+ tensors, first .*o_proj"),
    "more": (_more, r"has 1 that have no place in this model, first model\.more\.weight"),
    "cut": (_cut, r"(o_proj.* is \d+×\d+ in F32, not \d+×\d+)"),
    "turned": (_turned, "o_proj"),
    "whole numbers": (_whole_numbers, r"o_proj.* in I32, not"),
    "nan": (_with(math.nan), r"o_proj.* has values that are not finite"),
    "infinite": (_with(-math.inf), r"o_proj.* has values that are not finite"),
    "nothing": (_nothing, r"lacks (\d+) of \1 tensors"),
}


def spoil(source: Path, target: Path, change: Callable[[Tensors], Tensors]) -> Path:
    """A copy of an adapter with other tensors."""
    shutil.copytree(source, target)
    [file] = target.glob("*.safetensors")
    save_file(change(load_file(file)), file)
    return target


@pytest.mark.parametrize("name", SPOILED)
@pytest.mark.parametrize("kind", KINDS)
def test_tensors_that_were_not_trained_are_refused_by_name(
    trained: dict[str, Path], tmp_path: Path, kind: str, name: str
) -> None:
    if kind == "full" and name == "turned":
        name = "cut"  # this projection is square in the whole model
    change, said = SPOILED[name]
    folder = spoil(trained[kind], tmp_path / "x", change)
    with pytest.raises(UserError, match=f"{folder} is damaged: .*{said}.* Restore it, or train"):
        load_adapter(tiny.model(), folder)


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_that_is_sound_loads_and_says_how_much_it_changes(
    trained: dict[str, Path], kind: str
) -> None:
    assert load_adapter(tiny.model(), trained[kind]).changed > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_what_changes_nothing_says_so(trained: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """Zeros, or the very weights of the base model."""
    if kind == "full":
        base = dict(tiny.model().network.named_parameters())
        folder = spoil(
            trained[kind], tmp_path / "x", lambda _: {n: w.data for n, w in base.items()}
        )
    else:

        def zero(tensors: Tensors) -> Tensors:
            return {n: t * 0 if "lora_B" in n else t for n, t in tensors.items()}

        folder = tmp_path / "x"
        if kind == "dora":  # which also holds the lengths of the rows
            tuned = attach(tiny.model(), LoraSettings(variant="dora", rank=4))
            card = {"style": "plain", "prompt": fingerprint("plain", tuned.vocabulary)}
            save_adapter(tuned, folder, card)
        else:
            spoil(trained[kind], folder, zero)
    with pytest.raises(
        UserError, match=f"{folder} changes nothing: .* Train it again, or .*--base"
    ):
        load_adapter(tiny.model(), folder)


def test_values_that_overflow_are_said(trained: dict[str, Path], tmp_path: Path) -> None:
    folder = spoil(trained["lora"], tmp_path / "x", lambda t: {n: w * 1e30 for n, w in t.items()})
    with pytest.raises(UserError, match=r"numbers that are not finite: train it again"):
        load_adapter(tiny.model(), folder)


def test_four_bits_trust_no_more(tmp_path: Path) -> None:
    base = checkpoints.mistral(tmp_path / "base")

    def four() -> LanguageModel:
        return load_base(ModelSettings(name=str(base), bits=4), LAYOUTS, torch.device("cpu"))

    source = written(four(), "lora", tmp_path / "lora")
    for name in ("renamed", "missing", "cut", "nan"):
        change, said = SPOILED[name]
        with pytest.raises(UserError, match=said):
            load_adapter(four(), spoil(source, tmp_path / name, change))
    zeros = spoil(source, tmp_path / "zero", lambda t: {n: w * 0 for n, w in t.items()})
    with pytest.raises(UserError, match="changes nothing"):
        load_adapter(four(), zeros)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("lianju.json", {"base": 7}, r"lianju\.json is damaged \(base: .*string"),
    ("lianju.json", {"base": ""}, r"\(base: "),
    ("lianju.json", {"base_sha256": None}, r"\(base_sha256: "),
    ("lianju.json", {"base_sha256": "0" * 63}, r"\(base_sha256: "),
    ("lianju.json", {"style": ["plain"]}, r"\(style: "),
    ("lianju.json", {"style": "made-up"}, r"\(style: "),
    ("lianju.json", {"prompt": 1}, r"\(prompt: "),
    ("lianju.json", {"prompt_ids": 1}, r"\(prompt_ids: "),
    ("lianju.json", {"kind": "ia3"}, r"\(kind: "),
    ("lianju.json", {"bits": 8}, r"\(bits: "),
    ("lianju.json", {"bits": "4"}, r"\(bits: "),
    ("lianju.json", {"precision": "fp8"}, r"\(precision: "),
    ("lianju.json", {"poems": math.nan}, r"\(poems: "),
    ("lianju.json", {"poems": -1}, r"\(poems: "),
    ("adapter_config.json", {"peft_type": "IA3"}, r"adapter_config\.json is damaged \(peft_type"),
    ("adapter_config.json", {"r": 3}, "its rank is said to be 3, but .*lora_A.* is 4×"),
    ("adapter_config.json", {"r": 10**12}, "its rank is said to be 1000000000000"),
    ("adapter_config.json", {"r": 0}, r"\(r: "),
    ("adapter_config.json", {"r": 4.5}, r"\(r: "),
    ("adapter_config.json", {"r": True}, r"\(r: "),
    ("adapter_config.json", {"lora_alpha": math.nan}, r"\(lora_alpha: "),
    ("adapter_config.json", {"lora_alpha": 1e300}, r"\(lora_alpha: "),
    ("adapter_config.json", {"lora_alpha": -1}, r"\(lora_alpha: "),
    ("adapter_config.json", {"lora_alpha": "32"}, r"\(lora_alpha: "),
    ("adapter_config.json", {"lora_alpha": 1e-200}, "changes nothing"),
    ("adapter_config.json", {"target_modules": "all-linear"}, r"\(target_modules: "),
    ("adapter_config.json", {"target_modules": []}, r"\(target_modules: "),
    ("adapter_config.json", {"target_modules": [".*"]}, r"layers '\.\*', which"),
    ("adapter_config.json", {"target_modules": ["q_proj", "wte"]}, "layers 'wte', which"),
    ("adapter_config.json", {"target_modules": ["q_proj"]}, "have no place in this model"),
    ("adapter_config.json", {"target_modules": ["input_layernorm"]}, "names no layer"),
    ("adapter_config.json", {"use_dora": True}, "lacks .* tensors, first .*magnitude"),
    ("adapter_config.json", {"use_dora": True, "use_rslora": True}, "exclude each other"),
    ("adapter_config.json", {"use_rslora": "yes"}, r"\(use_rslora: "),
    ("adapter_config.json", {"rank_pattern": {"q_proj": 99}}, "asks for rank_pattern"),
    ("adapter_config.json", {"alpha_pattern": {"q_proj": 1e300}}, "asks for alpha_pattern"),
    ("adapter_config.json", {"bias": "all"}, "asks for bias"),
    ("adapter_config.json", {"modules_to_save": ["lm_head"]}, "asks for modules_to_save"),
    ("adapter_config.json", {"layers_to_transform": [0]}, "asks for layers_to_transform"),
    ("adapter_config.json", {"init_lora_weights": "pissa"}, r"\(init_lora_weights: "),
]


@pytest.mark.parametrize(("file", "change", "said"), WRONG, ids=str)
def test_a_card_or_config_that_training_never_wrote_is_refused(
    trained: dict[str, Path], tmp_path: Path, file: str, change: dict[str, Any], said: str
) -> None:
    shutil.copytree(trained["lora"], tmp_path / "x")
    path = tmp_path / "x" / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=said):
        load_adapter(tiny.model(), tmp_path / "x")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"\xff\xfe", b"[" * 10**5, b'{"r": 1e999']
)
@pytest.mark.parametrize(
    ("kind", "file"),
    [("lora", "lianju.json"), ("lora", "adapter_config.json"), ("full", "vocabulary.json")],
)
def test_a_file_of_an_adapter_that_is_no_object_is_damaged(
    trained: dict[str, Path], tmp_path: Path, kind: str, file: str, content: bytes
) -> None:
    shutil.copytree(trained[kind], tmp_path / "x")
    (tmp_path / "x" / file).write_bytes(content)
    with pytest.raises(UserError, match=re.escape(file) + " is damaged"):
        load_adapter(tiny.model(), tmp_path / "x")


@pytest.mark.parametrize(
    "change",
    [
        {"original_ids": [0, 1]},
        {"original_ids": "abc"},
        {"tokens": [1, 2]},
        {"tokens": ["zz"]},
        {"frames": {"plain": {"style": "plain"}}},
        {"frames": 3},
        {"stop": 10**9},
        {"stop": "1"},
        {"pad": -1},
        {"full_size": 1},
        {"other": 1},
    ],
    ids=str,
)
def test_a_vocabulary_that_cannot_be_is_refused(
    trained: dict[str, Path], tmp_path: Path, change: dict[str, Any]
) -> None:
    shutil.copytree(trained["full"], tmp_path / "x")
    path = tmp_path / "x" / "vocabulary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=r"vocabulary\.json is damaged"):
        load_adapter(tiny.model(), tmp_path / "x")


def test_pickled_weights_are_never_read(trained: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(trained["lora"], tmp_path / "x")
    weights = tmp_path / "x" / "adapter_model.safetensors"
    torch.save(load_file(weights), tmp_path / "x" / "adapter_model.bin")
    weights.unlink()
    with pytest.raises(UserError, match=r"has no adapter_model\.safetensors"):
        load_adapter(tiny.model(), tmp_path / "x")


def test_every_truncation_of_the_weights_is_damage(
    trained: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(trained["lora"], tmp_path / "x")
    weights = tmp_path / "x" / "adapter_model.safetensors"
    whole = weights.read_bytes()
    for length in range(0, len(whole), len(whole) // 40):
        weights.write_bytes(whole[:length])
        with pytest.raises(UserError, match="is damaged"):
            load_adapter(tiny.model(), tmp_path / "x")

"""Adapters and merged models: plain transformers and PEFT compute what we do."""

import fcntl
import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from lianju.config import LoraSettings
from lianju.errors import UserError
from lianju.export import ExportSource, Target, find_source, pipeline, readback, write_export
from lianju.export.card import _licence
from lianju.export.folder import check_unquantized, write_merged
from lianju.export.rounding import round_all
from lianju.export.tokenizer import export_tokenizer
from tests import checkpoints
from tests.export.runs import COUPLETS, tuned, write_run

LORA = LoraSettings(rank=4, alpha=8)
Variant = Literal["lora", "rslora", "dora", "pissa"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ExportSource:
    """A LoRA on a tiny Breeze, in the chat layout."""
    return write_run(tmp_path_factory.mktemp("mistral"), checkpoints.mistral, "chat", LORA)


def _base(source: ExportSource) -> Any:
    return AutoModelForCausalLM.from_pretrained(source.base, dtype=torch.float32).eval()


def _prompts(source: ExportSource) -> list[list[int]]:
    model = tuned(source)
    words = export_tokenizer(model, source.prompt.name)
    return [words.prompt(couplet) for couplet in COUPLETS]


def test_an_adapter_loads_beside_its_base_in_plain_peft(
    source: ExportSource, tmp_path: Path
) -> None:
    write_export(source, "adapter", tmp_path / "out", "f16")
    prompts = _prompts(source)
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == source.base
    base = _base(source)
    plain = readback.logits(base, prompts)
    found = readback.logits(PeftModel.from_pretrained(base, tmp_path / "out").eval(), prompts)
    assert readback.distance(found, readback.logits(tuned(source).network, prompts)) < 1e-5
    assert readback.distance(found, plain) > 0.05
    # It is still an adapter of ours.
    assert find_source(tmp_path / "out").prompt.name == "chat"


_OTHER = [pytest.param(one, marks=pytest.mark.slow) for one in ("rslora", "dora", "pissa")]


@pytest.mark.parametrize("variant", ["lora", *_OTHER])
def test_a_merged_model_computes_what_peft_does_unmerged(variant: Variant, tmp_path: Path) -> None:
    lora = LoraSettings(rank=4, alpha=8, variant=variant)
    source = write_run(tmp_path, checkpoints.llama, "plain", lora)
    done = write_export(source, "merged", tmp_path / "out", "f16")
    prompts = _prompts(source)
    unmerged = PeftModel.from_pretrained(_base(source), source.adapter).eval()
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32)
    wanted = readback.logits(unmerged, prompts)
    assert readback.distance(readback.logits(merged, prompts), wanted) < 0.02
    for weight in load_file(tmp_path / "out" / "model.safetensors").values():
        assert weight.dtype == torch.bfloat16
    assert "15 of 15 test prompts" in done.notes[-1]


def test_all_weights_trained_go_back_to_the_rows_they_came_from(tmp_path: Path) -> None:
    source = write_run(tmp_path, checkpoints.qwen2, "plain", None)
    write_export(source, "merged", tmp_path / "out", "f16")
    merged = load_file(tmp_path / "out" / "model.safetensors")
    base = load_file(Path(source.base) / "model.safetensors")
    saved = load_file(source.adapter / "model.safetensors")
    rows = json.loads((source.adapter / "vocabulary.json").read_text())["original_ids"]
    name = "model.embed_tokens.weight"
    assert len(rows) < len(base[name])
    torch.testing.assert_close(merged[name][rows], saved[name].bfloat16(), rtol=0, atol=0)
    others = sorted({*range(len(base[name]))} - {*rows})
    torch.testing.assert_close(merged[name][others], base[name][others].bfloat16(), rtol=0, atol=0)
    layer = "model.layers.1.mlp.up_proj.weight"
    torch.testing.assert_close(merged[layer], saved[layer].bfloat16(), rtol=0, atol=0)


def test_generation_ends_at_every_stop_and_stays_in_what_was_trained(tmp_path: Path) -> None:
    settings = {"decode": {"temperature": 0.5, "top_p": 0.9, "top_k": 7, "max_length": 20}}
    source = write_run(tmp_path, checkpoints.qwen2, "plain", LORA, settings)
    out = tmp_path / "out"
    write_export(source, "merged", out, "f16")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    config = model.generation_config
    stops = {tokenizer.convert_tokens_to_ids(t) for t in ("<|im_end|>", "<|endoftext|>")}
    assert {*config.eos_token_id} == stops
    assert (config.temperature, config.top_p, config.top_k) == (0.5, 0.9, 7)
    vocabulary = export_tokenizer(tuned(source), "plain").vocabulary
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": COUPLETS[0]}], return_tensors="pt", return_dict=True
    )
    for seed in range(5):
        torch.manual_seed(seed)
        new = model.generate(**prompt)[0, prompt["input_ids"].shape[1] :].tolist()
        # Without suppression most tokens of a random model would be joined ones.
        assert all(len((vocabulary.tokens[i] or b"").decode("utf-8", "ignore")) <= 1 for i in new)
    assert GenerationConfig.from_pretrained(out).max_new_tokens == 20


def test_all_weights_have_no_adapter(tmp_path: Path) -> None:
    source = write_run(tmp_path, checkpoints.qwen2, "plain", None)
    with pytest.raises(UserError, match=r"train\.method=full"):
        write_export(source, "adapter", tmp_path / "out", "f16")
    assert not (tmp_path / "out").exists()


def test_quantised_weights_are_never_merged_into(source: ExportSource, tmp_path: Path) -> None:
    model = tuned(source)
    words = export_tokenizer(model, "chat")
    round_all(model.network)
    with pytest.raises(UserError, match="quantised"):
        write_merged(replace(model, bits=4), words, source.settings.decode, True, tmp_path)
    base = checkpoints.mistral(tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (base / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="unquantised model"):
        check_unquantized(base)
    moved = replace(source, card={**source.card, "base": str(base)})
    targets: tuple[Target, ...] = ("merged", "gguf")
    for target in targets:
        with pytest.raises(UserError, match="unquantised model"):
            write_export(moved, target, tmp_path / "out", "f16")


def test_what_was_trained_on_4_bits_is_merged_into_16(source: ExportSource, tmp_path: Path) -> None:
    four = replace(source, card={**source.card, "bits": 4})
    write_export(four, "merged", tmp_path / "out", "f16")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32)
    prompts = _prompts(source)
    wanted = readback.logits(tuned(source).network, prompts)
    assert readback.distance(readback.logits(merged, prompts), wanted) < 0.02


def test_an_existing_folder_is_left_alone(source: ExportSource, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UserError, match="exists already"):
        write_export(source, "merged", tmp_path, "f16")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("what", ["weight", "tokenizer"])
@pytest.mark.parametrize("target", ["adapter", "merged"])
def test_a_damaged_export_is_caught_and_removed(
    source: ExportSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: Literal["adapter", "merged"],
    what: str,
) -> None:
    name = f"write_{target}"
    write: Callable[..., None] = getattr(pipeline, name)

    def damaged(*arguments: Any) -> None:
        write(*arguments)
        folder: Path = arguments[-1]
        if what == "weight":
            [file] = folder.glob("*.safetensors")
            weights = load_file(file)
            one = next(key for key in sorted(weights) if "o_proj" in key)
            weights[one].view(-1)[7] += 0.5
            save_file(weights, file, metadata={"format": "pt"})
        else:
            ordinary = (Path(source.base) / "tokenizer.json").read_bytes()
            (folder / "tokenizer.json").write_bytes(ordinary)

    monkeypatch.setattr(pipeline, name, damaged)
    match = "nothing was kept" if what == "weight" else "not what was trained"
    with pytest.raises(UserError, match=match):
        write_export(source, target, tmp_path / "out", "f16")
    assert list(tmp_path.iterdir()) == []


def test_rounding_that_ruins_a_model_is_refused() -> None:
    exact = [torch.tensor([[1.0, 2.0, 4.0]])]
    assert readback.check_rounding([exact[0] + 5], exact, "bf16") < 1e-6  # no probability moved
    with pytest.raises(UserError, match="another --type"):
        readback.check_rounding([torch.tensor([[1.0, 2.5, 4.0]])], exact, "bf16")
    with pytest.raises(UserError, match="another --type"):
        readback.check_rounding([exact[0] * float("nan")], exact, "bf16")


def test_the_run_is_found_from_its_folder_and_from_its_adapter(
    source: ExportSource, tmp_path: Path
) -> None:
    run = source.adapter.parent
    for path in (run, run / "adapter"):
        assert find_source(path).settings.prompt.style == "chat"
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(UserError, match=r"is no adapter: it has no lianju\.json"):
            find_source(path)


def test_what_came_into_the_folder_meanwhile_stays(
    source: ExportSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()

    def card(*_: Any) -> str:
        (out / "thesis.txt").write_text("mine")
        return "card"

    monkeypatch.setattr(pipeline, "model_card", card)
    with pytest.raises(UserError, match=f"cannot write {out}: Directory not empty"):
        write_export(source, "adapter", out, "f16")
    assert (out / "thesis.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "thesis.txt"]


def _export_until_killed(source: ExportSource, out: Path) -> None:
    def kill(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "plain_encoder", kill)
        write_export(source, "adapter", out, "f16")


def test_what_a_killed_export_left_goes_with_the_next(source: ExportSource, tmp_path: Path) -> None:
    out = tmp_path / "out"
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_export_until_killed, args=(source, out))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    [left] = tmp_path.iterdir()
    assert (left / "adapter_model.safetensors").is_file()
    # Another export into the same folder may be at work still.
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    write_export(source, "adapter", tmp_path / "out", "f16")
    assert left.is_dir()
    os.close(handle)
    shutil.rmtree(out)
    write_export(source, "adapter", out, "f16")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"data": 3}', '{"data": {"used": []}}'])
def test_a_damaged_summary_is_found_before_the_work(
    source: ExportSource, tmp_path: Path, content: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(source.adapter.parent, run)
    (run / "summary.json").write_text(content)
    with pytest.raises(UserError, match=r"summary\.json is damaged .* remove it"):
        write_export(find_source(run), "adapter", tmp_path / "out", "f16")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"lora": 3}', '{"seed": NaN}'])
def test_damaged_settings_of_a_run_are_named(
    source: ExportSource, tmp_path: Path, content: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(source.adapter.parent, run)
    (run / "settings.json").write_text(content)
    with pytest.raises(UserError, match=r"settings\.json is damaged"):
        find_source(run)


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        (b"---\nlicense: apache-2.0\nx: [1\n---\n# Model", "apache-2.0"),
        (b"---\nlicense: &a [*a]\n---\n", "other"),
        (b"\xff\xfe\n", "other"),
        (b"license: mit\n", "other"),
    ],
)
def test_the_licence_is_read_off_any_card(
    source: ExportSource, tmp_path: Path, readme: bytes, licence: str
) -> None:
    (tmp_path / "README.md").write_bytes(readme)
    assert _licence(source, tmp_path)[0] == licence

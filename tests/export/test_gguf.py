"""GGUF files: what transformers and llama.cpp make of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import gguf
import pytest
from transformers import Gemma3TextConfig

from lianju.config import LoraSettings
from lianju.errors import UserError
from lianju.export import ExportSource, gguf_file, pipeline, write_export
from lianju.export.gguf_file import architecture_of
from lianju.export.gguf_vocabulary import rows_of
from lianju.export.rounding import round_matrices
from lianju.export.tokenizer import export_tokenizer
from tests import checkpoints
from tests.export.llama_cpp_process import heard
from tests.export.runs import COUPLETS, greedy, tuned, write_run

LORA = LoraSettings(rank=4, alpha=8)
STYLES = {
    "llama": "homework",
    "mistral": "chat",
    "qwen2": "chat",
    "qwen3": "plain",
}
Kind = Literal["f16", "bf16", "q8_0"]


def _same_greedy(source: ExportSource, file: Path, kind: Kind) -> None:
    """Whether llama.cpp writes the tokens that we would, with weights rounded alike."""
    model = tuned(source)
    words = export_tokenizer(model, source.prompt.name)
    rows = rows_of(words, source.settings.model.trim)
    round_matrices(model.network, kind)
    read = heard(file, [words.text(couplet) for couplet in COUPLETS], 12)
    for couplet, found in zip(COUPLETS, read, strict=True):
        prompt = words.prompt(couplet)
        assert [rows[index] for index in found.prompt] == prompt
        assert [rows[index] for index in found.added] == greedy(model.network, prompt, rows, 12)


@pytest.mark.slow
@pytest.mark.parametrize("name", STYLES)
def test_llama_cpp_reads_the_prompt_and_writes_the_tokens_that_we_would(
    name: str, tmp_path: Path
) -> None:
    source = write_run(tmp_path, checkpoints.ARCHITECTURES[name], STYLES[name], LORA)
    done = write_export(source, "gguf", tmp_path / "out", "f16")
    # Also where llama.cpp is not installed, transformers has read the same logits.
    assert any("transformers reads the logits" in note for note in done.notes)
    _same_greedy(source, tmp_path / "out" / "base-tang-f16.gguf", "f16")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bf16", "q8_0"])
def test_other_types(kind: Kind, tmp_path: Path) -> None:
    source = write_run(tmp_path, checkpoints.llama, "plain", LORA)
    write_export(source, "gguf", tmp_path / "out", kind)
    file = tmp_path / "out" / f"base-tang-{kind}.gguf"
    held = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(file).tensors}
    assert held["blk.0.attn_q.weight"] == held["token_embd.weight"] == kind.upper()
    assert held["blk.0.attn_norm.weight"] == "F32"
    [found] = heard(file, COUPLETS[:1], 4)
    assert found.text


def _fields(file: Path) -> dict[str, Any]:
    return {name: field.contents() for name, field in gguf.GGUFReader(file).fields.items()}


@pytest.mark.slow
def test_gemma_in_llama_cpp_and_what_its_file_says(tmp_path: Path) -> None:
    # One test, since everything with 262,144 rows takes its time.
    source = write_run(tmp_path, checkpoints.gemma3, "chat", LORA)
    write_export(source, "gguf", tmp_path / "out", "f16")
    [file] = (tmp_path / "out").glob("*.gguf")
    _check_gemmas_file(file)
    lines = (tmp_path / "out" / "Modelfile").read_text().splitlines()
    assert lines[0] == f"FROM ./{file.name}"
    assert 'PARAMETER stop "<eos>"' in lines and 'PARAMETER stop "<end_of_turn>"' in lines
    assert "PARAMETER num_predict 128" in lines
    _same_greedy(source, file, "f16")


def _check_gemmas_file(file: Path) -> None:
    said = _fields(file)
    tokens = said["tokenizer.ggml.tokens"]
    assert said["general.architecture"] == "gemma3"
    assert said["gemma3.attention.key_length"] == 16
    assert said["gemma3.attention.sliding_window"] == 64
    assert (said["gemma3.rope.freq_base"], said["gemma3.rope.freq_base_swa"]) == (1e6, 1e4)
    assert tokens[said["tokenizer.ggml.eos_token_id"]] == "<eos>"
    assert tokens[said["tokenizer.ggml.eot_token_id"]] == "<end_of_turn>"
    assert tokens[said["tokenizer.ggml.bos_token_id"]] == "<bos>"
    assert said["tokenizer.ggml.add_bos_token"] and not said["tokenizer.ggml.add_space_prefix"]
    # Trimmed as it was trained: nothing that spells neither verse nor this prompt.
    assert 9000 < len(tokens) < 11000 and "白" in tokens and "白日" not in tokens
    assert "messages[-1]['content']" in said["tokenizer.chat_template"]


def test_a_modelfiles_template_is_the_prompt(tmp_path: Path) -> None:
    settings = {"decode": {"temperature": 0.1, "top_p": 0.3, "max_length": 64}}
    source = write_run(tmp_path, checkpoints.llama, "homework", LORA, settings)
    write_export(source, "gguf", tmp_path / "out", "f16")
    text = (tmp_path / "out" / "Modelfile").read_text()
    template = text.partition('TEMPLATE """')[2].partition('"""')[0]
    words = export_tokenizer(tuned(source), "homework")
    assert template.replace("{{ .Prompt }}", COUPLETS[0]) == words.text(COUPLETS[0])
    for line in ("temperature 0.1", "top_p 0.3", "top_k 0", "num_predict 64", "repeat_penalty 1.0"):
        assert f"PARAMETER {line}\n" in text


@pytest.mark.slow
def test_an_untrimmed_training_keeps_every_row(tmp_path: Path) -> None:
    settings = {"model": {"trim": False}}
    source = write_run(tmp_path, checkpoints.mistral, "homework", LORA, settings)
    write_export(source, "gguf", tmp_path / "out", "f16")
    [file] = (tmp_path / "out").glob("*.gguf")
    said = _fields(file)
    tokens, types = said["tokenizer.ggml.tokens"], said["tokenizer.ggml.token_type"]
    assert len(tokens) == tuned(source).vocabulary.full_size
    # Joined verse cannot come about, and rows without a token have a name.
    assert "白日" not in tokens
    unused = [name for name, kind in zip(tokens, types, strict=True) if kind == 5]
    assert "[PAD" in unused[-1] and any(name.startswith("[UNUSED") for name in unused)
    _same_greedy(source, file, "f16")


@pytest.mark.slow
def test_all_weights_trained_are_written_too(tmp_path: Path) -> None:
    source = write_run(tmp_path, checkpoints.qwen2, "plain", None)
    write_export(source, "gguf", tmp_path / "out", "f16")
    _same_greedy(source, tmp_path / "out" / "base-tang-f16.gguf", "f16")


def test_a_damaged_file_is_caught_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_run(tmp_path, checkpoints.llama, "plain", LORA)
    write: Callable[..., None] = gguf_file.write_gguf

    def damaged(*arguments: Any) -> None:
        write(*arguments)
        file: Path = arguments[4]
        tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(file, "r+").tensors}
        tensors["blk.1.attn_output.weight"].data[3, 5] += 0.5

    monkeypatch.setattr(pipeline, "write_gguf", damaged)
    with pytest.raises(UserError, match="nothing was kept"):
        write_export(source, "gguf", tmp_path / "out", "f16")
    assert {path.name for path in tmp_path.iterdir()} == {"base", "run"}


def test_unpermuted_heads_are_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As every weight would be right for itself, only the computation shows it.
    source = write_run(tmp_path, checkpoints.llama, "plain", LORA)
    tensors = gguf_file._tensors
    monkeypatch.setattr(
        gguf_file,
        "_tensors",
        lambda *arguments: [replace(tensor, heads=0) for tensor in tensors(*arguments)],
    )
    with pytest.raises(UserError, match="nothing was kept"):
        write_export(source, "gguf", tmp_path / "out", "f16")


def test_what_a_gguf_cannot_say_is_refused(tmp_path: Path) -> None:
    config = tuned(write_run(tmp_path, checkpoints.llama, "plain", LORA)).network.config
    config.rope_parameters = {**config.rope_parameters, "rope_type": "llama3"}
    with pytest.raises(UserError, match="scaled"):
        architecture_of(config)
    config.model_type = "gpt2"
    with pytest.raises(UserError, match="no GGUF export of gpt2"):
        architecture_of(config)


def test_gemmas_of_another_make_are_refused() -> None:
    config = Gemma3TextConfig(num_hidden_layers=2, head_dim=256, query_pre_attn_scalar=256)
    architecture_of(config)
    config.query_pre_attn_scalar = 20
    with pytest.raises(UserError, match="attention"):
        architecture_of(config)

"""A model as a GGUF file, for llama.cpp, Ollama and what is built on them.

What the keys and tensors of an architecture are is read off llama.cpp's own converter
(conversion/*.py) and loaders (src/models/*.cpp).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch

from lianju.errors import UserError
from lianju.export.gguf_vocabulary import add_vocabulary
from lianju.export.rounding import FileType, ggml_type
from lianju.export.tokenizer import ExportTokenizer
from lianju.model import LanguageModel
from lianju.progress import Reporter

# transformers' name of an architecture, and llama.cpp's.
ARCHITECTURES = {
    "gemma3_text": gguf.MODEL_ARCH.GEMMA3,
    "llama": gguf.MODEL_ARCH.LLAMA,
    "mistral": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
}
_FILE_TYPES = {
    "f16": gguf.LlamaFileType.MOSTLY_F16,
    "bf16": gguf.LlamaFileType.MOSTLY_BF16,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
}


def write_gguf(
    model: LanguageModel,
    words: ExportTokenizer,
    rows: Sequence[int],
    kind: FileType,
    file: Path,
    reporter: Reporter,
) -> None:
    """Write the untrimmed `model`, with the tokens of `rows` only, to `file`."""
    config = model.network.config
    architecture = architecture_of(config)
    writer = gguf.GGUFWriter(file, gguf.MODEL_ARCH_NAMES[architecture])
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(file.stem)
    writer.add_languages(["zh"])
    writer.add_file_type(_FILE_TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _add_shape(writer, config, len(rows))
    add_vocabulary(writer, words, rows)
    tensors = _tensors(model.network, architecture, torch.tensor(rows))
    for tensor in tensors:
        held = ggml_type(tensor.weight, kind)
        size = math.prod(gguf.quant_shape_to_byte_shape(tensor.shape, held))
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), size, held)
    with reporter.task("Writing the GGUF file", len(tensors)) as task:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in tensors:
            held = ggml_type(tensor.weight, kind)
            writer.write_tensor_data(gguf.quantize(tensor.values(), held))
            task.advance()
    writer.close()


def architecture_of(config: Any) -> gguf.MODEL_ARCH:
    """llama.cpp's architecture for a model. `UserError` where a GGUF could not say what it is."""
    if config.model_type not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise UserError(
            f"there is no GGUF export of {config.model_type} models, only of {known}: "
            "export --to merged"
        )
    for name, rope in _ropes(config).items():
        if rope["rope_type"] != "default":
            raise UserError(
                f"the {name} of this model are scaled ({rope['rope_type']}), which the GGUF export "
                "does not write: export --to merged"
            )
    gemma = config.model_type == "gemma3_text"
    usual = ["full_attention" if layer % 6 == 5 else "sliding_attention" for layer in range(10**3)]
    if gemma and (
        config.query_pre_attn_scalar != config.head_dim
        or config.layer_types != usual[: config.num_hidden_layers]
    ):
        raise UserError(
            "this Gemma's attention is not what llama.cpp takes Gemma-3's to be: export --to merged"
        )
    return ARCHITECTURES[config.model_type]


def _ropes(config: Any) -> dict[str, dict[str, Any]]:
    """The rotary parameters: one set for all layers, or one for each kind of layer."""
    parameters = config.rope_parameters
    if "rope_type" in parameters:
        return {"positions": parameters}
    return {f"positions of {kind}": value for kind, value in parameters.items()}


def _add_shape(writer: gguf.GGUFWriter, config: Any, rows: int) -> None:
    heads = config.num_attention_heads
    head = getattr(config, "head_dim", None) or config.hidden_size // heads
    writer.add_vocab_size(rows)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    parameters = config.rope_parameters
    writer.add_rope_freq_base(parameters.get("full_attention", parameters)["rope_theta"])
    if config.model_type == "gemma3_text":
        writer.add_rope_freq_base_swa(parameters["sliding_attention"]["rope_theta"])
        writer.add_sliding_window(config.sliding_window)


@dataclass(frozen=True)
class _Tensor:
    """A weight under llama.cpp's name, and how its values differ from transformers'."""

    name: str
    weight: torch.Tensor
    rows: torch.Tensor | None = None
    heads: int = 0
    shift: float = 0.0

    @property
    def shape(self) -> tuple[int, ...]:
        rows = self.weight.shape[0] if self.rows is None else len(self.rows)
        return (rows, *self.weight.shape[1:])

    def values(self) -> "np.ndarray[Any, Any]":
        """In 32 bits, as the file is to hold them."""
        weight = self.weight if self.rows is None else self.weight[self.rows]
        if self.heads:
            # Llama's two halves of a head are llama.cpp's neighbours.
            apart = weight.reshape(self.heads, 2, -1, *weight.shape[1:])
            weight = apart.transpose(1, 2).reshape(weight.shape)
        values: np.ndarray[Any, Any] = (weight + self.shift).float().contiguous().numpy()
        return values


def _tensors(network: Any, architecture: gguf.MODEL_ARCH, rows: torch.Tensor) -> list[_Tensor]:
    """The weights of a model; an output layer that is the embedding once more is left out."""
    config = network.config
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    ends = [network.get_input_embeddings().weight, network.get_output_embeddings().weight]
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    llama = architecture == gguf.MODEL_ARCH.LLAMA
    gemma = architecture == gguf.MODEL_ARCH.GEMMA3
    return [
        _Tensor(
            names.get_name(name, (".weight", ".bias")),
            weight.detach(),
            rows if any(weight is end for end in ends) else None,
            heads.get(name.split(".")[-2], 0) if llama else 0,
            # Gemma's norms scale by 1 + weight, llama.cpp's by what the file holds.
            1.0 if gemma and name.endswith("norm.weight") else 0.0,
        )
        for name, weight in network.named_parameters()
    ]

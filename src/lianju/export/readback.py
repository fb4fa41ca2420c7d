"""Every export is read back by plain libraries before it is called done."""

from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import torch

from lianju.errors import UserError
from lianju.export.rounding import TOLERANCE, FileType
from lianju.extras import lacking

# What separates two ways of computing the same weights in 32 bits.
EXACT = 1e-3

Logits = list[torch.Tensor]

# What transformers does not read from a GGUF file, of what makes a difference to the logits.
_NOT_READ = ("head_dim", "query_pre_attn_scalar", "layer_types", "rope_parameters")
_READ = (
    *("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "rms_norm_eps", "max_position_embeddings", "tie_word_embeddings"),
)


@torch.no_grad()
def logits(network: Any, prompts: Sequence[Sequence[int]]) -> Logits:
    """What `network` computes at every position of every prompt, in 32 bits."""
    return [network(input_ids=torch.tensor([ids])).logits[0].float() for ids in prompts]


def distance(found: Logits, wanted: Logits) -> float:
    """The largest difference between two logits of a prompt, as a share of their spread.

    The mean of each position is taken out, which no probability depends on.
    """
    worst = 0.0
    for one, other in zip(found, wanted, strict=True):
        one, other = (each - each.mean(-1, keepdim=True) for each in (one, other))
        error = (one - other).square().mean().sqrt() / other.square().mean().sqrt()
        worst = max(worst, float(error)) if error.isfinite() else float("inf")
    return worst


def check_rounding(rounded: Logits, exact: Logits, kind: FileType) -> float:
    """How far the file type moves the logits. `UserError` if it is further than it should."""
    moved = distance(rounded, exact)
    if not moved <= TOLERANCE[kind]:
        raise UserError(
            f"{kind} moves this model's logits by {moved:.1%} of their spread, over the "
            f"{TOLERANCE[kind]:.0%} allowed: export with another --type"
        )
    return moved


def check_written(found: Logits, written: Logits, what: str) -> float:
    """How far what was read back is from what was written. `UserError` if it is not the same."""
    error = distance(found, written)
    if not error <= EXACT:
        raise UserError(
            f"the {what} read back gives other logits than what was written (off by {error:.1%} "
            "of their spread), so nothing was kept: is the disk sound? If so, please report it"
        )
    return error


def read_merged(folder: Path) -> Any:
    """A merged folder, by plain transformers."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    ).eval()


def read_adapter(folder: Path, base: Path) -> Any:
    """An adapter beside its base model, by plain transformers and PEFT."""
    from peft import PeftModel

    return PeftModel.from_pretrained(read_merged(base), folder).eval()


def read_gguf(file: Path, config: Any) -> Any:
    """A GGUF file by transformers' reader; `config` is that of the model that was written.

    `UserError` where the file says otherwise of the model's shape.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    found = AutoConfig.from_pretrained(file.parent, gguf_file=file.name)
    for name in _READ:
        said, wanted = getattr(found, name), getattr(config, name)
        if abs(said - wanted) > 1e-6 * wanted:
            raise UserError(f"{file.name} says that {name} is {said}, where it is {wanted}")
    if _rope_base(found) != _rope_base(config):
        raise UserError(f"{file.name} says that the rotary base is {_rope_base(found)}")
    for name in _NOT_READ:
        if hasattr(found, name):
            setattr(found, name, getattr(config, name))
    return AutoModelForCausalLM.from_pretrained(
        file.parent,
        gguf_file=file.name,
        config=found,
        dtype=torch.float32,
        attn_implementation="eager",
    ).eval()


def _rope_base(config: Any) -> float:
    """That of the layers which see everything, where there are two kinds."""
    parameters = config.rope_parameters
    return float(parameters.get("full_attention", parameters)["rope_theta"])


def llama_cpp_encoder(file: Path, rows: Sequence[int]) -> Callable[[str], list[int]] | None:
    """What llama.cpp makes of a text, in ids of the base model; None where it is not installed."""
    if lacking("gguf"):
        return None
    from llama_cpp import Llama

    # It warns that a vocabulary alone has no context.
    with redirect_stderr(StringIO()):
        llama = Llama(str(file), vocab_only=True, verbose=False)
    return lambda text: [rows[index] for index in llama.tokenize(text.encode(), special=True)]

"""Base models and adapters: the catalogue, loading, spelling, trimming.

`load_base` gives a `LanguageModel` in eval mode whose `vocabulary` maps characters to ids;
`attach`, `save_adapter` and `load_adapter` deal with what is trained, `find_adapter` finds it from
the name of a run, of its adapter or of a checkpoint. Weights are read from safetensors or GGUF
only, and no code that comes with a model is run.
"""

from lianju.model.adapter import attach, save_adapter, unfreeze, write_lora
from lianju.model.adapter_folder import CARD as ADAPTER_CARD
from lianju.model.adapter_folder import CONFIG as ADAPTER_CONFIG
from lianju.model.adapter_folder import (
    REFERENCE,
    adapter_name,
    card_prompt,
    checkpoints_in,
    find_adapter,
    is_checkpoint,
    read_card,
    read_lora,
    reference_adapter,
    run_of,
    run_settings,
)
from lianju.model.adapter_load import load_adapter, restore_adapter
from lianju.model.catalogue import CATALOGUE
from lianju.model.compute import (
    Compute,
    choose_compute,
    choose_device,
    has_bf16_units,
    weights_dtype,
)
from lianju.model.folded import fold
from lianju.model.load import LanguageModel, count_numbers, load_base
from lianju.model.memory import ROWS, VALIDATED, plan_memory, text_lengths
from lianju.model.packed import pack
from lianju.model.prompt_frame import (
    SLOT,
    Layout,
    Messages,
    OwnLayout,
    PromptFrame,
    Shot,
    Shots,
)
from lianju.model.sealed import IDENTITY
from lianju.model.sources import base_config, base_folder, read_config
from lianju.model.trimming import kept_ids
from lianju.model.vocabulary import Vocabulary, write_tokenizer
from lianju.model.writing_copy import WritingCopy, graphs_here, made_ready

__all__ = [
    "ADAPTER_CARD",
    "ADAPTER_CONFIG",
    "CATALOGUE",
    "IDENTITY",
    "REFERENCE",
    "ROWS",
    "SLOT",
    "VALIDATED",
    "Compute",
    "LanguageModel",
    "Layout",
    "Messages",
    "OwnLayout",
    "PromptFrame",
    "Shot",
    "Shots",
    "Vocabulary",
    "WritingCopy",
    "adapter_name",
    "attach",
    "base_config",
    "base_folder",
    "card_prompt",
    "checkpoints_in",
    "choose_compute",
    "choose_device",
    "count_numbers",
    "find_adapter",
    "fold",
    "graphs_here",
    "has_bf16_units",
    "is_checkpoint",
    "kept_ids",
    "load_adapter",
    "load_base",
    "made_ready",
    "pack",
    "plan_memory",
    "read_card",
    "read_config",
    "read_lora",
    "reference_adapter",
    "restore_adapter",
    "run_of",
    "run_settings",
    "save_adapter",
    "text_lengths",
    "unfreeze",
    "weights_dtype",
    "write_lora",
    "write_tokenizer",
]

"""Base models and adapters: the catalogue, loading, spelling, trimming.

`load_base` gives a `LanguageModel` in eval mode whose `vocabulary` maps characters to ids;
`attach`, `save_adapter` and `load_adapter` deal with what is trained. Weights are read from
safetensors or GGUF only, and no code that comes with a model is run.
"""

from lianju.model.adapter import attach, load_adapter, read_card, save_adapter, unfreeze
from lianju.model.catalogue import CATALOGUE
from lianju.model.compute import (
    Compute,
    choose_compute,
    choose_device,
    has_bf16_units,
    weights_dtype,
)
from lianju.model.frame import SLOT, Frame, Layout, Messages
from lianju.model.load import LanguageModel, count_numbers, load_base
from lianju.model.memory import plan_memory, text_lengths
from lianju.model.packed import pack
from lianju.model.sources import base_config, base_folder
from lianju.model.vocabulary import Vocabulary

__all__ = [
    "CATALOGUE",
    "SLOT",
    "Compute",
    "Frame",
    "LanguageModel",
    "Layout",
    "Messages",
    "Vocabulary",
    "attach",
    "base_config",
    "base_folder",
    "choose_compute",
    "choose_device",
    "count_numbers",
    "has_bf16_units",
    "load_adapter",
    "load_base",
    "pack",
    "plan_memory",
    "read_card",
    "save_adapter",
    "text_lengths",
    "unfreeze",
    "weights_dtype",
]

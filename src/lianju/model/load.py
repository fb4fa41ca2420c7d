"""From settings to a model that can compute."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer

from lianju.config import ModelSettings
from lianju.errors import UserError
from lianju.files import locked
from lianju.model.sources import base_folder, identity, quiet
from lianju.model.trim import (
    full_vocabulary,
    save_trimmed,
    trimmed_folder,
)
from lianju.model.vocabulary import Vocabulary
from lianju.progress import SILENT, Reporter


@dataclass
class LanguageModel:
    """A causal language model with the vocabulary it is spelled in.

    `network` is a transformers or PEFT module; `sha256` identifies the base weights;
    `tuned` says whether an adapter is in it.
    """

    network: Any
    vocabulary: Vocabulary
    name: str
    sha256: str
    device: torch.device
    tuned: bool = False

    @property
    def parameters(self) -> int:
        """How many numbers the network holds, the adapter's among them."""
        return sum(weight.numel() for weight in self.network.parameters())


def load_base(
    settings: ModelSettings,
    texts: Iterable[str],
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    reporter: Reporter = SILENT,
) -> LanguageModel:
    """Load the base model, trimmed if the settings say so, ready for inference.

    `texts` are the fixed texts that prompts may contain. Whatever has to be fetched,
    converted or trimmed is kept in the cache; a trimmed model loads without its tokenizer.
    """
    quiet()
    texts = tuple(texts)
    # A CPU's fused kernel is slower on sequences as short as poems.
    attention = "eager" if device.type == "cpu" else "sdpa"
    full = base_folder(settings.name, reporter)
    digest = identity(full)
    if settings.trim:
        folder = trimmed_folder(digest, texts)
        with locked(folder):
            if not folder.is_dir():
                with reporter.task("Trimming the vocabulary (once)", 1) as task:
                    full_model = _load_full(full, texts, torch.float32, attention)
                    save_trimmed(*full_model, folder)
                    task.advance()
        network = _network(folder, dtype, attention)
        vocabulary = Vocabulary.read(folder / "vocabulary.json")
    else:
        network, vocabulary = _load_full(full, texts, dtype, attention)
    network.requires_grad_(False)
    network.to(device).eval()
    return LanguageModel(network, vocabulary, settings.name, digest, device)


def _load_full(
    folder: Path, texts: tuple[str, ...], dtype: torch.dtype, attention: str
) -> tuple[Any, Vocabulary]:
    from transformers import AutoTokenizer

    network = _network(folder, dtype, attention)
    try:
        fast = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder} has no tokenizer that can be read: {error}") from error
    backend: Tokenizer | None = getattr(fast, "backend_tokenizer", None)
    if backend is None or fast.eos_token_id is None:
        raise UserError(f"{folder} has no tokenizer.json with an end-of-text token")
    special = {"bos": fast.bos_token_id, "stop": fast.eos_token_id, "pad": fast.pad_token_id}
    rows = network.get_input_embeddings().weight.shape[0]
    return network, full_vocabulary(backend, rows, special, texts)


def _network(folder: Path, dtype: torch.dtype, attention: str) -> Any:
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            attn_implementation=attention,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"cannot load a language model from {folder}: {reason}") from error

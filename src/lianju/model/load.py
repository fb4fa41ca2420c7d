"""From settings to a model that can compute."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer

from lianju.config import ModelSettings
from lianju.errors import UserError
from lianju.model.memory import available
from lianju.model.prompt_frame import Layout, frames_of
from lianju.model.sealed import IDENTITY, made_once
from lianju.model.sources import base_folder, identity, read_config
from lianju.model.transformers_calls import check_loaded, first_line, quiet
from lianju.model.trimming import full_vocabulary, save_trimmed, trim, trimmed_folder
from lianju.model.vocabulary import Vocabulary
from lianju.progress import SILENT, Reporter

if TYPE_CHECKING:
    from lianju.graph import WritingGraph

_SHORT = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")


@dataclass
class LanguageModel:
    """A causal language model with the vocabulary it is spelled in.

    `network` is a transformers or PEFT module; `sha256` identifies the base weights, whose
    untrimmed form, with config and tokenizer, lies in `folder`; `bits` is 4 where the weights
    are quantised; `tuned` says whether an adapter is in it, and `changed` by how much that moves
    the log-probabilities after a couplet, in nats, at most. `start` holds the first weights of
    an adapter that did not start from nothing (PiSSA). `graph`, if there is one, writes in the
    network's place, which is then None where nothing but writing was asked for.
    """

    network: Any
    vocabulary: Vocabulary
    name: str
    sha256: str
    device: torch.device
    tuned: bool = False
    changed: float = 0.0
    folder: Path = Path()
    bits: int = 16
    start: Mapping[str, torch.Tensor] | None = None
    graph: "WritingGraph | None" = None

    @property
    def engine(self) -> str:
        """What writes: the library, and how it holds the weights."""
        if self.graph is not None:
            return "openvino-int8"
        if self.bits == 4:
            return "pytorch-nf4"
        return f"pytorch-{_SHORT[self.network.dtype]}"

    @property
    def parameters(self) -> int:
        """How many numbers the network holds, the adapter's among them."""
        return sum(map(count_numbers, self.network.parameters()))


def count_numbers(weight: torch.nn.Parameter) -> int:
    """The numbers in a weight; 4-bit ones lie in pairs."""
    state = getattr(weight, "quant_state", None)
    return weight.numel() if state is None else int(state.shape.numel())


def load_base(
    settings: ModelSettings,
    layouts: Mapping[str, Layout],
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    reporter: Reporter = SILENT,
) -> LanguageModel:
    """Load the base model, trimmed if the settings say so, ready for inference.

    `layouts` are those of the prompts. What has to be fetched or converted is kept in the
    cache, and so is the trimmed copy of a converted model, which loads without its tokenizer;
    other models are trimmed as they are loaded.
    """
    quiet()
    # A CPU's fused kernel is slower on sequences as short as poems.
    attention = "eager" if device.type == "cpu" else "sdpa"
    load = _Loader(device, dtype, attention, settings.bits)
    full = base_folder(settings.name, reporter)
    digest = identity(full, reporter)
    if settings.trim and (full / IDENTITY).is_file() and settings.bits == 16:
        network, vocabulary = _trimmed_once(full, digest, layouts, load, reporter)
    else:
        load.check_room(full)
        network, vocabulary = _load_full(full, layouts, load)
        if settings.trim:
            vocabulary = trim(network, vocabulary)
    network.requires_grad_(False)
    if settings.bits == 16:
        network.to(device)
    network.eval()
    return LanguageModel(
        network, vocabulary, settings.name, digest, device, folder=full, bits=settings.bits
    )


@dataclass(frozen=True)
class _Loader:
    """How weights are read."""

    device: torch.device
    dtype: torch.dtype
    attention: str
    bits: int = 16

    def check_room(self, folder: Path) -> None:
        """Refuse weights that are not there or that the device cannot hold, before reading them."""
        found = list(folder.glob("*.safetensors"))
        if not found:
            raise UserError(
                f"cannot load a language model from {folder}: it has no safetensors, and weights "
                "in other formats are never read, since they can run code"
            )
        config = read_config(folder)
        stored = config.get("dtype") or config.get("torch_dtype")
        numbers = sum(file.stat().st_size for file in found) / (4 if stored == "float32" else 2)
        need = numbers * (self.dtype.itemsize if self.bits == 16 else 0.6)
        free = available(self.device)
        if need > free:
            raise UserError(
                f"the weights in {folder} take about {need / 1e9:.1f} GB on {self.device}, and "
                f"{free / 1e9:.1f} GB are free: take a smaller model, or a machine with more"
            )

    def __call__(self, folder: Path) -> Any:
        from transformers import AutoModelForCausalLM

        try:
            network, info = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=self.dtype,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                attn_implementation=self.attention,
                output_loading_info=True,
                **self._placement(),
            )
            check_loaded(info)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # damaged files make transformers raise nearly anything
            raise UserError(
                f"cannot load a language model from {folder}: {first_line(error)}"
            ) from error
        return network

    def _placement(self) -> dict[str, Any]:
        if self.bits == 16 and self.device.type == "cpu":
            return {}
        # Straight to the device, piece by piece: the machine's own memory may be small.
        placed: dict[str, Any] = {"device_map": {"": self.device}}
        if self.bits == 4:
            placed["quantization_config"] = _nf4(self.dtype)
        return placed


def _nf4(dtype: torch.dtype) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def _trimmed_once(
    full: Path, digest: str, layouts: Mapping[str, Layout], load: _Loader, reporter: Reporter
) -> tuple[Any, Vocabulary]:
    """The trimmed copy of a converted model, made unless it is there and whole."""
    folder = trimmed_folder(digest, layouts)

    def make() -> None:
        with reporter.task("Trimming the vocabulary (once)", 1) as task:
            plain = _Loader(torch.device("cpu"), torch.float32, load.attention)
            network, vocabulary = _load_full(full, layouts, plain)
            save_trimmed(network, trim(network, vocabulary), folder, digest)
            task.advance()

    made_once(folder, digest, make, reporter)
    with suppress(OSError):
        folder.touch()  # so that of many copies the others are removed first
    return load(folder), Vocabulary.read(folder / "vocabulary.json")


def _load_full(
    folder: Path, layouts: Mapping[str, Layout], load: _Loader
) -> tuple[Any, Vocabulary]:
    from transformers import AutoTokenizer

    # Without any of its files transformers makes up a tokenizer that knows nothing.
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise UserError(f"{folder} has no tokenizer: give it its {' or '.join(_TOKENIZERS)}")
    try:
        fast = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # damaged files make transformers raise nearly anything
        raise UserError(
            f"{folder} has no tokenizer that can be read: {first_line(error)}"
        ) from error
    backend: Tokenizer | None = getattr(fast, "backend_tokenizer", None)
    if backend is None or fast.eos_token_id is None:
        raise UserError(f"{folder} has no tokenizer.json with an end-of-text token")
    network = load(folder)
    special = {"bos": fast.bos_token_id, "stop": fast.eos_token_id, "pad": fast.pad_token_id}
    ends = network.generation_config.eos_token_id
    stops = ends if isinstance(ends, list) else [] if ends is None else [ends]
    rows = network.get_input_embeddings().weight.shape[0]
    for index in (*special.values(), *stops):
        if index is not None and not (isinstance(index, int) and 0 <= index < rows):
            raise UserError(
                f"{folder} names {index!r} as a token that begins or ends a text, and its weights "
                f"have {rows} rows: copy or download the model again"
            )
    frames = frames_of(layouts, backend, fast)
    return network, full_vocabulary(backend, rows, special, frames, stops)

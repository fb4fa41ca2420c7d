"""From a GGUF file to a folder that transformers loads in a second."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch

from lianju.errors import UserError
from lianju.files import writing_folder
from lianju.model.sealed import seal
from lianju.model.transformers_calls import check_loaded, first_line
from lianju.model.vocabulary import write_tokenizer
from lianju.progress import Reporter


def convert(file: Path, digest: str, folder: Path, reporter: Reporter) -> None:
    """Write the model and tokenizer of GGUF `file` to `folder` as fp32 safetensors.

    The folder is sealed with the file's SHA-256 `digest`, by which the model is known from then on.
    Raises `UserError` where transformers cannot read the file.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with reporter.task("Converting the base model (once)", 3) as task, _quick_reading():
        try:
            _check_sizes(file)
            tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
            task.advance(1, "tokenizer read")
            network, info = AutoModelForCausalLM.from_pretrained(
                file.parent, gguf_file=file.name, dtype=torch.float32, output_loading_info=True
            )
            check_loaded(info)
            task.advance(1, "weights read")
            plain = _plain(network)
        except Exception as error:  # damaged files make the readers raise nearly anything
            raise UserError(
                f"cannot read {file} as a language model: {first_line(error)}. If it should be "
                "one, copy or download it again"
            ) from error
        with writing_folder(folder) as temporary:
            plain.save_pretrained(temporary)
            write_tokenizer(tokenizer, temporary)
            seal(temporary, digest)
        task.advance(1, "written")


# Without one of these transformers takes the sizes of a model of billions of weights.
_SIZES = ("block_count", "embedding_length", "feed_forward_length", "attention.head_count")


def _check_sizes(file: Path) -> None:
    """Refuse a model without sizes, or of more layers than tensors, which would take hours."""
    reader = gguf.GGUFReader(str(file))
    fields = reader.fields
    architecture = fields["general.architecture"].contents()
    for name in _SIZES:
        if f"{architecture}.{name}" not in fields:
            raise ValueError(f"it does not say its {architecture}.{name}")
    layers = fields[f"{architecture}.block_count"].contents()
    if not 0 < layers <= len(reader.tensors):
        raise ValueError(
            f"it says that it has {layers} layers, and has {len(reader.tensors)} tensors"
        )


def _plain(network: Any) -> Any:
    """The same network without a word of how its weights were held."""
    values = network.config.to_dict()
    values.pop("quantization_config", None)
    # Without memory there is nothing to fill with random numbers, which takes seconds.
    with torch.device("meta"):
        plain = type(network)(type(network.config)(**values))
    plain.load_state_dict(network.state_dict(), assign=True)
    plain.tie_weights()
    return plain


class _QuickReader(gguf.GGUFReader):
    """The same reader over a plain array: its million small slices of a memmap cost 15 s."""

    @property
    def data(self) -> Any:
        return self._data

    @data.setter
    def data(self, mapped: Any) -> None:
        self._data = np.asarray(mapped)


@contextmanager
def _quick_reading() -> Iterator[None]:
    """Within, transformers, which reads a GGUF file three times, gets one quick reader, and the
    names of its tensors, for which it asks at every module, from one table.
    """
    original = gguf.GGUFReader, gguf.get_tensor_name_map
    gguf.GGUFReader, gguf.get_tensor_name_map = cache(_QuickReader), cache(original[1])
    try:
        yield
    finally:
        gguf.GGUFReader, gguf.get_tensor_name_map = original

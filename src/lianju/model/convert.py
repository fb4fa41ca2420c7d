"""From a GGUF file to a folder that transformers loads in a second."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from lianju.errors import UserError
from lianju.files import write_json, writing_folder
from lianju.model.sources import IDENTITY
from lianju.progress import Reporter


def convert(file: Path, digest: str, folder: Path, reporter: Reporter) -> None:
    """Write the model and tokenizer of GGUF `file` to `folder` as fp32 safetensors.

    The folder also gets `identity.json` with the file's SHA-256 `digest`, by which the model
    is known from then on. Raises `UserError` where transformers cannot read the file.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with reporter.task("Converting the base model (once)", 3) as task, _quick_reading():
        try:
            tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
            task.advance(1, "tokenizer read")
            network = AutoModelForCausalLM.from_pretrained(
                file.parent, gguf_file=file.name, dtype=torch.float32
            )
        except _UNREADABLE as error:
            raise UserError(f"cannot read {file} as a language model: {error}") from error
        task.advance(1, "weights read")
        values = network.config.to_dict()
        values.pop("quantization_config", None)
        plain = type(network)(type(network.config)(**values))
        plain.load_state_dict(network.state_dict())
        with writing_folder(folder) as temporary:
            plain.save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
            write_json(temporary / IDENTITY, {"sha256": digest, "from": "GGUF"})
        task.advance(1, "written")


# What a damaged file makes the readers raise.
_UNREADABLE = (
    ArithmeticError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


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
    """Within, transformers, which reads a GGUF file three times, gets one quick reader."""
    original = gguf.GGUFReader
    gguf.GGUFReader = cache(_QuickReader)
    try:
        yield
    finally:
        gguf.GGUFReader = original

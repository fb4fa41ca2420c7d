"""What a model needs to write on a CPU, kept in the cache: its graph in 8 bits, its vocabulary.

A copy is made once from the model itself, after all that is checked of base and adapter, and named
by the digests of everything it was made from and by what this CPU can do, for which it is compiled.
It opens without transformers and PEFT.
"""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch

import lianju
from lianju.config import ModelSettings
from lianju.files import cache_dir, digest, locked, read_json, sha256, write_json, writing_folder
from lianju.model.adapter_folder import find_adapter, is_checkpoint, run_of, run_settings
from lianju.model.file_digests import digests
from lianju.model.load import LanguageModel
from lianju.model.packed import pack
from lianju.model.prompt_frame import Layout
from lianju.model.sealed import is_whole, made_once, seal
from lianju.model.sources import base_folder, identity
from lianju.model.trimming import trimmed_folder
from lianju.model.vocabulary import Vocabulary
from lianju.progress import Reporter

_GRAPH, _VOCABULARY, _FACTS = "writing.blob", "vocabulary.json", "facts.json"
_PREFIX = "writing-"
# Beyond this size together, those that were not opened for longest are removed.
_MOST = 4 * 10**9


def graphs_here(device: torch.device, bits: int) -> bool:
    """Whether a graph can write in place of a network: on a CPU, of weights that are not in 4 bits,
    where OpenVINO is installed.
    """
    return device.type == "cpu" and bits == 16 and find_spec("openvino") is not None


def made_ready(model: LanguageModel, exact: bool = False) -> LanguageModel:
    """`model`, ready to score and to write, and for nothing else: on a CPU its network is packed,
    in place, and unless `exact` a graph with weights in 8 bits writes, where there can be one.
    """
    if not exact and graphs_here(model.device, model.bits):
        from lianju.graph import WritingGraph, can_build, writing_graph

        if can_build(model.network):
            model = replace(model, graph=WritingGraph(writing_graph(model.network)))
    pack(model.network)
    return model


@dataclass(frozen=True)
class WritingCopy:
    """Where the copy of a base model with an adapter is, or will be.

    `name`, `full` and `sha256` are the base model's: its name, its folder and its digest.
    """

    place: Path
    name: str
    full: Path
    sha256: str

    @classmethod
    def of(
        cls,
        settings: ModelSettings,
        layouts: Mapping[str, Layout],
        adapter: Path | None,
        reporter: Reporter,
    ) -> "WritingCopy":
        """The copy of the base model that `settings` name with what lies in the folder `adapter`,
        None for the untouched base model.
        """
        full = base_folder(settings.name, reporter)
        base = identity(full, reporter)
        program = [version("openvino"), _code(), torch.cpu.get_capabilities()]
        made_from = [program, settings.trim, trimmed_folder(base, layouts).name]
        key = digest([repr(made_from), adapter and _contents(adapter, reporter)])
        return cls(_copies() / base[:16] / f"{_PREFIX}{key[:16]}", settings.name, full, base)

    def is_whole(self, reporter: Reporter) -> bool:
        """Whether it is there, in the very files written."""
        return is_whole(self.place, self.sha256, reporter)

    def can_hold(self, model: LanguageModel) -> bool:
        """Whether there is a graph for such a network."""
        from lianju.graph import can_build

        return can_build(model.network)

    def make(self, model: LanguageModel, reporter: Reporter) -> None:
        """Write it from `model`, which has its network, unless it is there and whole."""
        made_once(self.place, self.sha256, lambda: self._write(model, reporter), reporter)

    def _write(self, model: LanguageModel, reporter: Reporter) -> None:
        from lianju.graph import WritingGraph, writing_graph

        with (
            reporter.task(f"Preparing {self.name} for writing (once)", 1) as task,
            writing_folder(self.place) as temporary,
        ):
            WritingGraph(writing_graph(model.network)).save(temporary / _GRAPH)
            model.vocabulary.save(temporary / _VOCABULARY)
            write_json(temporary / _FACTS, {"tuned": model.tuned, "changed": model.changed})
            seal(temporary, self.sha256)
            task.advance()
        _forget(self.place)

    def open(self) -> LanguageModel:
        """The model, which can write and nothing else."""
        from lianju.graph import WritingGraph

        facts = read_json(self.place / _FACTS)
        with suppress(OSError):
            self.place.touch()
        return LanguageModel(
            None,
            Vocabulary.read(self.place / _VOCABULARY),
            self.name,
            self.sha256,
            torch.device("cpu"),
            folder=self.full,
            graph=WritingGraph(self.place / _GRAPH),
            **facts,
        )


def _copies() -> Path:
    return cache_dir() / "models"


def _code() -> list[str]:
    """Changes with the code that makes graphs."""
    return [sha256(file) for file in sorted((Path(lianju.__file__).parent / "graph").glob("*.py"))]


def _contents(adapter: Path, reporter: Reporter) -> list[str]:
    """What tells the contents of an adapter's or a checkpoint's folder from any other's."""
    adapter = find_adapter(adapter)
    files = sorted(file for file in adapter.iterdir() if file.suffix in (".json", ".safetensors"))
    built = run_settings(run_of(adapter)).model_dump_json() if is_checkpoint(adapter) else ""
    return [*(file.name for file in files), *digests(files, reporter), built]


def _forget(kept: Path) -> None:
    """Remove the copies opened longest ago, `kept` never, where all take more than they may."""
    found = (one for one in _copies().glob(f"*/{_PREFIX}*") if one.is_dir())
    copies = sorted(found, key=lambda one: one.stat().st_mtime)
    sizes = {one: sum(file.stat().st_size for file in one.iterdir()) for one in copies}
    excess = sum(sizes.values()) - _MOST
    for one in copies:
        if excess > 0 and one != kept:
            with locked(one):
                shutil.rmtree(one, ignore_errors=True)
            excess -= sizes[one]

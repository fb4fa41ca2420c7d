"""From a trained adapter to something that other programs use."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from lianju.corpus import test_set
from lianju.errors import UserError
from lianju.export import readback
from lianju.export.card import about_run, model_card
from lianju.export.folder import check_unquantized, write_adapter, write_merged
from lianju.export.gguf_file import architecture_of, write_gguf
from lianju.export.gguf_vocabulary import rows_of
from lianju.export.leftovers import sweeping
from lianju.export.modelfile import modelfile_text
from lianju.export.rounding import FileType, round_all, round_matrices
from lianju.export.source import ExportSource
from lianju.export.tokenizer import ExportTokenizer, export_tokenizer, plain_encoder, respelled
from lianju.extras import lacking
from lianju.files import write_text, writing_folder
from lianju.model import LanguageModel, base_folder, load_adapter, load_base, restore_adapter
from lianju.progress import SILENT, Reporter
from lianju.prompt import layouts_of
from lianju.verse import normal

Target = Literal["adapter", "merged", "gguf"]

# How many prompts are computed to compare logits.
_COMPARED = 3


@dataclass
class Export:
    """An export in the making: from what, of which type, and what was found on the way."""

    source: ExportSource
    kind: FileType
    reporter: Reporter = SILENT
    notes: list[str] = field(default_factory=list)

    @property
    def trimmed(self) -> bool:
        """Whether only the rows that verse needs were trained."""
        return self.source.settings.model.trim

    def tuned(self, merged: bool = True) -> tuple[LanguageModel, ExportTokenizer]:
        """The untrimmed base model on the CPU in 32 bits with the training in it or beside it."""
        settings, layouts = self.source.model, layouts_of(self.source.prompt)
        model = load_base(settings, layouts, torch.device("cpu"), torch.float32, self.reporter)
        put_back = load_adapter if merged else restore_adapter
        model = put_back(model, self.source.adapter)
        return model, export_tokenizer(model, self.source.prompt.name)

    def note(self, line: str) -> None:
        """Keep a finding, and tell it."""
        self.notes.append(line)
        self.reporter.say(line)


def write_export(
    source: ExportSource, to: Target, out: Path, kind: FileType, reporter: Reporter = SILENT
) -> Export:
    """Write `source` to folder `out`, read it back with other libraries, and compare.

    `kind` is the type of the weights in a GGUF file. Whatever does not come back as it was
    written is a `UserError`, and then there is nothing at `out`. Takes about four bytes of memory
    a parameter of the base model, once.
    """
    _check_place(out)
    about_run(source)  # a damaged summary is better found now
    if to == "adapter" and source.full:
        raise UserError(
            "train.method=full trained every weight, so there is no adapter: "
            "export --to merged or --to gguf"
        )
    base = base_folder(source.model.name, reporter)
    if to != "adapter":
        check_unquantized(base)
        if source.card.get("bits") == 4:
            reporter.say("Trained on 4-bit weights; the merge goes into the 16-bit ones")
    job, out = Export(source, kind, reporter), out.resolve()
    make: Callable[[Export, Path, str], ExportTokenizer] = {
        "adapter": _adapter,
        "merged": _merged,
        "gguf": _gguf,
    }[to]
    with sweeping(out), writing_folder(out, replace=False) as temporary:
        words = make(job, temporary, f"{base_name(source)}-tang")
        write_text(temporary / "README.md", model_card(source, words, to, base, job.notes))
    return job


def _check_place(out: Path) -> None:
    try:
        if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
            raise UserError(f"{out} exists already: choose another --out")
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror}: choose another --out") from error


def base_name(source: ExportSource) -> str:
    """The base model's name without whose it is."""
    return Path(str(source.card["base"])).name.removesuffix(".gguf").lower()


def _adapter(job: Export, folder: Path, name: str) -> ExportTokenizer:
    model, words = job.tuned(merged=False)
    prompts, base = _prompts(words), model.folder
    wanted = readback.logits(model.network, prompts)
    write_adapter(model, job.source, words, job.trimmed, folder)
    del model
    found = readback.logits(readback.read_adapter(folder, base), prompts)
    error = readback.check_written(found, wanted, "adapter")
    job.note(f"transformers + PEFT give our logits, to {error:.1e} of their spread")
    _check_spelling(job, words, plain_encoder(folder), "transformers")
    return words


def _merged(job: Export, folder: Path, name: str) -> ExportTokenizer:
    model, words = job.tuned()
    prompts = _prompts(words)
    exact = readback.logits(model.network, prompts)
    round_all(model.network)
    written = readback.logits(model.network, prompts)
    _note_rounding(job, readback.check_rounding(written, exact, "bf16"), "bf16")
    write_merged(model, words, job.source.settings.decode, job.trimmed, folder)
    del model
    found = readback.logits(readback.read_merged(folder), prompts)
    error = readback.check_written(found, written, "merged model")
    job.note(f"transformers gives the logits that were written, to {error:.1e} of their spread")
    _check_spelling(job, words, plain_encoder(folder), "transformers")
    return words


def _gguf(job: Export, folder: Path, name: str) -> ExportTokenizer:
    model, words = job.tuned()
    config = model.network.config
    architecture_of(config)
    rows = rows_of(words, job.trimmed)
    new = {old: index for index, old in enumerate(rows)}
    prompts = _prompts(words)
    exact = [each[:, rows] for each in readback.logits(model.network, prompts)]
    round_matrices(model.network, job.kind)
    written = [each[:, rows] for each in readback.logits(model.network, prompts)]
    _note_rounding(job, readback.check_rounding(written, exact, job.kind), job.kind)
    file = folder / f"{name}-{job.kind}.gguf"
    write_gguf(model, words, rows, job.kind, file, job.reporter)
    write_text(folder / "Modelfile", modelfile_text(file.name, words, job.source.settings.decode))
    del model
    renumbered = [[new[index] for index in prompt] for prompt in prompts]
    found = readback.logits(readback.read_gguf(file, config), renumbered)
    error = readback.check_written(found, written, "GGUF file")
    job.note(f"transformers reads the logits that were written, to {error:.1e} of their spread")
    if encode := readback.llama_cpp_encoder(file, rows):
        _check_spelling(job, words, encode, "llama.cpp")
    else:
        job.note(f"llama.cpp was not asked too; {lacking('gguf')}")
    return words


def _prompts(words: ExportTokenizer) -> list[list[int]]:
    return [words.prompt(example.couplet) for example in test_set()[:_COMPARED]]


def _note_rounding(job: Export, moved: float, kind: str) -> None:
    job.note(f"{kind} moves the logits of 32 bits by {moved:.2%} of their spread")


def _check_spelling(
    job: Export, words: ExportTokenizer, encode: Callable[[str], list[int]], program: str
) -> None:
    couplets = [normal(example.couplet) for example in test_set()]
    different = respelled(words, encode, couplets, program)
    job.note(
        f"{program} cuts {len(couplets) - len(different)} of {len(couplets)} test prompts into the "
        "tokens that were trained"
    )
    if different:
        job.note(
            f"in 「{different[0]}」 it sees a word of the prompt's own text: of such couplets the "
            "model reads a few characters joined"
        )

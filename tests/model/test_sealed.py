"""Weights in the cache are what was written, or they are made anew; users' own are refused."""

import json
import multiprocessing
import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from lianju.config import LoraSettings, ModelSettings
from lianju.errors import UserError
from lianju.export import write_export
from lianju.files import writing_folder
from lianju.model import LanguageModel, load_base
from lianju.model.file_digests import digests
from lianju.model.sources import base_folder, identity
from lianju.model.vocabulary import write_tokenizer
from lianju.progress import SILENT, Reporter
from lianju.prompt import LAYOUTS, render
from tests import checkpoints, families, tiny
from tests.export.runs import write_run


class Listener(Reporter):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole Llama of 700 kB."""
    folder = tmp_path_factory.mktemp("gguf")
    source = write_run(folder, checkpoints.llama, "plain", LoraSettings(rank=4))
    write_export(source, "gguf", folder / "out", "f16")
    [file] = (folder / "out").glob("*.gguf")
    return file


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIANJU_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _load(name: Path, reporter: Reporter = SILENT) -> LanguageModel:
    return load_base(ModelSettings(name=str(name)), LAYOUTS, torch.device("cpu"), reporter=reporter)


def _logits(model: LanguageModel) -> torch.Tensor:
    ids = render("plain", model.vocabulary, tiny.COUPLETS[0][0])
    with torch.no_grad():
        logits: torch.Tensor = model.network(input_ids=torch.tensor([ids])).logits
    return logits


def _flip(file: Path) -> None:
    """Change one bit, and neither the size nor the time of the change."""
    before = file.stat()
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


SPOILED: dict[str, Callable[[Path], object]] = {
    "a bit": _flip,
    "empty": lambda file: file.write_bytes(b""),
    "deep": lambda file: file.write_bytes(b"[" * 10**5),
    "no object": lambda file: file.write_bytes(b"3"),
    "gone": lambda file: file.unlink(),
}


@pytest.mark.parametrize(
    ("part", "name", "how"),
    [
        ("full", "model.safetensors", "a bit"),
        ("full", "tokenizer.json", "a bit"),
        *(("full", "identity.json", how) for how in SPOILED),
        *(("full", "config.json", how) for how in SPOILED),
        *(("trimmed-*", "model.safetensors", how) for how in ("a bit", "empty", "gone")),
        *(("trimmed-*", "vocabulary.json", how) for how in SPOILED),
        *(("trimmed-*", "identity.json", how) for how in SPOILED),
    ],
)
def test_a_damaged_cache_is_made_anew_and_that_is_said(
    gguf: Path, cache: Path, part: str, name: str, how: str
) -> None:
    wanted = _logits(_load(gguf))
    [file] = cache.glob(f"models/*/{part}/{name}")
    SPOILED[how](file)
    listener = Listener()
    torch.testing.assert_close(_logits(_load(gguf, listener)), wanted, rtol=0, atol=0)
    [said] = listener.said
    assert said.startswith(f"{file.parent} is made anew: ")
    assert name in said or (name, how) == ("identity.json", "a bit")
    _load(gguf, quiet := Listener())
    assert not quiet.said


def test_weights_beside_those_that_were_written_are_not_read(gguf: Path, cache: Path) -> None:
    _load(gguf)
    [folder] = (file.parent for file in cache.glob("models/*/trimmed-*/vocabulary.json"))
    shutil.copy(folder / "model.safetensors", folder / "more.safetensors")
    _load(gguf, listener := Listener())
    assert "it was written without more.safetensors" in listener.said[0]
    assert not (folder / "more.safetensors").exists()


def test_a_users_copy_of_a_conversion_is_never_mended_behind_their_back(
    gguf: Path, cache: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    shutil.copytree(base_folder(str(gguf), SILENT), own)
    (own / "README.md").write_text("mine")
    torch.testing.assert_close(_logits(_load(own)), _logits(_load(gguf)), rtol=0, atol=0)
    _flip(own / "model.safetensors")
    with pytest.raises(UserError, match=r"own is damaged \(model\.safetensors is not what was"):
        _load(own)


def test_other_weights_of_the_same_size_and_time_are_another_model(
    cache: Path, tmp_path: Path
) -> None:
    folder = checkpoints.qwen2(tmp_path / "model")
    before = identity(folder)
    assert identity(folder) == before
    _flip(folder / "model.safetensors")
    flipped = identity(folder)
    assert flipped != before
    # A file that took the place of another, with all its times.
    other = tmp_path / "other.safetensors"
    shutil.copy2(folder / "model.safetensors", other)
    _flip(other)
    other.replace(folder / "model.safetensors")
    assert identity(folder) == before


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": 1}', b"[" * 10**5, b"\xff"])
def test_a_damaged_book_of_digests_is_written_anew(cache: Path, content: bytes) -> None:
    file = cache / "file"
    cache.mkdir()
    file.write_bytes(b"weights")
    known = digests([file], SILENT)
    (cache / "digests.json").write_bytes(content)
    assert digests([file], SILENT) == known
    assert [*json.loads((cache / "digests.json").read_text())] == [str(file)]


def test_a_book_that_lies_is_not_believed_after_a_change(cache: Path) -> None:
    file = cache / "file"
    cache.mkdir()
    file.write_bytes(b"weights")
    known = digests([file], SILENT)
    _flip(file)
    assert digests([file], SILENT) != known


def test_a_download_that_is_not_what_its_name_says_is_refused(cache: Path, tmp_path: Path) -> None:
    """The hub's cache names weights by their SHA-256."""
    folder = checkpoints.qwen2(tmp_path / "snapshots" / "model")
    weights, blobs = folder / "model.safetensors", tmp_path / "blobs"
    blobs.mkdir()
    [digest] = digests([weights], SILENT)
    weights.rename(blobs / digest)
    weights.symlink_to(blobs / digest)
    _load(folder)
    _flip(blobs / digest)
    with pytest.raises(UserError, match=f"{digest} is damaged: remove it, and it is downloaded"):
        _load(folder)


@contextmanager
def _killing(name: str) -> Iterator[None]:
    """Within, a call of a function of ours ends the process."""

    def kill(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(name, kill)
        yield


def _load_until(file: Path, name: str) -> None:
    with _killing(name):
        _load(file)


@pytest.mark.parametrize("module", ["gguf_conversion", "trimming"])
def test_what_a_killed_conversion_left_is_gone_after_the_next(
    gguf: Path, cache: Path, module: str
) -> None:
    sealing = f"lianju.model.{module}.seal"
    process = multiprocessing.get_context("fork").Process(target=_load_until, args=(gguf, sealing))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    [left] = cache.glob("models/*/.*.part")
    assert (left / "model.safetensors").stat().st_size > 500_000
    _load(gguf)
    assert not list(cache.rglob(".*"))


def test_what_a_killed_replacement_left_is_gone_though_nothing_has_to_be_made(
    gguf: Path, cache: Path
) -> None:
    _load(gguf)
    [folder] = (file.parent for file in cache.glob("models/*/trimmed-*/vocabulary.json"))
    shutil.copytree(folder, folder.with_name(f".{folder.name}.0123456789abcdef.old"))
    _load(gguf)
    assert not list(cache.rglob(".*"))


def test_a_warm_cache_needs_no_lock_and_no_write(
    gguf: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = _logits(_load(gguf))

    def refuse(path: Path, *_: object) -> None:
        raise UserError(f"cannot write {path}: Read-only file system")

    for module in ("file_digests", "sealed", "sources"):
        monkeypatch.setattr(f"lianju.model.{module}.locked", refuse)
    torch.testing.assert_close(_logits(_load(gguf)), wanted, rtol=0, atol=0)
    # An image that was copied: nothing is remembered, and nothing can be.
    (cache / "digests.json").unlink()
    torch.testing.assert_close(_logits(_load(gguf)), wanted, rtol=0, atol=0)
    assert not (cache / "digests.json").exists()


def test_a_gguf_that_is_cut_anywhere_is_named(gguf: Path, cache: Path, tmp_path: Path) -> None:
    raw, cut = gguf.read_bytes(), tmp_path / "cut.gguf"
    for length in (5, 30, 300, 3000, 30_000, 300_000, len(raw) - 1000):
        cut.write_bytes(raw[:length])
        with pytest.raises(UserError, match=r"cannot read .*cut\.gguf as a language model: .*copy"):
            _load(cut)
        assert not list(cache.glob("models/*/*full*/*"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"<0x41>", b"<0xZZ>", "'<0xZZ>', stands for no bytes"),
        (b"<0x41>", b"<0x-1>", "'<0x-1>', stands for no bytes"),
        (b"llama.block_count", b"llama.block_cownt", "does not say its llama.block_count"),
        (
            b"llama.block_count\4\0\0\0\2\0\0\0",
            b"llama.block_count\4\0\0\0\2\0\0\x40",
            "says that it has 1073741826 layers",
        ),
        (b"blk.1.ffn_up.weight", b"blk.1.ffn_op.weight", "lacks 1 of its tensors"),
    ],
)
def test_a_gguf_that_says_what_cannot_be_is_named(
    gguf: Path, cache: Path, tmp_path: Path, old: bytes, new: bytes, said: str
) -> None:
    raw = gguf.read_bytes()
    assert raw.count(old) == 1
    (tmp_path / "bad.gguf").write_bytes(raw.replace(old, new))
    with pytest.raises(UserError, match=said):
        _load(tmp_path / "bad.gguf")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", b"", r"config\.json is damaged"),
        ("config.json", b"[1]", r"config\.json is damaged"),
        ("config.json", b'{"a":' * 10**5, r"config\.json is damaged"),
        ("config.json", b'{"model_type": 3}', "cannot load a language model"),
        ("config.json", b'{"num_hidden_layers": 1e12}', "num_hidden_layers is 1000000000000.0"),
        ("config.json", b'{"num_hidden_layers": 1000000000}', "num_hidden_layers is 1000000000"),
        ("tokenizer.json", b"", "no tokenizer that can be read"),
        ("tokenizer.json", b"[" * 10**5, "no tokenizer that can be read"),
        ("tokenizer.json", b"{}", "no tokenizer that can be read"),
        ("generation_config.json", b'{"eos_token_id": [10000000]}', "names 10000000 as a token"),
        ("generation_config.json", b'{"eos_token_id": ["x"]}', "names 'x' as a token|cannot load"),
        ("model.safetensors", b"", "cannot load a language model"),
        ("model.safetensors", b"\xff" * 100, "cannot load a language model"),
    ],
)
def test_a_damaged_file_of_a_model_folder_is_one_line(
    cache: Path, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    folder = checkpoints.qwen2(tmp_path / "model")
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=said):
        _load(folder)


def test_weights_with_gaps_are_not_filled_with_random_numbers(cache: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = checkpoints.qwen2(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks 1 of its tensors, among them .*layers\.1\.mlp\.up"):
        _load(folder)


def test_a_disk_that_fills_while_a_tokenizer_is_saved(tmp_path: Path) -> None:
    target = tmp_path / "out"
    fast = PreTrainedTokenizerFast(tokenizer_object=families.smollm2_tokenizer())

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            with writing_folder(target) as folder:
                write_tokenizer(fast, folder)
        except UserError as error:
            os._exit(7 if f"cannot write {target}: " in str(error) else 1)

    process = multiprocessing.get_context("fork").Process(target=fill)
    process.start()
    process.join()
    assert process.exitcode == 7
    assert not list(tmp_path.iterdir())

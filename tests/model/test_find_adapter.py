"""Every verb takes a run, its adapter or a checkpoint, and says the same of a spoiled one."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lianju.cli.app import _guarded
from lianju.config import LoraSettings
from lianju.errors import UserError
from lianju.files import read_json
from lianju.model import (
    LanguageModel,
    adapter_name,
    attach,
    find_adapter,
    load_adapter,
    read_card,
    reference_adapter,
    run_of,
    run_settings,
    save_adapter,
)
from lianju.prompt import fingerprint, render
from tests import checkpoints, tiny

COUPLET = "白日依山盡，黃河入海流。"
TRAINED = {
    "dora": ["--set", "lora.variant=dora", "--set", "lora.dropout=0.5"],
    "pissa": ["--set", "lora.variant=pissa"],
    "full": ["--set", "train.method=full"],
    "whole": ["--set", "train.method=full", "--set", "model.trim=false"],
}
VERBS = {
    "complete": ["complete", COUPLET, "--form=free", "--max-length=4", "--adapter"],
    "next": ["explore", "next", COUPLET, "--form=free", "--adapter"],
    "sweep": [
        *("explore", "sweep", COUPLET, "--temperature=0", "--top-p=1", "--top-k=0", "--seeds=1"),
        *("--max-length=4", "--out=swept", "--adapter"),
    ],
    "evaluate": [
        "evaluate",
        "--suite=hw5",
        "--couplets=1",
        "--ranks=0",
        "--out=evaluated",
        "--adapter",
    ],
    "export": ["export", "--to=adapter", "--out=exported"],
    "serve": ["serve", "--port=0", "--adapter"],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of every kind on a tiny Qwen, as the user makes them."""
    folder = tmp_path_factory.mktemp("runs")
    base = checkpoints.qwen2(folder / "base")
    few = ["--poems=8", "--set", "data.validation=4", "--set", "train.validation_part=4"]
    for kind, how in TRAINED.items():
        arguments = ["finetune", *few, *how, "--set", f"model.name={base}"]
        assert _guarded([*arguments, "--out", str(folder / kind)], debug=True) == 0
    return folder


def _base(run: Path, trim: bool) -> LanguageModel:
    return checkpoints.loaded(read_card(run)["base"], trim)


def _logits(model: LanguageModel) -> torch.Tensor:
    ids = render("plain", model.vocabulary, tiny.COUPLETS[0][0])
    with torch.no_grad():
        logits: torch.Tensor = model.network(input_ids=torch.tensor([ids])).logits
    return logits


def _checkpoint(run: Path) -> Path:
    """The one that the adapter was made of."""
    best = read_json(run / "stages/finetune.json")["result"]["best_step"]
    return run / "checkpoints" / f"step-{best:06d}"


@pytest.mark.parametrize("trim", [True, False])
@pytest.mark.parametrize("kind", TRAINED)
def test_a_checkpoint_computes_what_the_adapter_made_of_it_does(
    runs: Path, kind: str, trim: bool
) -> None:
    run = runs / kind
    named = load_adapter(_base(run, trim), run)
    adapter = load_adapter(_base(run, trim), run / "adapter")
    checkpoint = load_adapter(_base(run, trim), _checkpoint(run))
    torch.testing.assert_close(_logits(named), _logits(adapter), rtol=0, atol=0)
    torch.testing.assert_close(_logits(checkpoint), _logits(adapter), rtol=1e-4, atol=1e-4)
    assert checkpoint.changed == pytest.approx(adapter.changed, rel=1e-3)


@pytest.mark.parametrize("kind", TRAINED)
def test_a_checkpoint_of_a_run_that_never_ended_is_enough(
    runs: Path, tmp_path: Path, kind: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(runs / kind, run)
    shutil.rmtree(run / "adapter")
    with pytest.raises(
        UserError, match=r"holds no adapter yet: name a checkpoint, such as .*step-"
    ):
        find_adapter(run)
    loaded = load_adapter(_base(runs / kind, True), _checkpoint(run))
    wanted = load_adapter(_base(runs / kind, True), runs / kind)
    torch.testing.assert_close(_logits(loaded), _logits(wanted), rtol=1e-4, atol=1e-4)
    if kind == "pissa":
        out = tmp_path / "out"
        arguments = ["export", str(_checkpoint(run)), "--to=adapter", f"--out={out}"]
        assert _guarded(arguments, debug=True) == 0
        exported = load_adapter(_base(runs / kind, True), out)
        torch.testing.assert_close(_logits(exported), _logits(wanted), rtol=1e-3, atol=1e-3)


def test_names_are_those_of_the_run(tmp_path: Path) -> None:
    names = {"r": "r", "r/adapter": "r", "r/checkpoints/step-000004": "r-step-000004", "a": "a"}
    assert {path: adapter_name(tmp_path / path) for path in names} == names


def test_the_reference_is_the_adapter_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = find_adapter(Path("reference"))
    assert folder == reference_adapter() and adapter_name(folder) == "reference"
    weights = folder / "adapter_model.safetensors"
    assert weights.stat().st_size <= 16 * 10**6
    assert {tensor.dtype for tensor in load_file(weights).values()} == {torch.bfloat16}
    assert read_card(folder)["base"] == "gemma-3-270m" and read_card(folder)["style"] == "plain"
    assert run_settings(run_of(folder)).data.corpus == "tang"
    (tmp_path / "reference").mkdir()
    with pytest.raises(UserError, match="reference is no adapter"):
        find_adapter(Path("reference"))


@pytest.mark.parametrize("name", ["missing", "x" * 5000, "empty", "file"])
def test_what_is_no_adapter_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"is no adapter|cannot read .*name too long"):
        load_adapter(tiny.model(), tmp_path / name)


def _spoil_checkpoint(run: Path, how: str) -> None:
    state = _checkpoint(run) / "state.safetensors"
    manifest = _checkpoint(run) / "checkpoint.json"
    raw = bytearray(state.read_bytes())
    if how == "a bit":
        raw[len(raw) // 2] ^= 1
        state.write_bytes(raw)
    elif how == "cut":
        state.write_bytes(raw[:-1])
    elif how == "gone":
        state.unlink()
    elif how == "no settings":
        (run / "settings.json").write_text("{")
    else:
        manifest.write_text(how)


@pytest.mark.parametrize(
    "how", ["a bit", "cut", "gone", "no settings", "", "[]", "{}", '{"sha256":1}']
)
def test_a_checkpoint_that_is_spoiled_is_refused(runs: Path, tmp_path: Path, how: str) -> None:
    shutil.copytree(runs / "dora", tmp_path / "run")
    _spoil_checkpoint(tmp_path / "run", how)
    with pytest.raises(UserError, match="is damaged"):
        load_adapter(_base(runs / "dora", True), _checkpoint(tmp_path / "run"))


_QUICK = [verb for verb in VERBS if verb not in ("serve", "evaluate")]


@pytest.mark.parametrize("verb", [*_QUICK, pytest.param("evaluate", marks=pytest.mark.slow)])
def test_every_verb_takes_a_checkpoint(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _guarded([*VERBS[verb], str(_checkpoint(runs / "dora"))], debug=True) == 0


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_the_same_of_an_adapter_that_changes_nothing(
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verb: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    model = attach(_base(runs / "dora", True), LoraSettings())
    card = {"style": "plain", "prompt": fingerprint("plain", model.vocabulary)}
    save_adapter(model, tmp_path / "idle", card)
    assert _guarded([*VERBS[verb], "idle"], debug=False) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "lianju: the adapter in idle changes nothing: the model answers as if it were not there. "
        "Train it again, or take the untouched model with --base"
    )

"""Model cards, the hub, and the verb itself. Only the network is mocked."""

import json
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import yaml

from lianju.cli import app as cli
from lianju.config import LoraSettings
from lianju.errors import UserError
from lianju.export import ExportSource, check_name, find_source, plan_upload, push
from lianju.files import write_json
from tests import checkpoints
from tests.export.runs import write_run

LORA = LoraSettings(rank=2)
SUMMARY: dict[str, Any] = {
    "data": {
        **{"origin": "a folder", "total": 30, "used": 7, "dropped": {"duplicate poem": 2}},
        "validation": {"n": 5, "note": "5 poems of the folder."},
    },
    "before": {"test": {"n": 15, "right": 1}, "validation": {"n": 5, "loss_per_character": 6.5}},
    "after": {
        "test": {"n": 15, "right": 13},
        "validation": {
            **{"n": 5, "loss_per_character": 5.125, "shape_n": 5, "shape_right": 4},
            "shape_interval": [0.376, 0.964],
        },
    },
}


class Hub:
    """What the hub's API would be asked to do."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.error: Exception | None = None

    def create_repo(self, repo_id: str, **rest: Any) -> str:
        self.asked.append(("create_repo", {"repo_id": repo_id, **rest}))
        if self.error:
            raise self.error
        return f"hub/{repo_id}"

    def upload_folder(self, **rest: Any) -> None:
        self.asked.append(("upload_folder", rest))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    api = Hub()
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: api)
    monkeypatch.setenv("HF_TOKEN", "hf_none")
    return api


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ExportSource:
    folder = tmp_path_factory.mktemp("qwen")
    found = write_run(folder, checkpoints.qwen2, "plain", LORA)
    (Path(found.base) / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Base\n")
    write_json(folder / "run" / "summary.json", SUMMARY)
    return find_source(folder / "run")


def _lianju(*arguments: str) -> int:
    return cli._guarded(["export", *arguments], debug=False)


def test_an_export_is_pushed_when_it_is_done(
    source: ExportSource, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = [str(source.adapter), "--to", "adapter", "--out", str(out), "--push", "me/tang"]
    assert _lianju(*arguments) == 0
    assert [name for name, _ in hub.asked] == ["create_repo", "upload_folder"]
    assert hub.asked[0][1]["private"]
    assert hub.asked[0][1]["repo_id"] == hub.asked[1][1]["repo_id"] == "me/tang"
    assert hub.asked[1][1]["folder_path"] == out
    assert "Pushed to hub/me/tang" in capsys.readouterr().out


def test_a_dry_run_says_what_would_be_sent_and_asks_nothing(
    source: ExportSource, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    push_flags = ["--push", "me/tang", "--dry-run"]
    assert _lianju(str(source.adapter), "--to", "merged", "--out", str(out), *push_flags) == 0
    assert hub.asked == []
    said = capsys.readouterr().out
    files = [path.name for path in out.iterdir()]
    assert f"Would push {len(files)} files" in said and "to me/tang:" in said
    assert all(name in said for name in files) and "model.safetensors" in files


def test_the_card_says_what_it_is(source: ExportSource, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert _lianju(str(source.adapter.parent), "--to", "merged", "--out", str(out)) == 0
    _, front, body = (out / "README.md").read_text().split("---\n", 2)
    values = yaml.safe_load(front)
    assert values["language"] == ["zh"] and values["license"] == "apache-2.0"
    assert values["library_name"] == "transformers" and "tang-poetry" in values["tags"]
    # A folder of this machine is nothing that the hub could link to.
    assert "base_model" not in values
    for words in (
        "| right shape, the homework's test couplets | 15 | 1 | 13 |",
        "| loss, nats a character, unseen poems | 5 | 6.500 | 5.125 |",
        "(95% interval 37.6% to 96.4%) | 5 | – | 4 |",
        "7 poems, drawn from 30 of a folder (dropped before: 2 duplicate poem)",
        "rank: 2",
        "transformers cuts 15 of 15 test prompts",
        "apache-2.0",
    ):
        assert words in body


def test_what_the_hub_refuses_is_one_line_and_keeps_the_export(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("x")
    hub.error = ConnectionError("no route")
    with pytest.raises(UserError, match=r"no route.*hf upload me/tang"):
        push(plan_upload(tmp_path, "me/tang"))
    assert (tmp_path / "README.md").is_file()


@pytest.mark.parametrize("name", ["tang", "a/b/c", "me/", "me/a b", "https://x/y"])
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="ORG/NAME"):
        check_name(name)


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of somebody who is not known to the hub."""
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "merged", "--out", "x", "--type", "q8_0"], "--type goes with --to gguf"),
        (["--to", "merged", "--out", "x", "--dry-run"], "--dry-run goes with --push"),
        (["--to", "merged", "--out", "x", "--push", "me"], "--push takes ORG/NAME"),
        (["--to", "merged", "--out", "x", "--push", "me/x"], "hf auth login"),
        (["nowhere", "--to", "merged", "--out", "x"], "nowhere is no adapter"),
        (["--out", "x"], "--to"),
        (["--to", "onnx", "--out", "x"], "onnx"),
    ],
)
def test_what_the_user_can_mend_is_one_line(
    arguments: list[str], said: str, stranger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _lianju(*arguments) == 2
    errors = capsys.readouterr().err
    assert said in errors and errors.count("\n") == 1 and "Traceback" not in errors
    assert not (stranger / "x").exists()


def test_the_newest_run_is_the_default(
    source: ExportSource, stranger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stranger / "runs").mkdir()
    (stranger / "runs" / "one").symlink_to(source.adapter.parent)
    assert _lianju("--to", "gguf", "--out", "x", "--type", "q8_0") == 0
    said = capsys.readouterr()
    assert "Adapter: runs/one/adapter" in said.err and "ollama create" in said.out
    names = sorted(path.name for path in (stranger / "x").iterdir())
    assert names == ["Modelfile", "README.md", "base-tang-q8_0.gguf"]
    assert json.loads((source.adapter / "lianju.json").read_text())["poems"] == 7

"""The hub's own client against a hub in miniature, each client in a process of its own.

The client reads its settings as it is imported, so what differs in them is another process.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.model import hub_server

# Asks for one model after another and prints what came of each.
_CLIENT = """
import json, os, sys
from contextlib import contextmanager
from lianju.errors import UserError
from lianju.model.hub import hub_config, hub_folder
from lianju.progress import Reporter, Task

class Listener(Reporter):
    @contextmanager
    def task(self, name, total):
        told.append([name, total, 0])
        class Count(Task):
            def advance(self, units=1, note=""):
                told[-1][2] += units
        yield Count()

for what, name, token in json.loads(sys.argv[1]):
    os.environ.pop("HF_TOKEN", None)
    if token:
        os.environ["HF_TOKEN"] = token
    told, folder, error = [], None, None
    try:
        folder = str(hub_config(name) if what == "config" else hub_folder(name, Listener()))
    except UserError as problem:
        error = str(problem)
    print("\\n" + json.dumps({"folder": folder, "error": error, "told": told}))
"""


@dataclass
class Hub:
    """A hub in miniature and the folder in which clients keep what they get."""

    address: str
    asked: list[str]
    home: Path

    def ask(self, *questions: tuple[str, str, str], **environment: str) -> list[dict[str, Any]]:
        """What came of (config or folder, model, token) in a process with `environment`."""
        hidden = {"HF_TOKEN", "HF_HUB_OFFLINE", "HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT"}
        inherited = {name: value for name, value in os.environ.items() if name not in hidden}
        ours = {"HF_ENDPOINT": self.address, "HF_HOME": str(self.home)}
        done = subprocess.run(
            [sys.executable, "-c", _CLIENT, json.dumps(questions)],
            env={**inherited, **ours, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with hub_server.serving() as (address, asked):
        yield Hub(address, asked, tmp_path_factory.mktemp("hub"))


QUESTIONS = {
    "config first": ("config", "good/model", ""),
    "all": ("folder", "good/model", ""),
    "again": ("folder", "good/model", ""),
    "nobody": ("config", "nobody/nothing", ""),
    "nobody known": ("folder", "nobody/nothing", "known"),
    "gated": ("config", "gated/model", ""),
    "gated folder": ("folder", "gated/model", ""),
    "not granted": ("config", "gated/model", "known"),
    "granted": ("config", "gated/model", "granted"),
    "narrow": ("folder", "gated/model", "narrow"),
    "unknown token": ("config", "good/model", "unknown"),
    "unknown token, not here": ("config", "huge/model", "unknown"),
    "pickles": ("folder", "pickles/only", ""),
    "no config": ("config", "no/config", ""),
    "huge": ("folder", "huge/model", ""),
    "down": ("config", "down/model", ""),
    "no id": ("config", "a b/c", ""),
    "started": ("config", "started/model", ""),
}


@pytest.fixture(scope="module")
def answers(hub: Hub) -> dict[str, dict[str, Any]]:
    return dict(zip(QUESTIONS, hub.ask(*QUESTIONS.values()), strict=True))


def test_the_config_comes_alone_and_the_rest_after_it(
    hub: Hub, answers: dict[str, dict[str, Any]]
) -> None:
    whole = Path(answers["all"]["folder"])
    assert answers["config first"]["folder"] == str(whole)
    assert {str(file.relative_to(whole)) for file in whole.rglob("*")} == {
        "README.md",
        "config.json",
        "tokenizer.json",
        "model.safetensors",
    }
    assert (whole / "model.safetensors").read_bytes() == hub_server.WEIGHTS
    gets = [line for line in hub.asked if line.startswith("GET /good/")]
    # Each file once, though asked for three times: what is here is not fetched again.
    assert sorted(line.rpartition("/")[2] for line in gets) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]


def test_a_download_tells_how_far_it_is_in_megabytes(answers: dict[str, dict[str, Any]]) -> None:
    [[name, total, done]] = answers["all"]["told"]
    assert name == "Downloading good/model (MB)"
    assert (total, done) == (3, 3)
    assert answers["again"]["told"] == []


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("nobody", ["no model 'nobody/nothing'", "check the id", "hf auth login"]),
        ("nobody known", ["no model 'nobody/nothing'"]),
        ("gated", ["gated", "accept its licence on", "/gated/model", "then log in with `hf auth"]),
        ("gated folder", ["gated", "accept its licence"]),
        ("not granted", ["gated", "accept its licence", "hf auth whoami"]),
        ("narrow", ["your token may not read gated/model", "can read gated models"]),
        ("unknown token, not here", ["does not know your token", "hf auth login"]),
        ("pickles", ["pickles/only has no safetensors", "can run code"]),
        ("no config", ["no/config has no config.json"]),
        ("huge", ["needs 10000000.0 GB more on the disk", "HF_HOME"]),
        ("down", ["the hub answers 418", "give a folder"]),
        ("no id", ["'a b/c' is no id", "org/name"]),
    ],
)
def test_what_stands_in_the_way_is_said_in_one_line(
    answers: dict[str, dict[str, Any]], question: str, words: list[str]
) -> None:
    error = answers[question]["error"]
    assert error and "\n" not in error
    for word in words:
        assert word in error


def test_a_token_that_is_granted_opens_a_gated_model(answers: dict[str, dict[str, Any]]) -> None:
    assert answers["granted"]["error"] is None


def test_what_is_here_needs_no_valid_token(answers: dict[str, dict[str, Any]]) -> None:
    assert answers["unknown token"]["folder"] == answers["all"]["folder"]


def test_nothing_big_is_fetched_of_what_is_refused(
    hub: Hub, answers: dict[str, dict[str, Any]]
) -> None:
    refused = ("/gated/", "/huge/", "/pickles/")
    big = [line for line in hub.asked if line.startswith("GET") and "safetensors" in line]
    assert answers and not [line for line in big if any(name in line for name in refused)]


@pytest.mark.parametrize("way", ["offline", "unreachable"])
def test_without_the_hub_what_is_here_is_used(
    hub: Hub, answers: dict[str, dict[str, Any]], way: str
) -> None:
    with socket.socket() as taken:
        # A port that is bound and not listened on refuses every connection.
        taken.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ways = {"offline": {"HF_HUB_OFFLINE": "1"}, "unreachable": {"HF_ENDPOINT": nowhere}}
        asked = len(hub.asked)
        here, config, part, not_here = hub.ask(
            ("folder", "good/model", ""),
            ("config", "good/model", ""),
            ("folder", "started/model", ""),
            ("folder", "other/model", ""),
            **ways[way],
        )
    assert len(hub.asked) == asked
    assert here["folder"] == config["folder"] == answers["all"]["folder"]
    assert part["folder"] is None and part["error"]
    hint = "HF_HUB_OFFLINE forbids" if way == "offline" else "Check the network"
    assert hint in not_here["error"] and "folder" in not_here["error"]


def test_a_cache_that_an_older_client_left_is_looked_through(
    hub: Hub, answers: dict[str, dict[str, Any]]
) -> None:
    for lists in (hub.home / "hub").glob("*/trees"):
        shutil.rmtree(lists)
    questions = [("folder", name, "") for name in ("good/model", "started/model")]
    here, part = hub.ask(*questions, HF_HUB_OFFLINE="1")
    assert here["folder"] == answers["all"]["folder"]
    assert "only a part of started/model was downloaded" in part["error"]

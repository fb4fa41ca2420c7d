"""Every command of README, docs and `--help`, run as it stands there, at a small setting.

A command that is added there and that nothing here knows how to run is a failure. Of commands of
the same verb the first is run by `make test`, all by `make test-all`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lianju.corpus import training_corpus
from tests import checkpoints
from tests.documented.commands import ROOT, Command, documented, programs
from tests.evaluate.fake_judge import Body, FakeJudge, Reply, chat, honest
from tests.typed import Typed, typed

RUN = "runs/default-20261128-120000"
TINY = "runs/tiny"
_TRAINING = "--set=data.validation=8 --set=shape_couplets=2 --set=train.validations=1"
# What makes a verb's work small. A flag that stands in the command already is replaced.
SMALL = {
    "run": f"--poems=12 --max-length=8 {_TRAINING}",
    "finetune": f"--poems=12 {_TRAINING}",
    "explore sweep": "--couplets=1 --seeds=1 --temperature=1 --top-p=0.3,1 --max-length=8",
    "explore train": "--couplets=5",
    "evaluate": "--couplets=2 --ranks=1 --max-length=8",
    "evaluate --judge": "--yes",
    "evaluate --checkpoints": "--couplets=2",
    "evaluate --blind": "--any-form",
    "serve": "--port=0",
    "export": "--out=exported",
}
# Words that stand for something of the reader's.
READERS = {
    "runs/default-…": RUN,
    "RUN": RUN,
    "ADAPTER": f"{RUN}/adapter",
    "…": "adapter",
    "blind/blind-key.json": "reading/blind-key.json",
    "model.name=/data/TAIDE-LX-7B-Chat": "model.name=tiny",
    "data.poems=250,500,1000,2000": "data.poems=4,8",
    "data.poems=250,500,1000": "data.poems=4",
    "train.epochs=1,3": "train.epochs=1",
}
# Verbs that the documents only name; alone they want a couplet or a folder.
NAMED = (
    *("lianju complete", "lianju data check", "lianju explore next", "lianju explore sweep"),
    *("lianju results", "lianju check", "lianju complete --json", "lianju compare"),
    "lianju explore train",
)
# What is not run here, with the reason.
ELSEWHERE = {
    "git clone": "is how a reader gets what is tested here",
    "make demo": "sets up and then types `lianju run`",
    "make test": "is what runs this test",
    "make check": "is what `make test` does first",
    "make .venv/gguf": "is what .ci/run does",
    "pip install": "would change the environment of the tests",
    "hf auth": "asks the hub",
    "python -m benchmarks": "measures for minutes, and on an idle machine",
    "torchrun --nnodes": "wants two machines",
    "accelerate launch": "is named; recipes.md has the command",
}


def _needs_no_run(command: Command) -> bool:
    text = str(command)
    return text == "accelerate launch" or any(
        text.startswith(start) for start in ELSEWHERE if start != "accelerate launch"
    )


TO_RUN = [command for command in documented() if not _needs_no_run(command)]
VERBS = [c for c in TO_RUN if c.words[0] == "lianju" and c.words[1] != "serve"]
SERVERS = [c for c in TO_RUN if c.words[:2] == ["lianju", "serve"]]
REQUESTS = [c for c in TO_RUN if c.words[0] == "curl"]
PROGRAMS = [c for c in TO_RUN if c.words[0] in ("torchrun", "accelerate", "python")]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reader who has done what the documents say comes before."""
    folder = tmp_path_factory.mktemp("reader")
    checkpoints.llama(folder / "tiny")
    poems = training_corpus().examples[:40]
    rows = [{"input": poem.couplet, "output": poem.completion} for poem in poems]
    (folder / "my_poems.json").write_text(json.dumps(rows, ensure_ascii=False))
    (folder / "couplets.txt").write_text(f"{poems[0].couplet}\n{poems[1].couplet}\n")
    (folder / "couplets.jsonl").write_text(
        "".join(json.dumps({"couplet": poem.couplet}) + "\n" for poem in poems[:9])
    )
    # Exports take as long as their model is large.
    typed(_small(["finetune", "--model=tiny", "--out", TINY]), folder)
    typed(_small(["run", "--out", RUN]), folder)
    for name in ("a", "b"):
        shutil.copytree(folder / RUN, folder / f"runs/{name}")
    typed(_small(["evaluate", "--against=base", "--out=evaluations/a"]), folder)
    for name in ("b", "20261122"):
        shutil.copytree(folder / "evaluations/a", folder / "evaluations" / name)
    typed(["evaluate", "--blind", "evaluations/a", "--any-form", "--out=reading"], folder)
    key = json.loads((folder / "reading/blind-key.json").read_text())
    for reader in ("anna", "bao"):
        chosen = {
            **{"kind": "lianju-blind-choices", "version": 1, "digest": key["digest"]},
            **{"reader": reader, "made": "now", "choices": ["left"] * len(key["pairs"])},
        }
        (folder / f"{reader}.json").write_text(json.dumps(chosen))
    return folder


@pytest.fixture
def home(done: Path, tmp_path: Path) -> Path:
    """A copy of that folder, for one command."""
    return Path(shutil.copytree(done, tmp_path / "home"))


def _small(words: list[str]) -> list[str]:
    """The words after `lianju`, with the reader's own and those that make the work small."""
    words = [READERS.get(word, word) for word in words]
    if "--help" in words or "--resume" in words:
        return words
    verb = " ".join(words[:2])
    if words[0] == "export":
        words = [words[0], TINY, *(word for word in words[1:] if word != RUN)]
    flags = SMALL.get(verb if verb in SMALL else words[0], "")
    if verb == "explore train" and "--set" not in words:
        flags += " --set=data.poems=4,8"
    if verb in ("evaluate --compare", "evaluate --blind-results") or "--run" in words:
        flags = ""
    if "--endpoint" in words and "--judge" not in words:
        flags += " --yes"
    if "--recipe" in words and words[words.index("--recipe") + 1] not in ("default", "hw5"):
        # Models of 7B, and precisions of GPUs, are not to be had here.
        flags += " --model=tiny --set=model.device=cpu --set=model.precision=fp32"
    for flag in flags.split():
        name, _, value = flag.partition("=")
        if name in words and name != "--set":
            words[words.index(name) + 1] = value
        else:
            words += [name, value] if value else [name]
    return words


def _alone(command: Command) -> list[str]:
    """The words after `lianju`, up to where its output goes or to the next command of the line."""
    words = command.words[1:]
    ends = [at for at, word in enumerate(words) if word in ("&&", ">")]
    words = words[: ends[0]] if ends else words
    return [*words, "--help"] if str(command) in NAMED else words


def _ids(commands: list[Command]) -> list[str]:
    return [re.sub(r"[^\x21-\x7e]+", "-", str(command))[:60] for command in commands]


# What takes longest; a fixture or another test does the same on the way.
LONG = (
    *("lianju run", "lianju finetune", "lianju explore sweep", "lianju explore train"),
    "lianju evaluate",
)
_VERB = re.compile(r"lianju [a-z]+(?: (?:next|sweep|train|show|check|--[cjb][a-z-]+)\b)?")


def _quick_firsts(commands: list[Command]) -> list[Any]:
    """The commands as parameters: slow are those of a verb that came before or takes long."""
    seen = {*LONG}
    parameters = []
    for command, name in zip(commands, _ids(commands), strict=True):
        verb = _VERB.match(str(command))
        assert verb, command
        slow = verb[0] in seen and str(command) not in NAMED
        seen.add(verb[0])
        parameters.append(pytest.param(command, id=name, marks=[pytest.mark.slow] * slow))
    return parameters


@pytest.mark.parametrize("command", documented(), ids=_ids(documented()))
def test_each_command_is_run_below_or_has_its_reason(command: Command) -> None:
    assert command in (*VERBS, *SERVERS, *REQUESTS, *PROGRAMS) or _needs_no_run(command), (
        f"{command.place}: say in this file how to run `{command}`"
    )


def _poem(body: Body, number: int) -> Reply:
    """What a chat model may answer to any couplet."""
    return chat("欲窮千里目，更上一層樓。\n\n這首詩意境高遠。")


@pytest.mark.parametrize("command", _quick_firsts(VERBS))
def test_it_ends_well(command: Command, home: Path) -> None:
    words = _small(_alone(command))
    if "--endpoint" in words:
        behave = honest if "--judge" in words else _poem
        with FakeJudge(behave) as judge:
            words[words.index("--endpoint") + 1] = judge.base
            assert typed(words, home).stdout
    elif words[:2] == ["data", "check"] or words[0] != "export":
        assert typed(words, home).stdout
    else:
        typed(words, home)
        assert any((home / words[words.index("--out") + 1]).iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("command", PROGRAMS, ids=_ids(PROGRAMS))
def test_other_programs_start_it(command: Command, home: Path) -> None:
    words = command.words
    if "lianju" in words:
        at = words.index("lianju") + 1
        processes = next(i for i, word in enumerate(words) if word.startswith(("--nproc", "--num")))
        words[processes + 1] = "2"
        words[at:] = _small(words[at:])
    programs = Path(sys.executable).parent
    words[0] = str(programs / words[0])
    folder = ROOT if words[2] == "tests.test_recipes" else home
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0 and done.stdout, done.stderr


# What makes a training from Python small.
_PREAMBLE = """
import lianju
_train, _small = lianju.train, {
    "data.poems": 12, "data.validation": 8, "shape_couplets": 2, "train.validations": 1,
    "decode.max_length": 8,
}
lianju.train = lambda *a, settings={}, **k: _train(*a, **k, settings={**settings, **_small})
"""


@pytest.mark.slow
@pytest.mark.parametrize(("page", "code"), programs().items(), ids=programs())
def test_python_of_the_pages_runs(page: str, code: str, home: Path) -> None:
    for theirs, ours in READERS.items():
        code = code.replace(f'"{theirs}"', f'"{ours}"')
    words = [sys.executable, "-c", _PREAMBLE + code]
    done = subprocess.run(words, cwd=home, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and done.stdout, done.stderr


def _ready(words: list[str], folder: Path) -> tuple[Typed, str]:
    """A server at work, and its address."""
    server = Typed(words, folder)
    server.until("Ready")
    address = re.search(r"http://\S+:\d+", server.err)
    assert address
    return server, address[0]


@pytest.mark.parametrize("command", _quick_firsts(SERVERS))
def test_it_serves_until_ctrl_c(command: Command, home: Path) -> None:
    words = _small(_alone(command))
    if "--help" in words:
        assert "--port" in typed(words, home).stdout
        return
    server, _ = _ready(words, home)
    assert server.stop() == 130
    assert "Traceback" not in server.err


@pytest.fixture(scope="module")
def address(done: Path) -> Iterator[str]:
    """Where a server answers."""
    server, address = _ready(["serve", "--port=0", "--base"], done)
    yield address
    server.stop()


@pytest.mark.parametrize("command", REQUESTS, ids=_ids(REQUESTS))
def test_it_is_answered(command: Command, address: str) -> None:
    words = [word.replace("http://127.0.0.1:8000", address) for word in command.words]
    done = subprocess.run([*words, "--fail-with-body"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)

"""The Python interface as somebody uses it who has only its documentation."""

import inspect
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import pytest

import lianju
from lianju.config import DecodeSettings, VerseSettings
from lianju.corpus import training_corpus
from lianju.decode import next_tokens
from lianju.writer import WriteOptions
from tests import checkpoints, typed

COUPLET = "移舟泊煙渚，日暮客愁新。"
OTHERS = ["空山新雨後，天氣晚來秋。", "千山鳥飛絕，萬徑人蹤滅。", COUPLET]
SHORT: WriteOptions = {"form": "wujue", "particles": 2}


@pytest.fixture(scope="module")
def writer() -> lianju.Writer:
    return lianju.Writer.load("gemma-3-270m")


def test_the_public_surface_has_not_moved() -> None:
    assert lianju.__all__ == [
        *("Continuation", "FinishedRun", "UserError", "Verdict", "Writer", "check", "train")
    ]
    assert set(lianju.__all__) < set(dir(lianju))
    assert [field.name for field in fields(lianju.Continuation)] == [
        *("couplet", "text", "finish", "tokens", "logprob", "allowed", "form", "fault"),
        *("verdict", "copied", "notes", "engine"),
    ]
    parameters: dict[Callable[..., Any], list[str]] = {
        lianju.check: ["poem", "strict", "borrow"],
        lianju.train: ["recipe", "source", "out", "resume", "settings", "reporter"],
        lianju.Writer.load: ["name", "reporter", "exact"],
        lianju.Writer.write: ["self", "couplet", "n", "asked"],
        lianju.Writer.write_many: ["self", "couplets", "n", "in_order", "asked"],
        lianju.Writer.next: ["self", "couplet", "after", "top", "asked"],
    }
    for function, names in parameters.items():
        assert list(inspect.signature(function).parameters) == names
    assert set(WriteOptions.__annotations__) == {
        *VerseSettings.model_fields,
        *(DecodeSettings.model_fields.keys() - {"candidates"}),
    }
    with pytest.raises(AttributeError, match="no attribute 'writer_of'"):
        lianju.writer_of  # noqa: B018


@pytest.mark.parametrize("code", ["", f"lianju.check('{COUPLET}')"])
def test_importing_and_checking_load_nothing_heavy(code: str) -> None:
    heavy = "{'torch', 'numpy', 'transformers', 'peft', 'fastapi', 'rich'}"
    done = subprocess.run(
        [sys.executable, "-c", f"import lianju, sys; {code}\nprint({heavy} & {{*sys.modules}})"],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.parametrize("exact", [False, True])
def test_a_poem_is_the_one_of_the_command_line(exact: bool, tmp_path: Path) -> None:
    writer = lianju.Writer.load("gemma-3-270m", exact=exact)
    flags = ["--form", "五絕", "--particles", "2", "--temperature", "0.8", "--seed", "1"]
    flags += ["--exact"] * exact
    done = typed.lianju("complete", COUPLET, "-n", "2", *flags, "--base", "--json", cwd=tmp_path)
    poems = writer.write(COUPLET, n=2, form="五絕", particles=2, temperature=0.8, seed=1)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [json.loads(json.dumps(poem.as_row())) for poem in poems] == rows
    assert {row["engine"] for row in rows} == {"pytorch-fp32" if exact else "openvino-int8"}
    best, other = poems
    assert best.logprob_per_character > other.logprob_per_character
    assert len(best.lines) == 4 and best.lines[:2] == ("移舟泊煙渚", "日暮客愁新")
    assert best.verdict.regular and best.finish == "stop"
    assert str(best) == best.couplet + best.text


def test_many_couplets_come_in_order_and_as_they_end(writer: lianju.Writer) -> None:
    alone = [str(poem) for couplet in OTHERS for poem in writer.write(couplet, n=2, **SHORT)]
    ordered = writer.write_many(iter(OTHERS), 2, in_order=True, **SHORT)
    assert [str(poem) for poems in ordered for poem in poems] == alone
    ended = writer.write_many(OTHERS, 2, **SHORT)
    assert sorted(str(poem) for poems in ended for poem in poems) == sorted(alone)


def test_couplets_without_end_are_read_as_there_is_room(writer: lianju.Writer) -> None:
    read = 0

    def counted() -> Iterator[str]:
        nonlocal read
        for couplet in itertools.cycle(OTHERS):
            read += 1
            yield couplet

    coming = writer.write_many(counted(), form="free", max_length=4)
    assert [len(next(coming)) for _ in range(3)] == [1, 1, 1]
    assert read <= 200


def test_what_was_read_otherwise_is_noted(writer: lianju.Writer) -> None:
    [poem] = writer.write("白日依山尽 黄河入海流", form="wujue", particles=1)
    assert poem.couplet == "白日依山盡，黃河入海流。"
    assert any("simplified 尽黄" in note for note in poem.notes)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"temprature": 1}, "'temprature': did you mean 'temperature'"),
        ({"top_p": 7}, "top_p: input should be less than or equal to 1, got 7"),
        ({"form": "sonnet"}, "form: input should be 'auto'"),
        ({"form": "qijue"}, "lines of 7; those of the couplet have 5"),
        ({"rhyme": "木"}, "no rhyme group '木'"),
        ({"acrostic": "一"}, "in the acrostic: 1"),
        ({"given": {2: "一二三四五"}}, "line 2 is the couplet's"),
        ({"max_length": 5}, "max_length 5 is too short"),
        ({"n": 0}, "candidates: input should be greater than or equal to 1"),
    ],
)
def test_errors_are_those_of_the_command_line(
    asked: dict[str, object], message: str, writer: lianju.Writer
) -> None:
    with pytest.raises(lianju.UserError, match=message):
        writer.write(COUPLET, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda w: w.write(None), "couplet 1 is no text: None"),
        (lambda w: [*w.write_many([COUPLET, 5], form="wujue")], "couplet 2 is no text: 5"),
        (lambda w: [*w.write_many(COUPLET)], "takes several couplets"),
        (lambda w: w.next(COUPLET, top=-1), "top: at least one"),
        (lambda w: lianju.check(cast(Any, 5)), "the poem is no text: 5"),
        (lambda w: lianju.Writer.load("runs/nothing"), "there is no runs/nothing"),
    ],
)
def test_what_is_no_couplet_and_no_run_is_told_in_a_line(
    writer: lianju.Writer, call: Callable[[Any], object], told: str
) -> None:
    with pytest.raises(lianju.UserError, match=told):
        call(writer)


def test_the_next_character_stage_by_stage(writer: lianju.Writer) -> None:
    step = writer.next(COUPLET, form="free", top_p=0.3, temperature=1, top=5)
    asked = DecodeSettings(top_p=0.3, temperature=1)
    assert step == next_tokens(writer.model, "plain", COUPLET, asked, None, "", 5)
    assert writer.next(COUPLET, "野曠", form="wujue").prefix == "野曠"


def test_a_verdict_is_there_at_once() -> None:
    verdict = lianju.check("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")
    assert isinstance(verdict, lianju.Verdict) and verdict.regular and verdict.form == "wujue"
    assert lianju.check(COUPLET).style == "couplet"
    with pytest.raises(lianju.UserError, match="no Chinese character"):
        lianju.check("hello")


# What is in the folder of a run that has ended; `*` for a number.
FILES = {
    *("adapter/adapter_config.json", "adapter/adapter_model.safetensors", "adapter/lianju.json"),
    *("checkpoints/step-*/checkpoint.json", "checkpoints/step-*/state.safetensors"),
    *("checkpoints/step-*/steps.jsonl", "before.jsonl", "results.jsonl", "results.txt"),
    *("report.html", "settings.json", "steps.jsonl", "summary.json", "stages/after.json"),
    *("stages/before.json", "stages/compute.json", "stages/finetune.json", "stages/plan.json"),
    *("stages/poems.json", "stages/reference.json", "stages/spent.json"),
    *("results-in-rules.jsonl", "results-in-rules.txt"),
}


def files_of(folder: Path) -> set[str]:
    """The files in a folder, with `*` for numbers."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {re.sub(r"\d{6}", "*", path.relative_to(folder).as_posix()) for path in files}


def test_a_run_is_trained_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoints.llama(tmp_path / "tiny")
    rows = [
        {"input": poem.couplet, "output": poem.completion}
        for poem in training_corpus().examples[:24]
    ]
    Path("mine.json").write_text(json.dumps(rows))
    small = {"data.validation": 4, "shape_couplets": 2, "model.name": "./tiny"}
    small |= {"train.validations": 1, "decode.max_length": 12}
    run = lianju.train(source="mine.json", out="first", settings=small)
    assert run.folder == Path("first") and (run.adapter / "adapter_model.safetensors").is_file()
    assert run.metrics == json.loads(Path("first/summary.json").read_text())
    assert run.metrics["after"]["validation"]["n"] == 4
    assert files_of(run.folder) == FILES
    [poem] = run.writer().write(COUPLET, form="free", max_length=4)
    assert poem.finish == "length"
    with pytest.raises(lianju.UserError, match="first exists already"):
        lianju.train(source="mine.json", out="first", settings=small)
    again = lianju.train(resume="first")
    assert again.metrics["after"] == run.metrics["after"]
    with pytest.raises(lianju.UserError, match="give it alone"):
        lianju.train(resume="first", out="second")
    with pytest.raises(lianju.UserError, match=r"did you mean 'train\.epochs'"):
        lianju.train(settings={"train.epoch": 2})

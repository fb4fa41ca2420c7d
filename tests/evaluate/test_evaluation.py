"""A whole evaluation, with the tiny model in place of a real one."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lianju import loading
from lianju.cli.app import app
from lianju.config import DataSettings, DecodeSettings, VerseSettings
from lianju.console import TerminalReporter
from lianju.corpus import run_poems
from lianju.decode import complete
from lianju.errors import UserError
from lianju.evaluate import evaluation, known_by_heart, untouched_results
from lianju.evaluate.compare import read_report
from lianju.evaluate.evaluation import Author, evaluate_shard, evaluate_systems
from lianju.evaluate.evaluation_folder import EvaluationPlan
from lianju.evaluate.known_by_heart import Load
from lianju.evaluate.measurement import Tools, tools
from lianju.evaluate.schema import Report
from lianju.model import LanguageModel
from lianju.shards import Shard
from lianju.shots import with_shots
from tests.tiny import model

PLAN = EvaluationPlan(("hw5", "legal"), couplets=2, ranks=1)
SHORT = DecodeSettings(max_length=12, temperature=1.5, top_p=1)
OTHER_SEED = SHORT.model_copy(update={"seed": 1})
FREE = VerseSettings(form="free")


def loader(seed: int) -> Load:
    return lambda: (model(seed), "plain")


def nobody() -> tuple[LanguageModel, str]:
    raise AssertionError("what stands is done again")


@pytest.fixture(scope="module")
def kit() -> Tools:
    return tools()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("contamination")


@pytest.fixture(autouse=True)
def once(kit: Tools, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is the same for all tests is worked out once, and not kept for anybody else."""
    monkeypatch.setattr(evaluation, "tools", lambda reporter: kit)
    monkeypatch.setattr(untouched_results, "folder", lambda: tmp_path / "untouched")
    monkeypatch.setattr(known_by_heart, "kept_file", lambda sha256: kept / "heart.json")


@pytest.fixture
def authors() -> list[Author]:
    return [
        Author("one", loader(0), "tiny", None, SHORT, FREE),
        Author("other", loader(1), "tiny", None, SHORT, FREE),
    ]


def test_two_systems_on_two_suites(tmp_path: Path, authors: list[Author]) -> None:
    report = evaluate_systems(tmp_path / "e", PLAN, authors, loader(0))
    assert read_report(tmp_path / "e") == report
    one, other = report.systems
    assert [*one.suites] == [*other.suites] == ["hw5", "legal"]
    assert one.suites["hw5"].figures["lines"].n == 2
    assert (
        one.suites["hw5"].couplets[0].marks["loss"] != other.suites["hw5"].couplets[0].marks["loss"]
    )
    ranks = [row.marks["rank"] for row in one.suites["legal"].couplets]
    assert isinstance(ranks[0], int) and 1 <= ranks[0] <= 100 and ranks[1] is None
    assert {one.metric for one in report.comparisons} >= {"shape", "loss"}
    assert report.contamination and [probe.n for probe in report.contamination.probes] == [40, 40]
    page = (tmp_path / "e" / "report.html").read_text(encoding="utf-8")
    assert one.suites["hw5"].couplets[0].couplet[:5] in page


def test_a_base_that_is_shown_poems_is_a_system_of_its_own(
    tmp_path: Path, authors: list[Author]
) -> None:
    poems = run_poems(**DataSettings(poems=40).model_dump(), seed=0)

    def shown() -> tuple[LanguageModel, str]:
        return with_shots(model(0), "plain", poems, 2, seed=0), "plain"

    label = "base model, 2 poems shown"
    both = [Author(label, shown, "tiny", None, SHORT, FREE, shots=2), authors[0]]
    report = evaluate_systems(tmp_path / "e", PLAN, both, loader(0))
    assert [system.shots for system in report.systems] == [2, 0]
    losses = [system.suites["hw5"].figures["loss"].value for system in report.systems]
    assert losses[0] != losses[1]
    assert "Poems shown" in (tmp_path / "e" / "report.html").read_text(encoding="utf-8")


def test_what_stands_is_not_done_again(tmp_path: Path, authors: list[Author]) -> None:
    first = evaluate_systems(tmp_path / "e", PLAN, authors, loader(0))
    rest = [Author(one.label, nobody, "tiny", None, one.decode, one.verse) for one in authors]
    again = evaluate_systems(tmp_path / "e", PLAN, rest, nobody)
    assert again.systems == first.systems


def test_an_evaluation_goes_on_where_it_stopped(
    tmp_path: Path, authors: list[Author], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluate_systems(tmp_path / "whole", PLAN, authors, loader(0))
    shutil.rmtree(tmp_path / "untouched")
    asked: list[int] = []

    def stopping(*arguments: object, **more: object) -> object:
        asked.append(1)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return complete(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(evaluation, "complete", stopping)
    with pytest.raises(KeyboardInterrupt):
        evaluate_systems(tmp_path / "e", PLAN, authors, loader(0))
    report = evaluate_systems(tmp_path / "e", PLAN, authors, loader(0))
    assert len(asked) == 5  # four suites, one of which was begun twice
    assert [one.suites for one in report.systems] == [one.suites for one in whole.systems]


def test_what_the_base_model_did_is_not_done_again_in_another_evaluation(
    tmp_path: Path, authors: list[Author], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evaluate_systems(tmp_path / "e", PLAN, authors[:1], loader(0))

    def refuse(*_: object, **__: object) -> object:
        raise AssertionError("written again")

    monkeypatch.setattr(evaluation, "complete", refuse)
    monkeypatch.setattr(evaluation, "ranks", refuse)
    again = evaluate_systems(tmp_path / "f", PLAN, authors[:1], loader(0))
    assert again.systems[0].suites == first.systems[0].suites
    other = Author("one", loader(0), "tiny", None, OTHER_SEED, FREE)
    asked = [
        (EvaluationPlan(PLAN.suites, couplets=3, ranks=1), authors[0]),
        (EvaluationPlan(PLAN.suites, couplets=2, ranks=1, poems=2), authors[0]),
        (PLAN, other),
        (PLAN, authors[1]),
    ]
    for number, (plan, author) in enumerate(asked):
        with pytest.raises(AssertionError, match="written again"):
            evaluate_systems(tmp_path / str(number), plan, [author], loader(0))


@pytest.mark.parametrize("texts", [(b"", b"\xff", b'"x"'), (b"[" * 100_000, b"{}", b"null")])
def test_a_part_that_is_damaged_is_worked_out_again(
    tmp_path: Path,
    authors: list[Author],
    texts: tuple[bytes, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = evaluate_systems(tmp_path / "e", PLAN, authors[:1], loader(0))
    names = ("system.json", "hw5.json", "legal.json")
    for name, text in zip(names, texts, strict=True):
        (tmp_path / "e" / "parts" / "1" / name).write_bytes(text)
    again = evaluate_systems(tmp_path / "e", PLAN, authors[:1], loader(0), TerminalReporter())
    assert again.systems[0].suites == first.systems[0].suites
    said = capsys.readouterr().err
    for name in names:
        assert re.search(rf"is done again: .*{name} is ", said)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"plan": 1}'])
def test_settings_that_are_damaged_are_refused_in_a_line(
    tmp_path: Path, authors: list[Author], text: str
) -> None:
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "settings.json").write_text(text)
    with pytest.raises(UserError, match="choose another --out"):
        evaluate_systems(tmp_path / "e", PLAN, authors[:1], nobody)


@pytest.mark.parametrize(
    "change",
    [
        lambda plan, authors: (EvaluationPlan(("hw5",), couplets=2, ranks=1), authors),
        lambda plan, authors: (plan, authors[:1]),
        lambda plan, authors: (
            plan,
            [authors[0], Author("other", nobody, "tiny", None, OTHER_SEED, FREE)],
        ),
    ],
)
def test_something_else_does_not_go_on(
    tmp_path: Path,
    authors: list[Author],
    change: Callable[[EvaluationPlan, list[Author]], tuple[EvaluationPlan, list[Author]]],
) -> None:
    evaluate_systems(tmp_path / "e", PLAN, authors, loader(0))
    with pytest.raises(UserError, match="holds an evaluation with other settings"):
        evaluate_systems(tmp_path / "e", *change(PLAN, authors), loader(0))


def test_poets_are_scored_and_not_called_copyists(tmp_path: Path) -> None:
    report = evaluate_systems(
        tmp_path / "e", PLAN, [Author("the poets", loader(0), "tiny")], loader(0)
    )
    [poets] = report.systems
    row = poets.suites["legal"].couplets[0]
    assert poets.kind == "poets" and row.poems[0].finish == "given"
    assert row.poems[0].text == row.truth
    assert row.poems[0].marks["logprob"] == pytest.approx(-row.marks["loss"])  # type: ignore[operator]
    for name in ("known_lines", "longest_run", "recall_f1"):
        assert poets.suites["legal"].figures[name].value is None
    assert (
        poets.suites["legal"].figures["full"].value == 1 or row.poems[0].marks["rhyme"] is not None
    )


def test_the_verb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loading, "load_model", lambda *_, **how: (model(), "plain"))
    first, second = tmp_path / "a b", tmp_path / "second"
    common = ["--suite", "hw5", "--couplets", "2", "--ranks", "0", "--max-length", "12"]
    lianju("--base", *common, "--out", first)
    lianju("--poets", *common, "--out", second)
    said = capsys.readouterr().out
    assert "Right shape 合式, hw5: base model" in said and f"Report: {first}" in said
    lianju("--compare", first, second, "--out", tmp_path / "both")
    with pytest.raises(UserError, match="already: name another"):
        lianju("--compare", first, second, "--out", first)
    both = Report.model_validate_json((tmp_path / "both" / "report.json").read_text("utf-8"))
    assert [one.label for one in both.systems] == ["base model", "the poets"]
    settings = read_report(first).systems[0]
    assert settings.rules["form"] == "free" and settings.decoding["max_length"] == 12


@pytest.mark.slow
def test_the_verb_on_the_real_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a user types it: packed, ranks and all."""
    out = tmp_path / "real"
    common = ["--suite", "hw5", "--couplets", "2", "--ranks", "1", "--max-length", "8"]
    lianju("--base", "--against", "poets", *common, "--out", out)
    report = read_report(out)
    ranks = [system.suites["hw5"].figures["rank"].n for system in report.systems]
    losses = [system.suites["hw5"].figures["loss"].value for system in report.systems]
    assert ranks == [1, 1] and losses[0] == losses[1] and 5 < (losses[0] or 0) < 9
    assert f"Report: {out}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--base", "--poets"], "exclude each other"),
        (["--base", "--against", "base"], "is the system itself"),
        (["--adapter", "nowhere"], "nowhere is no adapter"),
        (["--base", "--suite", "hw6"], "hw6"),
        (["--base", "--couplets", "0"], "couplets"),
        (["--base", "--form", "wujue", "--suite", "hw5"], "lines of 5"),
        (["--compare", "nowhere", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match=message):
        lianju(*flags)
    assert not [*tmp_path.rglob("settings.json")]


def lianju(*words: str | Path) -> None:
    app(
        ["evaluate", *map(str, words)],
        exit_on_error=False,
        print_error=False,
        result_action="return_none",
    )


def test_shards_are_joined_to_the_report_of_one_process(
    tmp_path: Path, authors: list[Author]
) -> None:
    whole = evaluate_systems(tmp_path / "whole", PLAN, authors, loader(0))
    folder = tmp_path / "e"
    done = [evaluate_shard(folder, PLAN, authors, Shard(n, 3)) for n in (3, 1, 2)]
    assert done == [1, 2, 1] and not folder.exists()
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("e-*/parts/*/*.json")}
    assert files == {
        *("e-1-of-3/parts/1/hw5.json", "e-1-of-3/parts/2/legal.json"),
        *("e-2-of-3/parts/1/legal.json", "e-3-of-3/parts/2/hw5.json"),
    }
    # Shards of something else are left aside.
    evaluate_shard(folder, PLAN, authors[:1], Shard(1, 2))
    joined = evaluate_systems(folder, PLAN, authors, loader(0))
    assert [one.suites for one in joined.systems] == [one.suites for one in whole.systems]
    assert joined.comparisons == whole.comparisons and joined.verdict == whole.verdict
    for name in files:
        taken = folder / name.partition("/")[2]
        assert taken.read_bytes() == (tmp_path / name).read_bytes()

"""A chat model as a system, against servers of our own in its place."""

import json
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from lianju.chat import Answers, Chat, Endpoint
from lianju.cli.app import _guarded
from lianju.cli.chat_system import ChatFlags
from lianju.config import INSTRUCTION, SYSTEM, DecodeSettings, load_settings
from lianju.corpus import test_set as homework_couplets
from lianju.decode import complete
from lianju.errors import UserError
from lianju.evaluate import evaluation, untouched_results
from lianju.evaluate.chat_author import ChatAuthor, add_chat_to_run, chat_suite
from lianju.evaluate.compare import read_report
from lianju.evaluate.evaluation import Author, evaluate_systems
from lianju.evaluate.evaluation_folder import EvaluationPlan
from lianju.evaluate.measurement import Tools, tools
from lianju.evaluate.run_page import write_run_page
from lianju.files import read_json, write_json
from lianju.verse import shape_of
from tests.evaluate.fake_judge import KEY, Body, FakeJudge, Reply, chat, failure
from tests.evaluate.test_evaluation import FREE, SHORT, loader, nobody
from tests.evaluate.test_run_page import HOSTILE, _row, _write
from tests.reader import Reader
from tests.serve.running import open_service, running
from tests.tiny import model

PLAN = EvaluationPlan(("hw5",), ranks=0)
HOMEWORK = homework_couplets()
TRUTHS = {one.couplet: one.completion for one in HOMEWORK}
PLACES = {couplet: place for place, couplet in enumerate(TRUTHS)}
ESSAY = f"這首詩描寫了秋天的景色，詩人以清新的筆觸，令人神往。{HOSTILE}"
REFUSAL = "抱歉，我無法完成這個請求。"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits between tries."""
    sleep = anyio.sleep
    monkeypatch.setattr(anyio, "sleep", lambda delay: sleep(0))


@pytest.fixture(scope="module")
def kit() -> Tools:
    return tools()


@pytest.fixture
def evaluating(kit: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is the same for all evaluations is worked out once."""
    monkeypatch.setattr(evaluation, "tools", lambda reporter: kit)
    monkeypatch.setattr(evaluation, "contamination_of", lambda *_: None)
    monkeypatch.setattr(untouched_results, "folder", lambda: tmp_path / "untouched")


def author(server: FakeJudge | str, folder: Path, **sampling: Any) -> ChatAuthor:
    endpoint = (
        Endpoint(server, "tiny")
        if isinstance(server, str)
        else Endpoint(server.base, "fake", KEY, timeout=2.0)
    )
    return ChatAuthor(Chat(endpoint, Answers(folder)), {"max_tokens": 2048, "seed": 0, **sampling})


def couplet_of(body: Body) -> str:
    return str(body["messages"][-1]["content"].rpartition("\n")[2])


def chatty(body: Body, number: int = 0) -> Reply:
    """By turns: verse alone, verse in prose, an essay, a refusal, nothing."""
    couplet = couplet_of(body)
    truth = TRUTHS[couplet]
    return chat(
        (
            truth,
            f"好的，以下是完整的詩：\n\n{couplet}\n{truth}\n\n這首詩意境深遠。{HOSTILE}",
            ESSAY,
            REFUSAL,
            "",
        )[PLACES[couplet] % 5]
    )


# --- what is asked and measured ------------------------------------------------------------


def test_a_prompt_of_ones_own_is_asked_and_told(tmp_path: Path) -> None:
    own = ChatFlags(
        endpoint="http://127.0.0.1:9/v1", system="", template="續成此詩：{couplet}只寫詩。"
    ).author("fake", None, 0)
    assert own is not None

    def answering(body: Body, number: int = 0) -> Reply:
        return chat("夜來風雨聲，花落知多少。")

    with FakeJudge(answering) as server:
        asked = replace(own, chat=author(server, tmp_path).chat)
        chat_suite(asked, "hw5", HOMEWORK[:1], 1, None)
    [request] = server.requests
    wanted = f"續成此詩：{HOMEWORK[0].couplet}只寫詩。"
    assert request["messages"] == [{"role": "user", "content": wanted}]
    assert asked.settings()["messages"][0]["content"] == "續成此詩：〈couplet〉只寫詩。"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"system": "詩人"}, "go with --endpoint"),
        ({"endpoint": "http://127.0.0.1:9/v1", "template": "續成此詩"}, "--template: .*couplet"),
    ],
)
def test_a_prompt_that_cannot_be_asked_is_refused(flags: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        ChatFlags(**flags).author("fake", None, 0)  # type: ignore[arg-type]


def test_the_homework_is_asked_and_every_kind_of_answer_is_counted(tmp_path: Path) -> None:
    with FakeJudge(chatty) as server:
        suite = chat_suite(author(server, tmp_path, temperature=0.7), "hw5", HOMEWORK, 1, None)
    assert len(server.requests) == 15 and server.most <= 4
    first = next(body for body in server.requests if couplet_of(body) == HOMEWORK[0].couplet)
    assert first == {
        "model": "fake",
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": f"{INSTRUCTION}\n{HOMEWORK[0].couplet}"},
        ],
        **{"max_tokens": 2048, "seed": 0, "temperature": 0.7},
    }
    for name, share in {"around": 0.2, "no_verse": 0.2, "refused": 0.4}.items():
        figure = suite.figures[name]
        assert figure.value == pytest.approx(share) and figure.n == 15
        assert (figure.low or 0) < share < (figure.high or 0)
    poems = [row.poems[0] for row in suite.couplets]
    assert [poem.text for poem in poems[:2]] == [one.completion for one in HOMEWORK[:2]]
    assert [poem.text for poem in poems[2:5]] == ["", "", ""]
    assert [bool(poem.answer) for poem in poems[:5]] == [False, True, True, True, False]
    right = [place for place, poem in enumerate(poems) if poem.marks["shape"]]
    assert right == [
        place
        for place, one in enumerate(HOMEWORK)
        if place % 5 < 2 and shape_of(one.couplet, one.completion).right
    ]
    assert suite.figures["shape"].value == pytest.approx(len(right) / 15)


def test_what_only_probabilities_tell_is_not_there_rather_than_nothing(tmp_path: Path) -> None:
    with FakeJudge(chatty) as server:
        suite = chat_suite(author(server, tmp_path), "hw5", HOMEWORK[:3], 1, None)
    assert suite.figures["logprob"].value is None
    assert not suite.figures.keys() & {"loss", "perplexity", "rank"}
    assert all(poem.marks["logprob"] is None for row in suite.couplets for poem in row.poems)
    assert all(row.marks == {} for row in suite.couplets)


def test_several_poems_have_seeds_of_their_own(tmp_path: Path) -> None:
    with FakeJudge(chatty) as server:
        writer = author(server, tmp_path, seed=7)
        suite = chat_suite(writer, "hw5", HOMEWORK[:2], 3, None)
        assert Counter(body["seed"] for body in server.requests) == {7: 2, 8: 2, 9: 2}
        assert [poem.number for poem in suite.couplets[0].poems] == [0, 1, 2]
        assert writer.estimate([one.couplet for one in HOMEWORK[:2]], 4).requests == 2


def test_an_answer_that_was_cut_off_is_no_whole_poem_and_is_told(tmp_path: Path) -> None:
    def cut(body: Body, number: int) -> Reply:
        whole = "\n\n賞析：這首詩" if couplet_of(body) == HOMEWORK[0].couplet else ""
        reply = chat(TRUTHS[couplet_of(body)] + whole)
        return Reply(reply.text.replace('"stop"', '"length"'))

    with FakeJudge(cut) as server:
        suite = chat_suite(author(server, tmp_path), "hw5", HOMEWORK[:2], 1, None)
    assert [row.poems[0].finish for row in suite.couplets] == ["stop", "length"]
    assert [row.poems[0].marks["shape"] for row in suite.couplets] == [True, False]
    assert suite.notes == [
        "2 of 2 answers were cut off at 2048 tokens, perhaps while the model was thinking: "
        "--max-length allows more."
    ]


def test_parameters_that_are_not_taken_are_noted_and_from_memory_too(tmp_path: Path) -> None:
    def picky(body: Body, number: int) -> Reply:
        return failure(400, "no seed please") if "seed" in body else chatty(body)

    with FakeJudge(picky) as server:
        for _ in range(2):
            suite = chat_suite(author(server, tmp_path), "hw5", HOMEWORK, 1, None)
            assert suite.notes == [
                "seed: not taken by the endpoint, so 15 of 15 answers are without it."
            ]
        assert len(server.requests) <= 15 + 4


def test_our_own_server_is_a_chat_model_like_others(tmp_path: Path) -> None:
    couplets = [one.couplet for one in HOMEWORK[:3]]
    decode = DecodeSettings(temperature=0, max_length=12)
    written = complete(model(), "plain", couplets, decode)
    with running(open_service()) as address:
        writer = author(f"{address}/v1", tmp_path, temperature=0.0, max_tokens=12)
        answers = writer.answers(couplets, 1, "hw5")
    assert [answer.text for [answer] in answers] == [poem.text for [poem] in written]
    assert [answer.finish for [answer] in answers] == ["length"] * 3


# --- trouble, and going on -----------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        failure(429, "slow down", Retry_After="1"),
        failure(503, "overloaded"),
        Reply("<html>gateway</html>"),
        Reply('{"error": {"message": "busy"}}'),
        Reply(cut=True),
        Reply(wait=2.5),
    ],
    ids=["429", "503", "html", "an error", "cut", "slow"],
)
def test_passing_trouble_changes_nothing(tmp_path: Path, trouble: Reply) -> None:
    seen: Counter[str] = Counter()

    def troubled(body: Body, number: int) -> Reply:
        seen[couplet_of(body)] += 1
        return trouble if seen[couplet_of(body)] == 1 else chatty(body)

    with FakeJudge(troubled) as server:
        suite = chat_suite(author(server, tmp_path / "a"), "hw5", HOMEWORK[:4], 1, None)
    with FakeJudge(chatty) as server:
        assert chat_suite(author(server, tmp_path / "b"), "hw5", HOMEWORK[:4], 1, None) == suite
    assert set(seen.values()) == {2}


def test_what_got_no_answer_is_asked_for_by_the_same_command(tmp_path: Path) -> None:
    lost = HOMEWORK[3].couplet

    def partly(body: Body, number: int) -> Reply:
        large = chat("好" * (3 << 20))
        return large if couplet_of(body) == lost else chatty(body)

    with FakeJudge(partly) as server:
        writer = author(server, tmp_path)
        with pytest.raises(UserError, match="1 of 15 requests got no answer: the same command"):
            chat_suite(writer, "hw5", HOMEWORK, 1, None)
        lost = ""
        server.requests.clear()
        chat_suite(writer, "hw5", HOMEWORK, 1, None)
        assert [couplet_of(body) for body in server.requests] == [HOMEWORK[3].couplet]


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("evaluating")
def test_ctrl_c_keeps_every_answer_and_the_evaluation_goes_on(tmp_path: Path) -> None:
    never = threading.Event()
    stop = True

    def stopping(body: Body, number: int) -> Reply:
        if stop and number == 9:
            os.kill(os.getpid(), signal.SIGINT)
        return chatty(body) if not stop or number < 7 else Reply(until=never)

    with FakeJudge(stopping) as server:
        writer, folder = author(server, tmp_path / "answers"), tmp_path / "e"
        with pytest.raises(KeyboardInterrupt):
            evaluate_systems(folder, PLAN, [writer], nobody)
        stop = False
        kept = 15 - writer.estimate([*TRUTHS]).requests
        assert kept in (5, 6, 7)
        never.set()
        server.requests.clear()
        report = evaluate_systems(folder, PLAN, [writer], nobody)
        assert len(server.requests) == 15 - kept
        server.requests.clear()
        assert evaluate_systems(folder, PLAN, [writer], nobody).systems == report.systems
        assert not server.requests


# --- reports -------------------------------------------------------------------------------


@pytest.mark.usefixtures("evaluating")
def test_it_stands_beside_another_system_and_is_compared_in_pairs(tmp_path: Path) -> None:
    folder = tmp_path / "e"
    with FakeJudge(chatty) as server:
        other = Author("base model", loader(0), "tiny", None, SHORT, FREE)
        report = evaluate_systems(
            folder, PLAN, [author(server, tmp_path / "answers"), other], loader(0)
        )
    assert read_report(folder) == report
    one, _ = report.systems
    assert (one.kind, one.model, one.endpoint) == (
        "chat",
        "fake",
        f"{server.base}/chat/completions",
    )
    assert one.messages[1]["content"].endswith("\n〈couplet〉")
    compared = {found.metric: found for found in report.comparisons}
    shapes = [row.poems[0].marks["shape"] for row in one.suites["hw5"].couplets]
    # The tiny model has none right.
    assert compared["shape"].wins == sum(map(bool, shapes)) > 0
    assert not compared.keys() & {"loss", "rank", "logprob", "around", "prose"}
    said = "\n".join(report.verdict)
    assert "Answers 回答, fake, hw5: prose around the verse 詩外有文 in 3 of 15 (20.0%, " in said
    assert "fake not available" in said and "Leaks 洩題, fake: not checked" in said
    page = (folder / "report.html").read_text(encoding="utf-8")
    reader = Reader(page)
    assert not reader.named("script") and not reader.named("img")
    assert reader.text.count("not available 無從得知") == 4
    assert "The whole answer 回答全文" in reader.text and "描寫了秋天的景色" in reader.text
    assert KEY not in "".join(
        path.read_text("utf-8") for path in tmp_path.rglob("*") if path.is_file()
    )


@pytest.mark.usefixtures("evaluating")
def test_another_model_or_other_sampling_is_another_evaluation(tmp_path: Path) -> None:
    with FakeJudge(chatty) as server:
        evaluate_systems(tmp_path / "e", PLAN, [author(server, tmp_path / "answers")], nobody)
        warmer = author(server, tmp_path / "answers", temperature=1.0)
        with pytest.raises(UserError, match="holds an evaluation with other settings"):
            evaluate_systems(tmp_path / "e", PLAN, [warmer], nobody)


def _run(folder: Path) -> Path:
    """A finished run on the homework's first three couplets."""
    rows = [
        _row(number, one.completion, couplet=one.couplet, truth=one.completion)
        for number, one in enumerate(HOMEWORK[:3], 1)
    ]
    return _write(folder, before=rows, results=rows)


def test_a_run_gets_a_column_that_stays(tmp_path: Path) -> None:
    run = _run(tmp_path / "run")
    with FakeJudge(chatty) as server:
        page = add_chat_to_run(run, author(server, tmp_path / "answers"))
    for _ in range(2):
        text = page.read_text(encoding="utf-8")
        [card, *_] = re.findall('<article class="card.*?</article>', text, re.DOTALL)
        sides = re.findall("<h5>(.*?)</h5>", card, re.DOTALL)
        assert [Reader(side).text.strip() for side in sides] == [
            *("before", "after", "fake", "the poets")
        ]
        assert "prose around the verse 詩外有文 in 1 of 3 (33.3%, " in Reader(text).text
        assert not Reader(text).named("script")
        write_run_page(run)
    # Where it is damaged, or of other couplets, that is told by name.
    kept = run / "chats" / "fake.json"
    value = read_json(kept)
    value["suites"]["hw5"]["couplets"].pop()
    write_json(kept, value)
    with pytest.raises(UserError, match=r"fake\.json is of other couplets.*remove it"):
        write_run_page(run)
    kept.write_text("{")
    with pytest.raises(UserError, match=r"fake\.json is damaged.*remove it"):
        write_run_page(run)


def test_seven_systems_have_signs_of_their_own(tmp_path: Path) -> None:
    run = _run(tmp_path / "run")
    rows = [
        _row(number, one.completion, couplet=one.couplet)
        for number, one in enumerate(HOMEWORK[:3], 1)
    ]
    _write(run, before=rows, results=rows, reference=rows, **{"results-in-rules": rows})
    with FakeJudge(chatty) as server:
        for name in ("a/b", "..", "c d"):
            writer = author(server, tmp_path / "answers")
            named = Endpoint(server.base, name)
            add_chat_to_run(run, ChatAuthor(Chat(named, writer.chat.answers), writer.sampling))
    assert {path.name for path in (run / "chats").iterdir()} == {
        *("a-b.json", "model.json", "c-d.json")
    }
    page = (run / "report.html").read_text(encoding="utf-8")
    assert Reader(page).named("svg") and 'class="key s7"' in page


# --- the command ---------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kit: Tools) -> Callable[..., int]:
    """Runs `lianju evaluate` on the homework's first couplets, with more arguments."""
    monkeypatch.setattr(evaluation, "tools", lambda reporter: kit)
    monkeypatch.setattr("lianju.cli.chat_system.cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: _guarded(["evaluate", *map(str, arguments)], False)


def test_the_command_says_the_cost_asks_and_writes(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeJudge(chatty) as server:
        asked = ["--endpoint", server.base, "--model", "fake", "--suite", "hw5", "--out", "e"]
        assert command(*asked, "--couplets", 4) == 2
        said = capsys.readouterr().err
        assert "To ask: 4 requests, about " in said and "may charge" in said
        assert "add --yes" in said and not server.requests
        assert not (tmp_path / "e").exists()
        assert command(*asked, "--couplets", 4, "--temperature", 0.5, "--yes") == 0
        printed = capsys.readouterr()
        assert "Answers without verse 有文無詩" in printed.out and "not available" in printed.out
        assert [(body["temperature"], "top_p" in body) for body in server.requests] == [
            (0.5, False)
        ] * 4
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    written = json.loads((tmp_path / "e/report.json").read_text("utf-8"))
    assert written["systems"][0]["decoding"] == {"max_tokens": 2048, "seed": 0, "temperature": 0.5}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert KEY not in "".join(path.read_text("utf-8") for path in files) + str(printed)


def test_the_command_puts_it_into_a_run(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _run(tmp_path / "run")
    asked = ["--model", "fake", "--run", run, "--yes"]
    with FakeJudge(chatty) as server:
        # What is no run, or has not finished, is told before anything is asked.
        assert command("--endpoint", server.base, "--model", "fake", "--run", "nowhere") == 2
        assert "is not a run folder" in capsys.readouterr().err
        write_json(run / "settings.json", load_settings("default").model_dump(mode="json"))
        (run / "results.jsonl").rename(run / "away")
        assert command("--endpoint", server.base, *asked) == 2
        assert "results.jsonl is missing" in capsys.readouterr().err
        assert not server.requests
        (run / "away").rename(run / "results.jsonl")
        assert command("--endpoint", server.base, *asked) == 0
        assert f"Report: {run / 'report.html'}" in capsys.readouterr().out
    assert "fake" in Reader((run / "report.html").read_text("utf-8")).text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--endpoint", "http://x/v1"], "--endpoint wants --model"),
        (["--endpoint", "localhost", "--model", "m"], "is no address"),
        (["--endpoint", "http://x/v1", "--model", "m", "--base"], "another system by --against"),
        (["--endpoint", "http://x/v1", "--model", "m", "--top-k", "3"], "--top-k says how a model"),
        (["--endpoint", "http://x/v1", "--model", "m", "--form", "auto"], "--form says how"),
        (["--endpoint", "http://x/v1", "--model", "m", "--key-env", "NO_KEY"], "NO_KEY"),
        (["--endpoint", "http://x/v1", "--model", "m", "--price-in", "1"], "go together"),
        (
            ["--endpoint", "http://x/v1", "--model", "m", "--run", "r", "--out", "o"],
            "--run takes no",
        ),
        (["--run", "r"], "go with --endpoint"),
        (["--base", "--yes"], "go with --endpoint"),
    ],
)
def test_the_command_refuses_what_cannot_be(
    command: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert command(*arguments) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

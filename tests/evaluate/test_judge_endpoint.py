"""The judge's endpoint in trouble, and runs that go on after an end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import anyio
import pytest

from lianju.chat import Answer, Answers, Asked, Endpoint
from lianju.errors import UserError
from lianju.evaluate.judge import Judge, judge_pairs
from lianju.evaluate.judge.pairwise import pair_questions
from tests.evaluate.fake_judge import (
    KEY,
    Body,
    FakeJudge,
    Reply,
    chat,
    failure,
    honest,
    judge,
    pairs,
    poems_in,
    tried,
)

# --- an endpoint in trouble ----------------------------------------------------------------


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have waited between tries; it does not."""
    seconds: list[float] = []
    sleep = anyio.sleep

    async def soon(delay: float) -> None:
        seconds.append(delay)
        await sleep(0)

    monkeypatch.setattr(anyio, "sleep", soon)
    return seconds


@pytest.mark.parametrize(
    "trouble",
    [
        failure(500, "oops"),
        failure(429, "slow down", Retry_After="0"),
        Reply("<html>gateway</html>"),
        Reply('{"choices": []}'),
        Reply(cut=True),
        Reply(wait=0.6),
    ],
    ids=["500", "429", "html", "no choices", "cut", "slow"],
)
def test_passing_trouble_is_asked_again(tmp_path: Path, trouble: Reply) -> None:
    seen: Counter[str] = Counter()

    def troubled(body: Body, number: int) -> Reply:
        seen[tried(body)] += 1
        return trouble if seen[tried(body)] == 1 else honest(body)

    with FakeJudge(troubled) as server:
        result = judge_pairs(judge(server, tmp_path, timeout=0.3), pairs(2))
    assert result.preference.wins == 2
    assert set(seen.values()) == {2}


def test_retry_after_is_kept_to(tmp_path: Path, waits: list[float]) -> None:
    def busy(body: Body, number: int) -> Reply:
        return failure(429, "wait", Retry_After="17") if number == 0 else honest(body)

    with FakeJudge(busy) as server:
        judge(server, tmp_path).ask(pair_questions(pairs(1).pairs)[:1])
    assert waits == [17.0]


@pytest.mark.parametrize("after", ["7200", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_too_long_a_wait_is_left_to_the_user(
    tmp_path: Path, waits: list[float], after: str
) -> None:
    with (
        FakeJudge(lambda body, number: failure(429, "limit", Retry_After=after)) as server,
        pytest.raises(UserError, match=f"asks to wait {after}.*answers are kept"),
    ):
        judge_pairs(judge(server, tmp_path), pairs())
    assert not waits


def test_what_no_retry_can_help_is_told_at_once(tmp_path: Path, waits: list[float]) -> None:
    def spent(body: Body, number: int) -> Reply:
        return failure(429, "You exceeded your current quota", X_Should_Retry="false")

    with FakeJudge(spent) as server, pytest.raises(UserError, match="refused: HTTP 429: You"):
        judge_pairs(judge(server, tmp_path), pairs())
    assert not waits


def test_a_question_that_is_never_answered_is_a_failure_and_asked_again_later(
    tmp_path: Path,
) -> None:
    def partly(body: Body, number: int) -> Reply:
        return failure(503, "overloaded") if "好1" in tried(body) else honest(body)

    with FakeJudge(partly) as server:
        asked = judge(server, tmp_path, retries=1)
        result = judge_pairs(asked, pairs(3))
        assert (result.preference.wins, result.failures) == (2, 1)
        assert asked.estimate(pair_questions(pairs(3).pairs)).requests == 2


def test_an_endpoint_that_answers_nothing_is_given_up(tmp_path: Path) -> None:
    with (
        FakeJudge(lambda body, number: failure(500, "out of\nmemory")) as server,
        pytest.raises(UserError, match=r"5 questions in a row, at last: HTTP 500: out of memory"),
    ):
        judge_pairs(judge(server, tmp_path, retries=1), pairs(15))
    assert len(server.requests) < 2 * 9


def test_failures_between_answers_are_no_reason_to_give_up(tmp_path: Path) -> None:
    def every_other(body: Body, number: int) -> Reply:
        return failure(500, "no") if poems_in(body)["A"].startswith("壞") else honest(body)

    with FakeJudge(every_other) as server:
        result = judge_pairs(judge(server, tmp_path, retries=0), pairs(15))
    assert result.failures == 15


def test_an_endpoint_that_goes_away_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    def leaving(body: Body, number: int) -> Reply:
        if number == 7:
            server.stop()
        return honest(body)

    with (
        FakeJudge(leaving) as server,
        pytest.raises(UserError, match="5 questions in a row, at last: ConnectError"),
    ):
        judge_pairs(judge(server, tmp_path, retries=1), pairs(15))
    assert len(list(tmp_path.iterdir())) >= 7


def test_a_wrong_key_is_told_at_once_and_not_shown(tmp_path: Path) -> None:
    with (
        FakeJudge(lambda body, number: failure(401, f"bad key: {KEY}")) as server,
        pytest.raises(UserError) as caught,
    ):
        judge_pairs(judge(server, tmp_path), pairs())
    assert str(caught.value).startswith("the endpoint refused: HTTP 401: bad key: (key). Is the")
    assert len(server.requests) <= 4
    assert KEY not in repr(judge(server, tmp_path))


def test_nothing_at_the_address_is_told_at_once(tmp_path: Path, waits: list[float]) -> None:
    with FakeJudge(honest) as server:
        pass
    with pytest.raises(UserError, match=r"cannot reach http://127.0.0.1:\d+/v1/chat"):
        judge_pairs(judge(server, tmp_path), pairs())
    assert not waits


def test_nothing_goes_anywhere_but_to_the_endpoint(tmp_path: Path) -> None:
    with (
        FakeJudge(honest) as other,
        FakeJudge(
            lambda body, number: Reply(
                status=307, headers={"Location": f"{other.base}/chat/completions"}
            )
        ) as server,
        pytest.raises(UserError, match="refused: HTTP 307"),
    ):
        judge_pairs(judge(server, tmp_path), pairs())
    assert not other.requests


def test_what_is_set_for_openai_goes_to_no_other_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "OPENAI_API_KEY": "sk-of-openai",
        "OPENAI_ORG_ID": "org-of-openai",
        "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer sk-of-openai\nX-Secret: sk-of-openai",
    }.items():
        monkeypatch.setenv(name, value)
    with FakeJudge(honest) as server:
        made = Judge(Endpoint(server.base, "fake"), Answers(tmp_path))
        assert judge_pairs(made, pairs(1)).preference.wins == 1
    assert server.headers and "of-openai" not in str(server.headers)
    assert "authorization" not in server.headers[0]


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lianju.extras.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'lianju\[judge\]'"):
        Judge(Endpoint("http://localhost", "fake"), Answers(tmp_path))


def test_parameters_that_a_model_does_not_take_are_left_out(tmp_path: Path) -> None:
    def picky(body: Body, number: int) -> Reply:
        for name in ("max_tokens", "temperature"):
            if name in body:
                return failure(400, f"Unsupported parameter: '{name}' with this model.")
        assert body["max_completion_tokens"] > 100
        return honest(body)

    with FakeJudge(picky) as server:
        assert judge_pairs(judge(server, tmp_path), pairs()).preference.wins == 6
    assert len(server.requests) <= 12 + 2 * 4


@pytest.mark.parametrize("base", ["localhost:8000", "ftp://x/v1", "http://", "http://x:y"])
def test_an_address_that_is_none_is_refused(base: str) -> None:
    with pytest.raises(UserError, match="is no address"):
        Endpoint(base, "m")


def test_the_whole_address_may_be_given() -> None:
    assert Endpoint("http://x/v1/", "m").url == "http://x/v1/chat/completions"
    assert Endpoint("http://x/v1/chat/completions", "m").url == "http://x/v1/chat/completions"
    with pytest.raises(UserError, match="no key has"):
        Endpoint("http://x", "m", "sk-\n")


# --- resuming ------------------------------------------------------------------------------

_SCRIPT = """
import sys
from pathlib import Path
from lianju.chat import Answers, Endpoint
from lianju.evaluate.judge import Judge, judge_pairs
from tests.evaluate.fake_judge import pairs
judge_pairs(Judge(Endpoint(sys.argv[1], "fake"), Answers(Path(sys.argv[2]))), pairs(15))
"""


def test_after_a_kill_only_what_is_missing_is_asked(tmp_path: Path) -> None:
    def slow(body: Body, number: int) -> Reply:
        return chat('{"better": "A"}', wait=0.05)

    with FakeJudge(slow) as server:
        process = subprocess.Popen([sys.executable, "-c", _SCRIPT, server.base, str(tmp_path)])
        while len(server.requests) < 12 and process.poll() is None:
            time.sleep(0.005)
        process.kill()
        process.wait()
        time.sleep(0.1)
        before = {tried(body) for body in server.requests}
        kept = len(list(tmp_path.glob("[!.]*.json")))
        assert 30 > len(before) >= kept >= len(before) - 4 > 0
        server.requests.clear()
        asked = judge(server, tmp_path)
        assert asked.estimate(pair_questions(pairs(15).pairs)).known == kept
        result = judge_pairs(asked, pairs(15))
        after = [tried(body) for body in server.requests]
    assert len(after) == len(set(after)) == 30 - kept
    assert len(before | set(after)) == 30
    assert (result.failures, result.preference.ties) == (0, 15)


@pytest.mark.timeout(60)
def test_ctrl_c_stops_at_once_and_loses_no_answer(tmp_path: Path) -> None:
    never = threading.Event()

    def stopping(body: Body, number: int) -> Reply:
        if number == 8:
            os.kill(os.getpid(), signal.SIGINT)
        return honest(body) if number < 6 else Reply(until=never)

    with FakeJudge(stopping) as server:
        with pytest.raises(KeyboardInterrupt):
            judge_pairs(judge(server, tmp_path), pairs(15))
        # The last may have been on its way when the signal came.
        assert len(list(tmp_path.glob("[!.]*.json"))) in (4, 5, 6)
        never.set()


def test_answers_depend_on_the_address_and_on_all_that_was_asked_but_not_on_the_key(
    tmp_path: Path,
) -> None:
    answers, message = Answers(tmp_path), [{"role": "user", "content": "怎麼樣？"}]
    asked, here = Asked(message, {"temperature": 0.0}), "http://user:password@localhost:8000/v1"
    answers.put(Endpoint(here, "m", KEY), asked, Answer("好", "length", ("seed",)))
    again = Endpoint(f"{here}/chat/completions", "m")
    assert "password" not in again.shown
    assert answers.get(again, asked) == Answer("好", "length", ("seed",))
    assert answers.get(Endpoint(here.replace("8000", "8001"), "m", KEY), asked) is None
    assert answers.get(Endpoint(here, "n", KEY), asked) is None
    assert answers.get(again, Asked([*message, *message], asked.parameters)) is None
    assert answers.get(again, Asked(message, asked.parameters, sample=1)) is None
    assert answers.get(again, Asked(message, {"temperature": 1.0})) is None
    kept = "".join(path.read_text() for path in tmp_path.iterdir())
    assert KEY not in kept and "password" not in kept


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", "null", '{"answer": 7}'])
def test_an_answer_that_is_damaged_is_asked_for_again(tmp_path: Path, text: str) -> None:
    with FakeJudge(honest) as server:
        first = judge_pairs(judge(server, tmp_path), pairs(1))
        for file in tmp_path.glob("*.json"):
            file.write_text(text)
        before = len(server.requests)
        assert judge_pairs(judge(server, tmp_path), pairs(1)) == first
        assert len(server.requests) == 2 * before

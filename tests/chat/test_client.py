"""The client of chat models, against servers that answer badly; see also the judge's endpoint."""

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from lianju.chat import Answer, Answers, Ask, Asked, Chat, Endpoint
from lianju.errors import UserError
from tests.evaluate.fake_judge import KEY, Body, FakeJudge, Reply, chat, failure

PARAMETERS = {"max_tokens": 9, "seed": 3, "temperature": 0.5, "top_p": 0.9}


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


def ask(
    behave: Callable[[Body, int], Reply], folder: Path, **endpoint: float
) -> tuple[Answer | None, list[Body]]:
    """What comes of one question, and all that the server was sent."""

    async def talk(ask: Ask, asked: Asked) -> Answer:
        return await ask(asked)

    with FakeJudge(behave) as server:
        where = Endpoint(server.base, "m", KEY, **endpoint)  # type: ignore[arg-type]
        made = Chat(where, Answers(folder))
        [answer] = made.each("Asking", [Asked([], PARAMETERS)], talk)
        return answer, server.requests


def after(trouble: Reply) -> Callable[[Body, int], Reply]:
    """In trouble once, then well."""
    return lambda body, number: chat("好") if number else trouble


@pytest.mark.parametrize(
    "trouble",
    [
        Reply('{"choices": []}'),
        Reply('{"error": {"message": "busy"}}'),
        Reply('{"choices": [{"message": {"content": ["好"]}}]}'),
        Reply("null"),
        Reply("[" * 100_000),
    ],
    ids=["no choices", "an error", "a list", "null", "deep"],
)
def test_what_is_no_completion_is_asked_for_again_after_a_pause(
    tmp_path: Path, trouble: Reply, waits: list[float]
) -> None:
    answer, requests = ask(after(trouble), tmp_path)
    assert answer == Answer("好") and len(requests) == 2
    assert waits == [0.5]


def test_the_pauses_grow_and_end(tmp_path: Path, waits: list[float]) -> None:
    answer, requests = ask(lambda body, number: Reply('{"error": "busy"}'), tmp_path)
    assert answer is None and len(requests) == 7
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]


def test_every_parameter_that_a_model_names_is_left_out_once_and_told(tmp_path: Path) -> None:
    def picky(body: Body, number: int) -> Reply:
        for name in ("seed", "top_p", "max_tokens"):
            if name in body:
                return failure(422 if name == "seed" else 400, f"Unsupported: '{name}'.")
        assert body["max_completion_tokens"] == 9 and body["temperature"] == 0.5
        return chat("好")

    answer, requests = ask(picky, tmp_path)
    assert answer == Answer("好", "stop", ("seed", "top_p")) and len(requests) == 4
    # What is known says so too.
    [kept] = tmp_path.glob("*.json")
    assert '"seed",\n    "top_p"' in kept.read_text("utf-8")
    assert ask(picky, tmp_path / "other")[0] == answer


def test_a_400_that_names_no_parameter_of_ours_is_told_at_once(tmp_path: Path) -> None:
    # A seed that "exceeded" does not name.
    with pytest.raises(UserError, match="refused: HTTP 400: quota exceeded"):
        ask(lambda body, number: failure(400, "quota exceeded"), tmp_path)


def test_a_filter_is_an_answer_and_so_is_a_refusal(tmp_path: Path) -> None:
    filtered = '{"error": {"code": "content_filter", "message": "The response was filtered"}}'
    answer, requests = ask(lambda body, number: Reply(filtered, 400), tmp_path)
    assert answer == Answer("", "content_filter") and len(requests) == 1
    refusal = '{"choices": [{"message": {"content": null, "refusal": "I will not."}}]}'
    answer, _ = ask(lambda body, number: Reply(refusal), tmp_path / "other")
    assert answer == Answer("I will not.", "content_filter")


@pytest.mark.parametrize(
    ("status", "said"), [(401, "--key-env"), (404, "'m' the name of a model there")]
)
def test_what_to_look_at_is_said(tmp_path: Path, status: int, said: str) -> None:
    with pytest.raises(UserError, match=f"refused: HTTP {status}: no.*{said}"):
        ask(lambda body, number: failure(status, "no"), tmp_path)


def test_no_body_is_read_without_end(tmp_path: Path) -> None:
    huge = chat("好" * (3 << 20))
    answer, requests = ask(lambda body, number: huge, tmp_path)
    assert answer is None and len(requests) == 1


def test_an_address_with_a_password_is_not_shown() -> None:
    where = Endpoint("http://user:secret@127.0.0.1:9/v1?key=secret", "m")
    assert where.shown == "http://127.0.0.1:9/v1"

"""The native API against the functions that it is made of: the same poems, verdicts, steps."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from lianju.config import DecodeSettings, VerseSettings
from lianju.decode import Completion, Constraint, Masks, complete, next_tokens, rules_for
from lianju.errors import UserError
from lianju.serve import Service, annotate, create_app
from lianju.verse import GROUPS, check, in_language, lines_of, words
from lianju.writer import Writer
from tests import tiny
from tests.serve.library import POEM, one_poem
from tests.serve.running import held, open_service, running, served

COUPLET, SEVEN = "白日依山盡，黃河入海流。", "朝辭白帝彩雲間，千里江陵一日還。"
MOON = (
    "海上生明月，天涯共此時。情人怨遙夜，竟夕起相思。"
    "滅燭憐光滿，披衣覺露滋。不堪盈手贈，還寢夢佳期。"
)
MODEL = tiny.model()
MASKS = Masks(MODEL.vocabulary)


@pytest.fixture(scope="module")
def service() -> Service:
    return open_service(served(MODEL))


@pytest.fixture(scope="module")
def client(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with one_poem(tmp_path_factory.mktemp("cache")):
        # Not as a context: at its end the application would close the service.
        yield TestClient(create_app(service))


def poems(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/poems", json={"couplet": COUPLET, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def streamed(client: TestClient, **body: Any) -> list[tuple[str, dict[str, Any]]]:
    answer = client.post("/v1/poems", json={"couplet": COUPLET, **body, "stream": True})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    blocks = answer.text.removesuffix("\n\n").split("\n\n")
    parts = (block.split("\n") for block in blocks)
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in parts
    ]


# --- poems are those of decode.complete ----------------------------------------------------

SAMPLING = {
    "temperature": st.sampled_from([0, 0.5, 1.0, 2.5]),
    "top_k": st.sampled_from([0, 3, 40]),
    "top_p": st.sampled_from([0.3, 0.9, 1.0]),
    "min_p": st.sampled_from([0.0, 0.2]),
    "typical_p": st.sampled_from([0.5, 1.0]),
    "repetition_penalty": st.sampled_from([1.0, 1.5]),
}
RULES = st.fixed_dictionaries(
    {},
    optional={
        "form": st.sampled_from(["auto", "wujue", "wulu"]),
        "rhyme": st.sampled_from(["auto", "off"]),
        "tone": st.sampled_from(["on", "off"]),
    },
)
ASKED = st.fixed_dictionaries({"n": st.integers(1, 3), "seed": st.integers(0, 2**63 - 1)}).flatmap(
    lambda body: st.fixed_dictionaries(
        {name: st.just(value) for name, value in body.items()}, optional=SAMPLING
    )
)


def constraint(verse: VerseSettings) -> Constraint | None:
    rules = rules_for(COUPLET, verse)
    return Constraint(rules, MASKS) if rules else None


def completions(body: dict[str, Any], verse: VerseSettings, particles: int = 4) -> list[Completion]:
    """What decoding gives for the same settings."""
    decode = {name: value for name, value in body.items() if name in DecodeSettings.model_fields}
    chosen = DecodeSettings(**decode, candidates=body["n"], particles=particles)
    if "max_tokens" in body:
        chosen = chosen.model_copy(update={"max_length": body["max_tokens"]})
    [found] = complete(MODEL, "plain", [COUPLET], chosen, constraints=[constraint(verse)])
    return found


def same(answer: dict[str, Any], expected: list[Completion]) -> None:
    assert sorted(poem["index"] for poem in answer["poems"]) == list(range(len(expected)))
    for poem in answer["poems"]:
        one = expected[poem["index"]]
        assert poem["text"] == one.text
        assert (poem["finish"], poem["tokens"]) == (one.finish, one.tokens)
        assert poem["logprob"] == pytest.approx(one.logprob, abs=1e-4)
        assert poem["allowed"] == pytest.approx(one.allowed, abs=1e-4)
    rated = [poem["rating"] for poem in answer["poems"]]
    assert rated == sorted(rated, reverse=True)


@settings(max_examples=12)
@given(body=ASKED, rules=RULES, particles=st.integers(1, 4))
def test_poems_with_rules_are_those_of_complete(
    client: TestClient, body: dict[str, Any], rules: dict[str, str], particles: int
) -> None:
    answer = poems(client, **body, verse={**rules, "particles": particles})
    same(answer, completions(body, VerseSettings(**rules), particles))
    assert answer["seed"] == body["seed"]


@settings(max_examples=12)
@given(body=ASKED, length=st.integers(1, 40))
def test_poems_without_rules_are_those_of_complete(
    client: TestClient, body: dict[str, Any], length: int
) -> None:
    body["max_tokens"] = length
    answer = poems(client, **body, verse={"form": "free"})
    same(answer, completions(body, VerseSettings(form="free")))


def test_no_verse_is_the_form_that_the_couplet_can_open(client: TestClient) -> None:
    body = {"n": 2, "seed": 5}
    without = poems(client, **body)
    same(without, completions(body, VerseSettings()))
    assert [poem["verdict"]["form"] in ("wujue", "wulü") for poem in without["poems"]] == [True] * 2


def test_a_seed_that_the_server_drew_writes_the_same_again(client: TestClient) -> None:
    first = poems(client, n=2, max_tokens=20, verse={"form": "free"})
    again = poems(client, n=2, max_tokens=20, verse={"form": "free"}, seed=first["seed"])
    other = poems(client, n=2, max_tokens=20, verse={"form": "free"})
    assert again["poems"] == first["poems"]
    assert other["seed"] != first["seed"] and other["id"] != first["id"]


# --- annotations ---------------------------------------------------------------------------


@pytest.mark.parametrize("verse", [None, {"form": "free"}, {"rhyme": "off", "tone": "off"}])
def test_the_verdict_is_the_checkers_and_no_character_is_lost(
    client: TestClient, verse: Any
) -> None:
    for poem in poems(client, n=3, seed=1, verse=verse)["poems"]:
        whole = poem["couplet"] + poem["text"]
        verdict = check(whole)
        row = poem["verdict"]
        assert row.pop("said").keys() == {"en", "zh"}
        assert row == words.verdict_row(verdict)
        joined = ["".join(c["character"] for c in line["characters"]) for line in poem["lines"]]
        assert joined == [line["text"] for line in poem["lines"]]
        assert "".join(joined) == "".join(lines_of(whole))


def test_given_lines_stand_and_copied_ones_have_their_source(client: TestClient) -> None:
    answer = poems(client, n=2, seed=3, verse={"form": "wujue", "given": {"4": "更上一層樓"}})
    for poem in answer["poems"]:
        assert [line["given"] for line in poem["lines"]] == [True, True, False, True]
        assert poem["lines"][3]["text"] == "更上一層樓"
        assert poem["lines"][3]["copied"] == [{"author": POEM.author, "title": POEM.title}]
        assert poem["lines"][2]["copied"] == []
    assert answer["notes"] == []


def test_even_lines_end_with_the_rhymes_that_are_given(client: TestClient) -> None:
    """Also beside a given line, read from simplified characters; the rhyme left open is another."""
    verse = {"rhymes": "流楼？愁", "given": {"4": "更上一層樓"}}
    answer = poems(client, n=2, seed=3, verse=verse)
    assert answer["notes"] == ["Note: 流楼_愁 has simplified 楼; read as 流樓_愁"]
    for poem in answer["poems"]:
        ends = [line["text"][-1] for line in poem["lines"][1::2]]
        assert ends[:2] + ends[3:] == ["流", "樓", "愁"] and ends[2] not in "流樓愁"
        assert poem["lines"][3]["given"] and poem["verdict"]["form"] == "wulü"
        assert check(poem["couplet"] + poem["text"]).regular


def test_a_poem_goes_on_from_a_prefix(client: TestClient) -> None:
    answer = poems(client, prefix="欲窮千里", seed=1, verse={"form": "wujue"})
    [poem] = answer["poems"]
    assert poem["text"].startswith("欲窮千里") and poem["verdict"]["form"] == "wujue"
    assert [line["given"] for line in poem["lines"]] == [True, True, False, False]
    # What was written: all but the prefix, and the token that ends the poem.
    assert poem["tokens"] == len(MODEL.vocabulary.spell(poem["text"])) - 4 + 1


def test_max_tokens_counts_what_is_written_and_not_the_prefix(client: TestClient) -> None:
    body = {"verse": {"form": "free"}, "seed": 1, "temperature": 2}
    [poem] = poems(client, **body, prefix="欲窮千里", max_tokens=2)["poems"]
    assert (poem["tokens"], poem["finish"]) == (2, "length")


# --- streams -------------------------------------------------------------------------------

STREAMS: list[dict[str, Any]] = [
    {"n": 3, "seed": 1},
    {"n": 2, "seed": 2, "verse": {"particles": 8, "form": "wulu"}, "temperature": 0.8},
    {"n": 2, "seed": 4, "verse": {"given": {"4": "更上一層樓"}}},
    {"n": 2, "seed": 5, "prefix": "欲窮千", "verse": {"form": "wujue"}},
    # Without rules the tiny model writes bytes that are parts of characters.
    {"n": 3, "seed": 6, "verse": {"form": "free"}, "max_tokens": 60, "top_p": 1},
]


@pytest.mark.parametrize("body", STREAMS)
def test_a_stream_grows_into_the_answer(client: TestClient, body: dict[str, Any]) -> None:
    events = streamed(client, **body)
    whole = poems(client, **body)
    sent = [data for name, data in events if name == "poem"]
    name, done = events[-1]
    assert name == "done" and [name for name, _ in events[:-1]].count("done") == 0
    assert done["order"] == [poem["index"] for poem in whole["poems"]]
    assert [sent[[p["index"] for p in sent].index(i)] for i in done["order"]] == whole["poems"]
    for key in ("model", "seed", "notes", "object"):
        assert done[key] == whole[key]
    for poem in sent:
        grows_into(poem, events, body.get("prefix", ""))


def grows_into(poem: dict[str, Any], events: list[Any], prefix: str) -> None:
    drafts = [data for name, data in events if name == "draft" and data["index"] == poem["index"]]
    ended = events.index(("poem", poem))
    assert all(("draft", draft) in events[:ended] for draft in drafts)
    settled = [prefix, *(draft["settled"] for draft in drafts), poem["text"]]
    for before, after in pairwise(settled):
        assert after.startswith(before)
    for draft in drafts:
        assert draft["text"].startswith(draft["settled"])
    assert len(drafts) > 3 and drafts[-1] != drafts[-2]


def test_a_stream_never_splits_a_character(client: TestClient) -> None:
    body = {"seed": 1, "n": 4, "verse": {"form": "wulu"}, "top_p": 1}
    drafts = [data for name, data in streamed(client, **body) if name == "draft"]
    assert not any("\N{REPLACEMENT CHARACTER}" in draft["text"] for draft in drafts)
    # Most characters of verse are three tokens to this model.
    spelled = [len(MODEL.vocabulary.spell(c)) for draft in drafts for c in draft["settled"]]
    assert {1, 3} <= set(spelled)


def test_a_request_that_is_refused_has_its_status_even_as_a_stream(
    client: TestClient, service: Service
) -> None:
    answer = client.post("/v1/poems", json={"couplet": "", "stream": True})
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "couplet"


def test_too_many_requests_are_refused_before_a_stream_begins() -> None:
    service = open_service(served(MODEL), queue=1)
    client = TestClient(create_app(service))
    body = {"couplet": COUPLET, "verse": {"form": "free"}, "max_tokens": 4}
    with ThreadPoolExecutor(1) as pool, held(service):
        waiting = pool.submit(client.post, "/v1/poems", json=body)
        until = time.monotonic() + 10
        while not service.engine.waiting:
            assert time.monotonic() < until
            time.sleep(0.01)
        for stream in (True, False):
            answer = client.post("/v1/poems", json=body | {"stream": stream})
            assert answer.status_code == 429 and "retry-after" in answer.headers
    assert waiting.result().status_code == 200


def test_a_stream_that_breaks_ends_in_an_error(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*given: Any, **named: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(annotate, "poem", breaks)
    events = streamed(client, seed=1)
    assert events[-1][0] == "error" and events[-1][1]["error"]["type"] == "server_error"
    assert "secret" not in str(events) and "done" not in dict(events)


def test_a_reader_who_goes_away_frees_the_engine() -> None:
    service = open_service(served(MODEL), tokens=4096)
    # Poems that go on for far longer than this test waits.
    body = {"couplet": COUPLET, "n": 16, "max_tokens": 4096, "temperature": 0, "stream": True}
    with running(service) as address:
        for _ in range(2):
            ask = body | {"verse": {"form": "free"}}
            with httpx2.stream("POST", f"{address}/v1/poems", json=ask) as answer:
                assert next(answer.iter_lines()) == "event: draft"
            until = time.monotonic() + 3
            while service.engine.rows:
                assert time.monotonic() < until, "the engine goes on writing"
                time.sleep(0.01)


# --- the next token ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "verse"),
    [
        ({"top": 5, "top_k": 7, "temperature": 0.5}, VerseSettings()),
        ({"prefix": "欲窮千里", "repetition_penalty": 1.3}, VerseSettings()),
        ({"verse": {"form": "free"}, "prefix": "欲", "min_p": 0.1}, VerseSettings(form="free")),
    ],
)
def test_the_next_token_is_that_of_decode(
    client: TestClient, body: dict[str, Any], verse: Any
) -> None:
    answer = client.post("/v1/explore/next", json={"couplet": COUPLET, **body}).json()
    chosen = DecodeSettings(**{k: v for k, v in body.items() if k in DecodeSettings.model_fields})
    prefix, top = body.get("prefix", ""), body.get("top", 12)
    step = next_tokens(MODEL, "plain", COUPLET, chosen, constraint(verse), prefix, top)
    assert answer["prefix"] == prefix and answer["rest"] == list(step.rest)
    assert [stage["name"] for stage in answer["stages"]] == [one.name for one in step.stages]
    assert [stage["effective"] for stage in answer["stages"]] == [o.effective for o in step.stages]
    assert len(answer["choices"]) >= top
    for choice, one in zip(answer["choices"], step.choices, strict=True):
        assert (choice["token"], choice["text"]) == (one.token, one.text)
        assert (choice["probabilities"], choice["cut_at"]) == (list(one.probabilities), one.cut_at)


def test_a_token_that_ends_the_poem_says_so(client: TestClient) -> None:
    body = {"couplet": COUPLET, "prefix": "欲窮千里目，更上一層樓。", "verse": {"form": "wujue"}}
    choices = client.post("/v1/explore/next", json=body).json()["choices"]
    [last] = [choice for choice in choices if choice["cut_at"] is None]
    assert last["ends"] and sum(choice["ends"] for choice in choices) == 1


# --- the checker ---------------------------------------------------------------------------


def test_a_poem_is_checked(client: TestClient) -> None:
    text = COUPLET + "欲窮千里目，更上一層峰。"
    answer = client.post("/v1/check", json={"text": text}).json()
    verdict = check(text)
    assert answer["style"] == verdict.style == "faulty"
    assert [fault["rule"] for fault in answer["faults"]] == ["落韻"]
    assert [len(line["copied"]) for line in answer["lines"]] == [0, 0, 1, 0]
    assert answer["notes"] == []


def test_what_is_parallel_is_told_of_a_poem_checked_and_of_one_written(client: TestClient) -> None:
    [one] = poems(client, verse={"form": "wulu"}, seed=1)["poems"]
    for text in ("，".join(line["text"] for line in one["lines"]), MOON):
        answer = client.post("/v1/check", json={"text": text}).json()
        found = [remark for remark in answer["remarks"] if remark["rule"] == "對仗"]
        assert [remark["line"] for remark in found] == [3, 5]
        if text != MOON:
            told = [fault for fault in one["verdict"]["remarks"] if fault["rule"] == "對仗"]
            assert [fault["words_zh"] for fault in told] == [one["said"]["zh"] for one in found]
    assert [remark["found"] for remark in found] == ["未見", "可見"]
    assert found[0]["said"]["zh"] == "對仗：頷聯（第3、4句）未見對仗"
    assert found[1]["rule_said"]["en"].startswith("An estimate")


def test_the_checker_reads_strictly_and_lets_a_first_line_borrow(client: TestClient) -> None:
    text = "看山山上山，山山山山山。"
    for option in ({"strict": True}, {"borrow": True}, {}):
        answer = client.post("/v1/check", json={"text": text, **option}).json()
        expected = check(text, **option)
        assert answer["types"] == expected.types and answer["why"] == expected.why
    borrowed = "風勁角弓鳴，將軍獵渭城。草枯鷹眼疾，雪盡馬蹄輕。"
    assert client.post("/v1/check", json={"text": borrowed}).json()["regular"]


def test_simplified_characters_are_read_and_editors_notes_are_not(client: TestClient) -> None:
    text = "白日依山尽，（一作盡）黄河入海流。「欲穷」千里目，更上一层楼。"
    answer = client.post("/v1/check", json={"text": text}).json()
    assert answer["regular"] and [line["text"] for line in answer["lines"]][2] == "欲窮千里目"
    [note] = answer["notes"]
    assert "尽黄穷层楼" in note


def test_a_poem_may_be_called_text_or_poem(client: TestClient) -> None:
    poem = "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。"
    named = [client.post("/v1/check", json={name: poem}).json() for name in ("text", "poem")]
    assert named[0] == named[1] and named[0]["regular"]


# --- settings ------------------------------------------------------------------------------


def test_settings_are_those_of_config(client: TestClient) -> None:
    answer = client.get("/v1/settings").json()
    names = {"max_tokens": "max_length", "n": "candidates"}
    assert answer["decode"].keys() == {
        *("temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty"),
        *("n", "max_tokens", "seed"),
    }
    for name, one in answer["decode"].items():
        field = DecodeSettings.model_fields[names.get(name, name)]
        if name not in ("n", "seed"):
            assert one["default"] == field.default
            assert one["description"] == " ".join(str(field.description).split())
        for bound in (one["minimum"], one["maximum"]):
            body = {"couplet": COUPLET, "max_tokens": 1, "verse": {"form": "free"}, name: bound}
            expected = 400 if one["exclusive"] and bound == one["minimum"] else 200
            if bound is not None and not (name == "max_tokens" and bound > 1000):
                assert client.post("/v1/poems", json=body).status_code == expected, body
    assert answer["verse"].keys() == {*VerseSettings.model_fields, "particles", "taste"} - {"given"}
    assert answer["verse"]["form"]["choices"][:2] == ["auto", "wujue"]
    assert answer["rhymes"][0] == "上平聲一東" and len(answer["rhymes"]) == 30
    assert all(group.tone == "平" for group in GROUPS[:30])


# --- what is refused -----------------------------------------------------------------------

POEMS, NEXT, CHECK = "/v1/poems", "/v1/explore/next", "/v1/check"


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        (POEMS, {}, 400, "couplet"),
        (POEMS, {"couplet": COUPLET, "tempature": 1}, 400, "tempature"),
        (POEMS, {"couplet": COUPLET, "temperature": "0.7"}, 400, "temperature"),
        (POEMS, {"couplet": COUPLET, "temperature": 0.0001}, 400, "temperature"),
        (POEMS, {"couplet": COUPLET, "temperature": 10**400}, 400, "temperature"),
        (POEMS, {"couplet": COUPLET, "n": True}, 400, "n"),
        (POEMS, {"couplet": COUPLET, "n": 17}, 400, "n"),
        (POEMS, {"couplet": COUPLET, "n": 1.5}, 400, "n"),
        (POEMS, {"couplet": COUPLET, "seed": -1}, 400, "seed"),
        (POEMS, {"couplet": COUPLET, "stream": 1}, 400, "stream"),
        (POEMS, {"couplet": COUPLET, "model": "gpt"}, 404, "model"),
        (POEMS, {"couplet": "山" * 201}, 400, "couplet"),
        (POEMS, {"couplet": "山\ud800"}, 400, "couplet"),
        (POEMS, {"couplet": "，。"}, 400, "couplet"),
        (POEMS, {"couplet": COUPLET, "prefix": "山" * 401}, 400, "prefix"),
        (POEMS, {"couplet": COUPLET, "prefix": "山山山山山山"}, 400, "prefix"),
        (POEMS, {"couplet": COUPLET, "max_tokens": 5}, 400, "max_tokens"),
        (POEMS, {"couplet": COUPLET, "verse": {"form": "haiku"}}, 400, "verse.form"),
        (POEMS, {"couplet": COUPLET, "verse": {"form": "qijue"}}, 400, "verse"),
        (POEMS, {"couplet": COUPLET, "verse": {"rhyme": "狗"}}, 400, "verse"),
        (POEMS, {"couplet": COUPLET, "verse": {"rhymes": "東"}}, 400, "verse"),
        (POEMS, {"couplet": COUPLET, "verse": {"rhymes": "a"}}, 400, "verse.rhymes"),
        (POEMS, {"couplet": COUPLET, "verse": {"rhymes": "流" * 101}}, 400, "verse.rhymes"),
        (POEMS, {"couplet": COUPLET, "verse": {"lines": 5}}, 400, "verse.lines"),
        (POEMS, {"couplet": COUPLET, "verse": {"particles": 65}}, 400, "verse.particles"),
        (POEMS, {"couplet": COUPLET, "verse": {"rime": "東"}}, 400, "verse.rime"),
        (POEMS, {"couplet": COUPLET, "verse": {"given": {"2": "山山山山山"}}}, 400, "verse.given"),
        (POEMS, {"couplet": COUPLET, "verse": {"given": {"3.0": "山"}}}, 400, "verse.given"),
        (POEMS, {"couplet": COUPLET, "verse": {"given": {"4": ""}}}, 400, "verse.given"),
        (POEMS, {"couplet": COUPLET, "verse": {"given": {"4": "山"}}}, 400, "verse"),
        (POEMS, {"couplet": COUPLET, "verse": {"form": "free", "tone": "off"}}, 400, "verse"),
        (NEXT, {"couplet": COUPLET, "top": 41}, 400, "top"),
        (NEXT, {"couplet": COUPLET, "n": 1}, 400, "n"),
        (NEXT, {"couplet": COUPLET, "prefix": "山山山山山山"}, 400, "prefix"),
        (NEXT, {"couplet": SEVEN, "verse": {"form": "wujue"}}, 400, "verse"),
        (CHECK, {"text": ""}, 400, "text"),
        (CHECK, {"text": "to be or not"}, 400, "text"),
        (CHECK, {"poem": "to be or not"}, 400, "poem"),
        (CHECK, {"poem": ""}, 400, "poem"),
        (CHECK, {}, 400, "text"),
        (CHECK, {"text": "山", "poem": "山"}, 400, "text"),
        (CHECK, {"text": "山" * 4001}, 400, "text"),
        (CHECK, {"text": "山", "strict": "yes"}, 400, "strict"),
        (CHECK, {"text": "山", "lang": "zh"}, 400, "lang"),
    ],
)
def test_what_is_wrong_is_refused_by_name(
    client: TestClient, path: str, body: dict[str, Any], status: int, param: str
) -> None:
    content = json.dumps(body).encode()
    answer = client.post(path, content=content, headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert answer.status_code == status, answer.text
    assert error["param"] == param or error["param"].startswith(f"{param}."), error
    assert error["message"] and error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (POEMS, {"form": "qilu"}, "unknown field 'form': it belongs in `verse`, as verse.form"),
        (POEMS, {"tempature": 1}, "unknown field 'tempature': did you mean 'temperature'?"),
        (POEMS, {"tools": []}, "unknown field 'tools': not offered here"),
        (POEMS, {"zzz": 1}, "unknown field 'zzz'"),
        (CHECK, {"temperature": 1}, "unknown field 'temperature'"),
        (POEMS, {"verse": True}, 'verse: an object such as {"form": "wujue"} is expected'),
        (POEMS, {"verse": {"given": 3}}, "verse.given: an object is expected"),
        (POEMS, {"n": 16}, ""),
        (POEMS, {"n": 5, "verse": {"particles": 64}}, "320 rows: at most 256"),
        (POEMS, {"prefix": "山" * 200, "verse": {"form": "free"}}, "max_tokens 128 ends a poem"),
    ],
)
def test_a_refusal_says_what_to_do(
    client: TestClient, path: str, body: dict[str, Any], message: str
) -> None:
    text = {"text": COUPLET} if path == CHECK else {"couplet": COUPLET}
    answer = client.post(path, json=text | body)
    if not message:
        assert answer.status_code == 200
        return
    said = answer.json()["error"]["message"]
    assert said.startswith(message) and (said == message or "rows" in said or "ends" in said)


@pytest.mark.parametrize(
    ("verse", "length", "field"),
    [
        ({"form": "qijue"}, None, "verse"),
        ({"rhyme": "狗"}, None, "verse"),
        ({"acrostic": "一"}, None, "verse"),
        ({"form": "wujue"}, 5, "max_length"),
    ],
)
def test_every_door_refuses_with_the_same_words(
    client: TestClient, verse: dict[str, Any], length: int | None, field: str
) -> None:
    with pytest.raises(UserError) as refused:
        asked: dict[str, Any] = verse | ({"max_length": length} if length else {})
        Writer(MODEL, "plain").write(COUPLET, **asked)
    assert refused.value.field == field
    message = str(refused.value).replace("max_length", "max_tokens")
    param, body = field.replace("max_length", "max_tokens"), {"verse": verse, "max_tokens": length}
    for path, text in ((POEMS, {"couplet": COUPLET}), ("/v1/completions", {"prompt": COUPLET})):
        answer = client.post(path, json=text | body).json()
        assert (answer["error"]["message"], answer["error"]["param"]) == (message, param)
        assert answer["message_zh"] == in_language(refused.value.words, "zh")


def test_hints_know_a_query_too(client: TestClient) -> None:
    error = client.get("/v1/examples?conut=3").json()["error"]
    assert error["message"] == "unknown field 'conut': did you mean 'count'?"


@pytest.mark.parametrize("content", [b"", b"3", b"[]", b"null", b'"a"'])
def test_what_is_no_json_object_is_told_so(client: TestClient, content: bytes) -> None:
    kinds = ("application/json", "text/plain", None)
    for headers in ({"content-type": kind} if kind else {} for kind in kinds):
        answer = client.post(POEMS, content=content, headers=headers)
        said = "send a JSON object with content-type: application/json"
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, said)
    body = json.dumps({"couplet": COUPLET})
    assert client.post(POEMS, content=body, headers={"content-type": "text/plain"}).json() == {
        "error": answer.json()["error"]
    }


def test_forms_are_taken_as_answers_write_them(client: TestClient) -> None:
    told = poems(client, verse={"form": "wulu"}, seed=1)["poems"]
    assert told[0]["form"] == "wulü"
    for name in ("wulü", "五律", "五言律诗"):
        assert poems(client, verse={"form": name}, seed=1)["poems"] == told


def test_the_longest_that_is_allowed_is_answered(client: TestClient) -> None:
    longest = "山" * 4000
    assert client.post(CHECK, json={"text": longest}).status_code == 200
    lines = "，".join(["山山山山山"] * 600) + "。"
    assert client.post(CHECK, json={"text": lines}).json()["form"] == "wugu"
    body = {"couplet": "山" * 200, "prefix": "山" * 400, "verse": {"form": "free"}, "max_tokens": 2}
    assert client.post(POEMS, json=body).status_code == 200


def test_every_path_documents_its_errors(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path, codes in {
        POEMS: "200 400 401 404 408 413 429 503 504",
        NEXT: "200 400 401 404 408 413 429 503 504",
        CHECK: "200 400 401 408 413",
    }.items():
        operation = document["paths"][path]["post"]
        assert set(operation["responses"]) == set(codes.split())
        for code in codes.split()[1:]:
            schema = operation["responses"][code]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}
        assert operation["summary"] and operation["description"]
    for name in ("PoemsRequest", "NextRequest", "CheckRequest", "VerseRules"):
        fields = document["components"]["schemas"][name]["properties"]
        assert all(field.get("description") for field in fields.values()), name


def test_nothing_of_a_request_names_a_file(client: TestClient, tmp_path: Path) -> None:
    secret = tmp_path / "runs/x/adapter"
    secret.mkdir(parents=True)
    for name in (str(secret), "../x", "/etc/passwd", "google/gemma-3-270m"):
        answer = client.post(POEMS, json={"couplet": COUPLET, "model": name})
        assert answer.status_code == 404

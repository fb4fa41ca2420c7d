"""The engine: orders join and leave at any step, and none is changed by its neighbours."""

import copy
import queue
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lianju.config import DecodeSettings, VerseSettings
from lianju.decode import (
    Candidate,
    ClosedError,
    Constraint,
    Ended,
    Engine,
    Failed,
    FullError,
    Grown,
    Masks,
    Order,
    complete,
    length_limit,
    rules_for,
)
from lianju.decode.batch import Batch
from lianju.model import LanguageModel, made_ready, pack
from tests import tiny

COUPLETS = [couplet for couplet, _ in tiny.COUPLETS]
SETTINGS = DecodeSettings(temperature=1.0, top_p=0.9, max_length=40)


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    model = tiny.model()
    pack(model.network)
    return model


def order(
    model: LanguageModel,
    couplet: str,
    settings: DecodeSettings = SETTINGS,
    form: str = "free",
    masks: Masks | None = None,
    **more: Any,
) -> tuple[Order, "queue.Queue[Any]"]:
    rules = rules_for(couplet, VerseSettings(form=form))
    kept = Constraint(rules, masks or Masks(model.vocabulary)) if rules else None
    limit = length_limit(kept, settings)
    candidates = [
        Candidate(couplet, number, kept, settings, limit, **more)
        for number in range(settings.candidates)
    ]
    heard: queue.Queue[Any] = queue.Queue()
    return Order(candidates, heard.put, growing=True, model="tiny"), heard


def texts(heard: "queue.Queue[Any]", count: int = 1) -> list[str]:
    """The texts of an order's candidates, when all have ended."""
    found: dict[int, str] = {}
    while len(found) < count:
        event = heard.get(timeout=30)
        assert not isinstance(event, Failed), event
        if isinstance(event, Ended):
            found[event.number] = event.completion.text
    return [found[number] for number in range(count)]


@examples(max_examples=4)
@given(seed=st.integers(0, 2**32))
def test_a_seeded_order_does_not_depend_on_its_neighbours(seed: int) -> None:
    # Orders of every kind come and go in an order of chance; each is what `complete` writes alone.
    model = tiny.model()
    pack(model.network)
    chance = random.Random(seed)
    masks = Masks(model.vocabulary)
    engine = Engine({"tiny": (model, "plain")}, rows=12, queue=100)
    asked = []
    for number in range(10):
        couplet, form = chance.choice(COUPLETS), chance.choice(["free", "auto"])
        own = DecodeSettings(
            temperature=chance.choice([0.0, 0.7, 1.3]),
            top_p=chance.choice([0.5, 1.0]),
            top_k=chance.choice([0, 5]),
            repetition_penalty=chance.choice([1.0, 1.3]),
            candidates=chance.choice([1, 3]),
            particles=chance.choice([1, 4]),
            max_length=None if form == "auto" else chance.randint(5, 60),
            seed=number,
        )
        one, heard = order(model, couplet, own, form, masks)
        engine.submit(one)
        asked.append((couplet, form, own, heard))
        if chance.random() < 0.3:
            time.sleep(0.01)
        if chance.random() < 0.2:
            gone, _ = order(model, couplet, own, form, masks)
            engine.submit(gone)
            engine.cancel(gone)
    for couplet, form, own, heard in asked:
        rules = rules_for(couplet, VerseSettings(form=form))
        kept = Constraint(rules, masks) if rules else None
        [alone] = complete(model, "plain", [couplet], own, constraints=[kept])
        assert texts(heard, own.candidates) == [poem.text for poem in alone]
    engine.close(10)


@pytest.mark.parametrize("exact", [False, True], ids=["graph", "packed"])
@pytest.mark.parametrize("others", [0, 1, 5, 20])
def test_logits_are_the_same_bits_whoever_is_beside(
    gemma: LanguageModel, others: int, exact: bool
) -> None:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN, which gives rows that do not depend on others")
    model = made_ready(replace(gemma, network=copy.deepcopy(gemma.network)), exact)
    assert (model.graph is None) == exact

    def trace(beside: int) -> list[torch.Tensor]:
        batch = Batch(model, "plain")
        settings = DecodeSettings(temperature=1, top_p=1, max_length=70)
        one = Candidate("空山新雨後，天氣晚來秋。", 0, None, settings, 40)
        long = "朝辭白帝彩雲間，千里江陵一日還。"
        more = [
            Candidate([long, "床前明月光，疑是地上霜。"][n % 2], n, None, settings, 70)
            for n in range(beside)
        ]
        batch.join([*more[: beside // 2], one, *more[beside // 2 :]])
        seen = []
        for step in range(40):
            if one not in batch.candidates:
                break
            seen.append(batch._logits[one.particles[0].row].clone())
            batch.step()
            if beside and step == 3:
                batch.join([Candidate(long, 90, None, settings, 70)])
        return seen

    alone, beside = trace(0), trace(others)
    assert len(alone) == len(beside) > 5
    assert all(torch.equal(one, other) for one, other in zip(alone, beside, strict=True))


def test_what_grew_is_what_ended(model: LanguageModel) -> None:
    engine = Engine({"tiny": (model, "plain")})
    settings = SETTINGS.model_copy(update={"particles": 4, "candidates": 3, "max_length": None})
    one, heard = order(model, COUPLETS[0], settings, "auto", top=3)
    engine.submit(one)
    tokens: dict[int, list[Any]] = {0: [], 1: [], 2: []}
    ended: dict[int, Any] = {}
    while len(ended) < 3:
        event = heard.get(timeout=30)
        tokens[event.number] += event.tokens
        if isinstance(event, Ended):
            ended[event.number] = event.completion
        else:
            assert isinstance(event, Grown)
            data = b"".join(token.data for token in tokens[event.number])
            assert event.draft.encode().startswith(data[: len(event.draft.encode())])
    for number, poem in ended.items():
        assert b"".join(token.data for token in tokens[number]).decode() == poem.text
        assert sum(token.logprob for token in tokens[number]) == pytest.approx(poem.logprob)
        assert all(len(token.top) == 3 for token in tokens[number])
    engine.close(10)


def test_a_full_queue_is_refused_and_the_others_go_on(model: LanguageModel) -> None:
    engine = Engine({"tiny": (model, "plain")}, rows=1, queue=3)
    taken = []
    with pytest.raises(FullError):
        for number in range(100):
            one, heard = order(model, COUPLETS[number % 6])
            engine.submit(one)
            taken.append(heard)
    assert len(taken) >= 3
    assert all(len(texts(heard)) == 1 for heard in taken)
    engine.close(10)


def test_a_cancelled_order_leaves_at_once(model: LanguageModel) -> None:
    engine = Engine({"tiny": (model, "plain")})
    endless = DecodeSettings(max_length=4000, temperature=1, top_p=1)
    one, heard = order(model, COUPLETS[0], endless)
    engine.submit(one)
    heard.get(timeout=30)
    engine.cancel(one)
    while engine.rows:
        time.sleep(0.005)
    # It had thousands of tokens to go.
    assert not any(isinstance(event, Ended) for event in list(heard.queue))
    engine.close(1)


def test_one_that_leaves_from_the_middle_disturbs_nobody(model: LanguageModel) -> None:
    engine = Engine({"tiny": (model, "plain")})
    settings = DecodeSettings(max_length=300, temperature=2, top_p=1, seed=4)
    orders = [order(model, couplet, settings) for couplet in COUPLETS]
    expected = complete(model, "plain", COUPLETS, settings)
    for one, heard in orders:
        engine.submit(one)
        heard.get(timeout=30)
    engine.cancel(orders[0][0])
    engine.cancel(orders[2][0])
    for number in (1, 3, 4, 5):
        assert texts(orders[number][1]) == [expected[number][0].text]
    engine.close(10)


def test_a_text_ends_the_poem_where_it_comes(model: LanguageModel) -> None:
    settings = DecodeSettings(temperature=1, top_p=1, max_length=60, seed=3)
    [[whole]] = complete(model, "plain", COUPLETS[:1], settings)
    end = whole.text[4:6]
    engine = Engine({"tiny": (model, "plain")})
    one, heard = order(model, COUPLETS[0], settings, until=("never", end))
    engine.submit(one)
    assert texts(heard) == [whole.text[: whole.text.index(end)]]
    engine.close(10)


def test_what_breaks_fails_its_own_model_only(model: LanguageModel) -> None:
    broken = tiny.model(1)
    engine = Engine({"tiny": (model, "plain"), "broken": (broken, "plain")})
    broken.network.model.layers[0].mlp.gate_proj = None
    bad, heard_bad = order(broken, COUPLETS[0])
    bad.model = "broken"
    good, heard_good = order(model, COUPLETS[0])
    engine.submit(bad)
    engine.submit(good)
    event = heard_bad.get(timeout=30)
    assert isinstance(event, Failed) and isinstance(event.error, TypeError)
    # The same in the middle of a poem.
    broken.network.model.layers[0].mlp.gate_proj = torch.nn.Linear(32, 64)
    other, heard_other = order(broken, COUPLETS[0], DecodeSettings(max_length=4000, top_p=1))
    other.model = "broken"
    engine.submit(other)
    assert isinstance(heard_other.get(timeout=30), Grown)
    broken.network.model.layers[0].mlp.gate_proj = None
    while isinstance(event := heard_other.get(timeout=30), Grown):
        pass
    assert isinstance(event, Failed)
    assert texts(heard_good)
    engine.close(10)


def test_close_ends_what_it_can_and_fails_the_rest(model: LanguageModel) -> None:
    engine = Engine({"tiny": (model, "plain")})
    short, heard = order(model, COUPLETS[0])
    endless, heard_endless = order(
        model, COUPLETS[1], DecodeSettings(max_length=4096, temperature=0)
    )
    engine.submit(short)
    engine.submit(endless)
    engine.close(2)
    assert not engine.alive
    assert texts(heard)
    while not isinstance(event := heard_endless.get(timeout=5), Failed):
        if isinstance(event, Ended):
            pytest.fail("4,096 tokens in 2 seconds")
    assert isinstance(event.error, ClosedError)
    with pytest.raises(ClosedError):
        engine.submit(short)
    with pytest.raises(ClosedError):
        engine.compute(lambda: 1)


def test_functions_run_in_the_engines_thread(model: LanguageModel) -> None:
    engine = Engine({"tiny": (model, "plain")})
    assert engine.compute(lambda: threading.current_thread().name).result(10) == "engine"
    with pytest.raises(ZeroDivisionError):
        engine.compute(lambda: 1 // 0).result(10)

    def computed(number: int) -> int:
        return engine.compute(lambda: number).result(10)

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(computed, n) for n in range(50)]
    assert [future.result() for future in futures] == list(range(50))
    engine.close(1)


def test_functions_do_not_keep_poems_waiting(model: LanguageModel) -> None:
    engine = Engine({"tiny": (model, "plain")}, queue=200)
    done: list[int] = []

    def task() -> None:
        time.sleep(0.01)
        done.append(1)

    for _ in range(200):
        engine.compute(task)
    with pytest.raises(FullError):
        for _ in range(200):
            engine.compute(task)
    one, heard = order(model, COUPLETS[0], DecodeSettings(max_length=10))
    engine.submit(one)
    assert texts(heard)
    assert len(done) < 100
    engine.close(10)


def test_orders_take_turns(model: LanguageModel) -> None:
    # One that asks for very much does not keep others out until all of it is written.
    engine = Engine({"tiny": (model, "plain")}, rows=8)
    much = DecodeSettings(candidates=64, max_length=30, temperature=2, top_p=1)
    wide, heard_wide = order(model, COUPLETS[0], much)
    few, heard_few = order(model, COUPLETS[1], DecodeSettings(candidates=2, max_length=30))
    engine.submit(wide)
    engine.submit(few)
    assert len(texts(heard_few, 2)) == 2
    assert sum(isinstance(event, Ended) for event in list(heard_wide.queue)) < 40
    assert len(texts(heard_wide, 64)) == 64
    engine.close(10)


def test_a_full_model_does_not_keep_another_waiting(model: LanguageModel) -> None:
    engine = Engine({"tiny": (model, "plain"), "other": (tiny.model(1), "plain")}, rows=2)
    endless = DecodeSettings(candidates=6, max_length=2000, temperature=2, top_p=1)
    busy, _ = order(model, COUPLETS[0], endless)
    engine.submit(busy)
    quick, heard = order(model, COUPLETS[1], DecodeSettings(max_length=5))
    quick.model = "other"
    engine.submit(quick)
    assert texts(heard)
    assert engine.rows
    engine.cancel(busy)
    engine.close(10)

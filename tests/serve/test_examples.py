"""What the server has of the corpus: from any thread, and never by a download."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from lianju.corpus import cache, line_keys
from lianju.corpus import test_set as homework_tests
from lianju.corpus.homework import homework_ids
from lianju.corpus.sources import cached_large
from lianju.serve import create_app, examples
from lianju.verse import lines_of, opening
from lianju.writer import find_known
from tests.serve.library import POEM, one_poem
from tests.serve.running import open_service


@pytest.fixture
def no_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIANJU_CACHE", str(tmp_path))
    monkeypatch.setattr(examples, "_unseen", examples._unseen.__wrapped__)
    return cache.poems_dir()


def test_without_the_corpus_nothing_is_fetched_and_each_answer_says_so_once(
    no_corpus: Path,
) -> None:
    client = TestClient(create_app(open_service()))
    body = {"couplet": "白日依山盡，黃河入海流。", "prefix": "欲窮千里目，", "n": 2, "seed": 1}
    answer = client.post("/v1/poems", json=body).json()
    assert not any(line["copied"] for poem in answer["poems"] for line in poem["lines"])
    assert len(answer["notes"]) == 1 and "corpus" in answer["notes"][0]
    checked = client.post("/v1/check", json={"text": "欲窮千里目，更上一層樓。"}).json()
    assert checked["notes"] == answer["notes"]
    assert set(client.get("/v1/examples?count=50").json()["couplets"]) == set(examples.FAMOUS)
    assert not no_corpus.exists()


def test_known_lines_are_found_from_any_thread(tmp_path: Path) -> None:
    with one_poem(tmp_path):
        found_by_four_threads()


def found_by_four_threads() -> None:
    find = find_known()
    assert find
    barrier = threading.Barrier(4)

    def found(_: int) -> list[str]:
        barrier.wait(10)
        return [poem.title for _ in range(50) for poem in find("欲窮千里目")]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(found, range(4))) == [[POEM.title] * 50] * 4
    assert find("山山山山山") == []


def test_famous_examples_open_regulated_verse_and_differ(no_corpus: Path) -> None:
    assert len(set(examples.some_openings(6))) == 6
    assert sorted(examples.some_openings(50)) == sorted(examples.FAMOUS)
    assert all(map(opens, examples.FAMOUS))


def opens(couplet: str) -> bool:
    found = opening(lines_of(couplet))
    return not found.faults and not found.rare


def test_examples_are_of_poems_that_no_recipe_trains_on() -> None:
    try:
        large = cached_large()
    except cache.UnavailableError:
        pytest.skip("the corpus has not been fetched: lianju run fetches it")
    homework = set(homework_ids())
    trained = set().union(*(line_keys(poem.text) for poem in large if poem.id in homework))
    couplets = [*examples.some_openings(500), *examples.FAMOUS]
    assert len(couplets) > 300 and all(map(opens, couplets))
    assert not any(line_keys(couplet) & trained for couplet in couplets)
    assert set(examples.some_openings(6)) != set(examples.some_openings(6))


def test_famous_examples_are_none_of_the_tests_and_stand_among_the_others() -> None:
    tests = set().union(*(line_keys(example.couplet) for example in homework_tests()))
    assert not any(line_keys(couplet) & tests for couplet in examples.FAMOUS)
    first, *others = examples.some_openings(3)
    assert first in examples.FAMOUS and len({first, *others}) == 3

"""Particles weighed, couplet by couplet, by what a poet would say of them."""

import math
from collections.abc import Sequence

import pytest

from lianju.config import DecodeSettings
from lianju.decode import Masks, candidate, complete
from lianju.decode.candidate import Candidate
from lianju.decode.generate import prefix_ids
from lianju.decode.particles import Token
from lianju.ranking import log_odds
from lianju.verse import lines_of
from tests import tiny
from tests.decode.grammar import LEGAL, POEMS, constraint

COUNT = 60


def written(taste: float, particles: int = 8, lines: int = 4) -> list[Sequence[str]]:
    model = tiny.model()
    rules = constraint(LEGAL[0], Masks(model.vocabulary), lines=lines)
    settings = DecodeSettings(
        top_p=1, particles=particles, taste=taste, candidates=COUNT if lines == 4 else 10
    )
    [poems] = complete(model, "plain", LEGAL[:1], settings, constraints=[rules])
    return [lines_of(poem.couplet + poem.text) for poem in poems]


def odd(lines: Sequence[str]) -> bool:
    """About half of all poems are."""
    return bool(sum(map(ord, "".join(lines))) % 2)


def test_what_is_rated_higher_is_written_oftener(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def oddly(couplet: Sequence[str], lines: Sequence[str], last: int) -> float:
        seen.append((len(couplet), len(lines), last))
        return math.log(99) * odd(lines)

    def share(taste: float) -> float:
        return sum(odd(poem[2:]) for poem in written(taste)) / COUNT

    monkeypatch.setattr(candidate, "log_odds", oddly)
    assert 0.3 < share(0) < 0.7
    assert not seen  # nothing is asked where nothing comes of it
    # Odds of 1 become odds of 99, as far as eight particles reach.
    assert share(1) > 0.75
    assert set(seen) == {(2, 2, 4)}


def test_every_couplet_is_weighed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()

    def remembering(couplet: Sequence[str], lines: Sequence[str], last: int) -> float:
        seen.add((len(lines), last))
        return log_odds(couplet, lines, last)

    monkeypatch.setattr(candidate, "log_odds", remembering)
    written(1, particles=2, lines=8)
    assert seen == {(2, 8), (4, 8), (6, 8)}


def test_a_poem_that_stops_early_is_weighed_as_a_whole() -> None:
    model = tiny.model()
    rules = constraint(LEGAL[0], Masks(model.vocabulary))
    made = Candidate(LEGAL[0], 0, rules, DecodeSettings(particles=2), 128)
    poem = lines_of(POEMS[0])
    shorter, longer = made.particles
    for particle in made.particles:
        for token in prefix_ids(model, POEMS[0][len(LEGAL[0]) :]):
            particle.write(Token(token, b"", 0.0), 0.0, model.vocabulary.stops)
    made.rate(model.vocabulary)
    assert shorter.weight == longer.weight == log_odds(poem[:2], poem[2:], 8)
    stop = next(iter(model.vocabulary.stops))
    shorter.write(Token(stop, b"", 0.0), 0.0, model.vocabulary.stops)
    for _ in range(2):
        made.rate(model.vocabulary)
        assert shorter.weight == pytest.approx(log_odds(poem[:2], poem[2:]))
        assert longer.weight == log_odds(poem[:2], poem[2:], 8) != shorter.weight


def test_nothing_is_weighed_where_nothing_comes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(couplet: Sequence[str], lines: Sequence[str], last: int) -> float:
        raise AssertionError((couplet, lines, last))

    monkeypatch.setattr(candidate, "log_odds", refusing)
    assert written(1, particles=1)
    # Lines of four characters have rules, but no rating.
    model = tiny.model()
    rules = constraint("山雨新秋，氣晚天流。", Masks(model.vocabulary))
    settings = DecodeSettings(top_p=1, particles=4)
    [[poem]] = complete(model, "plain", ["山雨新秋，氣晚天流。"], settings, constraints=[rules])
    assert {len(line) for line in lines_of(poem.text)} == {4}


def test_the_odds_of_what_is_written_rises_with_taste() -> None:
    means = [
        sum(log_odds(poem[:2], poem[2:]) for poem in written(taste)) / COUNT for taste in (0, 1)
    ]
    assert means[1] > means[0]

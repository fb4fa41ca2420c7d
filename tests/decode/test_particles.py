"""Constrained generation, with one poem or several particles for each candidate."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from lianju.config import DecodeSettings
from lianju.decode import Candidate, Completion, Constraint, Masks, complete
from lianju.decode.particles import Particle, Token
from lianju.errors import UserError
from lianju.model import LanguageModel, Vocabulary
from lianju.prompt import render
from lianju.verse import check
from tests import tiny
from tests.decode.grammar import ILLEGAL, LEGAL, constraint

SAMPLINGS: list[dict[str, Any]] = [
    {"temperature": 0},
    {"temperature": 0.1},
    {"temperature": 0.8},
    {"temperature": 1.5, "top_p": 1},
    {"top_k": 1},
    {"top_p": 0.1},
    {"temperature": 1, "repetition_penalty": 5},
]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny.model()


@pytest.fixture(scope="module")
def masks(model: LanguageModel) -> Masks:
    return Masks(model.vocabulary)


def rules(masks: Masks, couplets: Sequence[str] = LEGAL, **verse: Any) -> list[Constraint]:
    return [constraint(couplet, masks, **verse) for couplet in couplets]


@pytest.mark.parametrize("particles", [1, 4])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_every_completion_is_regular_whatever_the_sampling(
    model: LanguageModel, masks: Masks, sampling: dict[str, Any], particles: int
) -> None:
    settings = DecodeSettings(**sampling, particles=particles)
    groups = complete(model, "plain", LEGAL, settings, constraints=rules(masks, lines=4))
    for couplet, [item] in zip(LEGAL, groups, strict=True):
        verdict = check(couplet + item.text)
        assert verdict.regular and verdict.form in ("wujue", "qijue"), item
        assert item.finish == "stop" and item.allowed < 0


@pytest.mark.parametrize("sampling", [{"temperature": 0}, {"temperature": 1.5, "particles": 3}])
def test_the_real_model_writes_all_forms(gemma: LanguageModel, sampling: dict[str, Any]) -> None:
    masks = Masks(gemma.vocabulary)
    asked = [(LEGAL[0], "wujue"), (LEGAL[2], "wulü"), (LEGAL[3], "qijue")]
    lines = {"wujue": 4, "qijue": 4, "wulü": 8}
    constraints = [constraint(couplet, masks, lines=lines[form]) for couplet, form in asked]
    couplets = [couplet for couplet, _ in asked]
    settings = DecodeSettings(**sampling)
    groups = complete(gemma, "plain", couplets, settings, constraints=constraints)
    for (couplet, form), [item] in zip(asked, groups, strict=True):
        verdict = check(couplet + item.text)
        assert verdict.regular and verdict.form == form and item.finish == "stop"


def test_a_length_that_is_too_short_is_refused_with_what_is_needed(
    model: LanguageModel, masks: Masks
) -> None:
    [heron] = rules(masks, LEGAL[:1], lines=4)
    needed = heron.longest()
    settings = DecodeSettings(max_length=needed)
    [[item]] = complete(model, "plain", LEGAL[:1], settings, constraints=[heron])
    assert item.finish == "stop"
    short = DecodeSettings(max_length=needed - 1)
    with pytest.raises(UserError, match=rf"{needed - 1} is too short: .* need {needed} tokens"):
        complete(model, "plain", LEGAL[:1], short, constraints=[heron])


@pytest.mark.parametrize("particles", [1, 4])
def test_a_poem_does_not_depend_on_what_else_is_asked(
    model: LanguageModel, masks: Masks, particles: int
) -> None:
    """Other couplets, with other rules or none, in the same batch."""
    settings = DecodeSettings(temperature=1, top_p=1, particles=particles, seed=3, candidates=2)
    couplets = [LEGAL[0], ILLEGAL[0], LEGAL[3], LEGAL[1]]
    constraints = [
        *rules(masks, couplets[:1], lines=4),
        *rules(masks, couplets[1:2]),
        None,
        *rules(masks, couplets[3:], lines=6),
    ]
    together = complete(model, "plain", couplets, settings, constraints=constraints)
    for couplet, kept, group in zip(couplets, constraints, together, strict=True):
        [alone] = complete(model, "plain", [couplet], settings, constraints=[kept])
        assert [item.text for item in alone] == [item.text for item in group]
        assert len({item.text for item in group}) == 2
        for one, other in zip(alone, group, strict=True):
            assert abs(one.logprob - other.logprob) < 1e-3
            assert abs(one.allowed - other.allowed) < 1e-3
    assert all(item.allowed == 0 for item in together[2])


def test_free_and_constrained_rows_go_together(model: LanguageModel, masks: Masks) -> None:
    settings = DecodeSettings(temperature=1, top_p=1, max_length=80)
    couplets = list(LEGAL[:3])
    constraints = [None, *rules(masks, couplets[1:2], lines=4), None]
    mixed = complete(model, "plain", couplets, settings, constraints=constraints)
    free = complete(model, "plain", couplets, settings)
    assert [g[0].text for g in mixed][::2] == [g[0].text for g in free][::2]
    assert check(couplets[1] + mixed[1][0].text).regular
    assert not check(couplets[1] + free[1][0].text).regular


@dataclass
class Written:
    """The token ids of each completion, in the order in which they ended."""

    ids: list[list[int]] = field(default_factory=list)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    seen, decode = Written(), Vocabulary.decode

    def spy(vocabulary: Vocabulary, ids: list[int]) -> str:
        seen.ids += [list(ids)] if ids else []
        return decode(vocabulary, ids)

    monkeypatch.setattr(Vocabulary, "decode", spy)
    yield seen


def recomputed(
    model: LanguageModel, kept: Constraint, couplet: str, ids: list[int], temperature: float
) -> tuple[float, float]:
    """Log-probability and allowed mass of a completion, by one pass over the whole of it."""
    prompt = render("plain", model.vocabulary, couplet)
    with torch.inference_mode():
        logits = model.network(input_ids=torch.tensor([prompt + ids])).logits[0].double()
    logits = logits[len(prompt) - 1 : -1]
    logprob = float(logits.log_softmax(-1)[range(len(ids)), ids].sum())
    allowed, state = 0.0, kept.start
    scaled = (logits / temperature).log_softmax(-1)
    for row, token in zip(scaled, ids, strict=True):
        mask = torch.from_numpy(np.flatnonzero(kept.mask(state)))
        allowed += float(row[mask].logsumexp(-1))
        if token != model.vocabulary.stop:
            after = kept.advance(state, token)
            assert after is not None
            state = after
    return logprob, allowed


@pytest.mark.parametrize("particles", [1, 4, 16])
def test_scores_are_those_of_the_tokens_whatever_was_copied(
    model: LanguageModel,
    masks: Masks,
    particles: int,
    written: Written,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A particle that had another's state, cache or words after resampling would show here."""
    drawn: list[bool] = []
    resample = Candidate.resample

    def spy(candidate: Candidate) -> None:
        before = list(candidate.particles)
        resample(candidate)
        drawn.append(before != candidate.particles)

    monkeypatch.setattr(Candidate, "resample", spy)
    settings = DecodeSettings(temperature=0.7, top_p=0.95, particles=particles)
    for couplet in LEGAL[:4]:
        [kept] = rules(masks, [couplet])
        [[item]] = complete(model, "plain", [couplet], settings, constraints=[kept])
        logprob, allowed = recomputed(model, kept, couplet, written.ids[-1], 0.7)
        assert abs(item.logprob - logprob) < 1e-3
        assert abs(item.allowed - allowed) < 1e-3
        assert item.tokens == len(written.ids[-1])
    assert any(drawn) == (particles > 1)


def test_particles_are_poems_that_the_rules_forced_less(model: LanguageModel, masks: Masks) -> None:
    couplets = LEGAL[:3]
    kept = rules(masks, couplets, lines=4)
    means = []
    for particles in (1, 8):
        settings = DecodeSettings(
            top_p=1, repetition_penalty=1, taste=0, particles=particles, candidates=12
        )
        groups = complete(model, "plain", couplets, settings, constraints=kept)
        means.append(np.mean([item.allowed for group in groups for item in group]))
    assert means[1] > means[0] + 1


def candidate(masks: Masks, weights: Sequence[float]) -> Candidate:
    """A candidate whose particles have these weights, each with words of its own."""
    [kept] = rules(masks, LEGAL[:1])
    made = Candidate(LEGAL[0], 0, kept, DecodeSettings(particles=len(weights)), limit=9)
    for number, (particle, weight) in enumerate(zip(made.particles, weights, strict=True)):
        particle.weight, particle.row, particle.written = weight, number, [number]
        particle.logprob = particle.allowed = float(-number)
    return made


def test_even_weights_are_left_alone(masks: Masks) -> None:
    made = candidate(masks, [math.log(w) for w in (3, 2, 2, 1)])
    before = list(made.particles)
    made.resample()
    assert all(one is other for one, other in zip(made.particles, before, strict=True))


def test_uneven_weights_are_drawn_in_proportion(masks: Masks) -> None:
    shares = [0.02, 0.72, 0.01, 0.02, 0.03, 0.15, 0.02, 0.03]
    # The effective number, 1 / sum of squares, is 1.8 of 8; only differences of weights count.
    made = candidate(masks, [math.log(share) - 1000 for share in shares])
    made.resample()
    times = Counter(particle.written[0] for particle in made.particles)
    for number, share in enumerate(shares):
        assert math.floor(8 * share) <= times[number] <= math.ceil(8 * share)
    assert [particle.slot for particle in made.particles] == list(range(8))
    for particle in made.particles:
        number = particle.written[0]
        assert particle.weight == 0 and particle.row == number
        assert particle.logprob == particle.allowed == -number
    copies = [particle for particle in made.particles if particle.written == [1]]
    copies[0].written.append(7)
    assert all(copy.written == [1] for copy in copies[1:])


def test_the_one_that_is_kept_is_drawn_by_its_weight(masks: Masks) -> None:
    made = candidate(masks, [math.log(w) for w in (6, 3, 1, 0.001)])
    times = Counter(made.choose().written[0] for _ in range(2000))
    assert times[3] < 10
    assert abs(times[0] - 1200) < 80 and abs(times[1] - 600) < 80


def test_without_rules_or_chance_there_is_nothing_to_choose_from(masks: Masks) -> None:
    several = DecodeSettings(particles=4)
    [kept] = rules(masks, LEGAL[:1])
    assert len(Candidate("", 0, kept, several, 9).particles) == 4
    assert len(Candidate("", 0, None, several, 9).particles) == 1
    greedy = several.model_copy(update={"temperature": 0.0})
    assert len(Candidate("", 0, kept, greedy, 9).particles) == 1


def test_a_token_that_the_mask_rules_out_cannot_be_written(masks: Masks) -> None:
    [kept] = rules(masks, LEGAL[:1])
    [comma] = masks.vocabulary.spell("，")
    particle = Particle(kept, kept.start)
    with pytest.raises(AssertionError, match="ruled out"):
        particle.write(Token(comma, "，".encode(), 0.0), 0.0, masks.vocabulary.stops)


def test_completions_without_rules_allow_everything(model: LanguageModel) -> None:
    settings = DecodeSettings(temperature=1, max_length=20, particles=4)
    items: list[Completion] = complete(model, "plain", LEGAL[:1], settings)[0]
    assert items[0].allowed == 0

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from lianju.config import DecodeSettings
from lianju.decode import distribution, draw, penalize, temper, top_k, top_p

SIZE = 50
IDS = torch.zeros(1, 1, dtype=torch.long)
seeds = st.integers(0, 10_000)


def _logits(seed: int, rows: int = 4) -> torch.Tensor:
    return 4 * torch.randn(rows, SIZE, generator=torch.Generator().manual_seed(seed))


@given(seeds, st.floats(0.05, 10))
def test_temperature_equals_transformers(seed: int, temperature: float) -> None:
    logits = _logits(seed)
    assert torch.equal(
        temper(logits, temperature), TemperatureLogitsWarper(temperature)(IDS, logits)
    )


@given(seeds, st.integers(1, 2 * SIZE))
def test_top_k_equals_transformers(seed: int, k: int) -> None:
    logits = _logits(seed)
    assert torch.equal(top_k(logits, k), TopKLogitsWarper(k)(IDS, logits))


@given(seeds, st.floats(0.01, 0.999))
def test_top_p_equals_transformers(seed: int, p: float) -> None:
    logits = _logits(seed)
    assert torch.equal(top_p(logits, p), TopPLogitsWarper(p)(IDS, logits))


@given(seeds, st.floats(1, 10), st.lists(st.integers(0, SIZE - 1), min_size=1))
def test_the_repetition_penalty_equals_transformers(
    seed: int, penalty: float, ids: list[int]
) -> None:
    logits = _logits(seed, rows=1)
    seen = torch.zeros(1, SIZE, dtype=torch.bool)
    seen[0, ids] = True
    theirs = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([ids]), logits.clone())
    assert torch.equal(penalize(logits, seen, penalty), theirs)


@settings(max_examples=50)
@given(
    seeds,
    st.builds(
        DecodeSettings,
        temperature=st.floats(0.1, 3),
        top_k=st.integers(0, SIZE),
        top_p=st.floats(0.05, 1),
        repetition_penalty=st.floats(1, 3),
    ),
)
def test_the_whole_chain_equals_transformers(seed: int, chosen: DecodeSettings) -> None:
    logits, ids = _logits(seed, rows=1), torch.tensor([[3, 4, 5]])
    seen = torch.zeros(1, SIZE, dtype=torch.bool)
    seen[0, ids[0]] = True
    theirs = RepetitionPenaltyLogitsProcessor(chosen.repetition_penalty)(ids, logits.clone())
    theirs = TemperatureLogitsWarper(chosen.temperature)(ids, theirs)
    if chosen.top_k:
        theirs = TopKLogitsWarper(chosen.top_k)(ids, theirs)
    if chosen.top_p < 1:
        theirs = TopPLogitsWarper(chosen.top_p)(ids, theirs)
    torch.testing.assert_close(distribution(logits, seen, chosen), theirs.softmax(-1))


def test_temperature_zero_is_greedy() -> None:
    logits = _logits(1)
    got = distribution(
        logits, torch.zeros(4, SIZE, dtype=torch.bool), DecodeSettings(temperature=0)
    )
    assert torch.equal(draw(got, torch.rand(4)), logits.argmax(-1))


@given(seeds, st.floats(0, 1, exclude_max=True, width=32))
def test_a_token_that_is_ruled_out_is_never_drawn(seed: int, chance: float) -> None:
    probabilities = top_k(_logits(seed), 3).softmax(-1)
    drawn = draw(probabilities, torch.full((4,), chance))
    assert (probabilities.gather(-1, drawn.unsqueeze(-1)) > 0).all()


def test_draws_follow_the_probabilities() -> None:
    probabilities = torch.tensor([0.0, 0.5, 0.2, 0.0, 0.3])
    chances = (torch.arange(1000) + 0.5) / 1000
    drawn = draw(probabilities.expand(1000, 5), chances)
    assert torch.bincount(drawn, minlength=5).tolist() == [0, 500, 200, 0, 300]


@pytest.mark.parametrize(
    "bad",
    [
        {"temperature": -1},
        {"temperature": float("inf")},
        {"top_k": -1},
        {"top_p": 0},
        {"top_p": 1.01},
        {"max_length": 0},
        {"repetition_penalty": 0.5},
        {"candidates": 0},
        {"seed": -1},
    ],
)
def test_values_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        DecodeSettings.model_validate(bad)

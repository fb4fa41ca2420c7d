import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    GenerationConfig,
    GenerationMixin,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from lianju.config import DecodeSettings
from lianju.decode import (
    distribution,
    draw,
    entropy,
    min_p,
    penalize,
    stages,
    temper,
    top_k,
    top_p,
    typical,
)
from tests import tiny

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


@given(seeds, st.floats(0, 1))
def test_min_p_equals_transformers(seed: int, p: float) -> None:
    logits = _logits(seed)
    assert torch.equal(min_p(logits, p), MinPLogitsWarper(p)(IDS, logits))


@given(seeds, st.floats(0.01, 0.999), st.booleans())
def test_typical_equals_transformers(seed: int, p: float, cut: bool) -> None:
    logits = top_k(_logits(seed), 7) if cut else _logits(seed)
    assert torch.equal(typical(logits, p), TypicalLogitsWarper(p)(IDS, logits))


def test_each_cut_on_probabilities_worked_out_by_hand() -> None:
    """0.5, 0.3, 0.1, 0.06, 0.04, whose entropy is 1.245: nearest to it is 0.3 (1.204), then 0.5
    (0.693), then 0.1 (2.303). Ties stay together.
    """
    logits = torch.tensor([[0.5, 0.3, 0.1, 0.06, 0.04]]).log()

    def kept(cut: torch.Tensor) -> list[int]:
        return cut.isfinite()[0].nonzero().flatten().tolist()

    assert kept(top_k(logits, 2)) == [0, 1] and kept(top_p(logits, 0.85)) == [0, 1, 2]
    assert kept(min_p(logits, 0.15)) == [0, 1, 2] and kept(min_p(logits, 1)) == [0]
    assert kept(typical(logits, 0.2)) == [1] and kept(typical(logits, 0.75)) == [0, 1]
    assert kept(typical(logits, 0.85)) == [0, 1, 2]
    even = torch.zeros(1, 4)
    assert kept(top_k(even, 1)) == kept(min_p(even, 1)) == kept(typical(even, 0.1)) == [0, 1, 2, 3]


def test_entropy_by_hand() -> None:
    """Eight equal choices: 3 bits. A half and two quarters: 1.5 bits. One choice: none."""
    rows = torch.zeros(3, 8)
    rows[0], rows[1, :3], rows[2, 5] = 1 / 8, torch.tensor([0.5, 0.25, 0.25]), 1
    assert (entropy(rows) / math.log(2)).tolist() == pytest.approx([3, 1.5, 0])


@given(seeds, st.floats(1, 10), st.lists(st.integers(0, SIZE - 1), min_size=1))
def test_the_repetition_penalty_equals_transformers(
    seed: int, penalty: float, ids: list[int]
) -> None:
    logits = _logits(seed, rows=1)
    seen = torch.zeros(1, SIZE, dtype=torch.bool)
    seen[0, ids] = True
    theirs = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([ids]), logits.clone())
    assert torch.equal(penalize(logits, seen, penalty), theirs)


chains = st.builds(
    DecodeSettings,
    temperature=st.floats(0.1, 3),
    top_k=st.integers(0, SIZE),
    top_p=st.floats(0.05, 1),
    min_p=st.sampled_from([0.0, 0.05, 0.3]),
    typical_p=st.floats(0.3, 1),
    repetition_penalty=st.floats(1, 3),
)


@pytest.fixture(scope="module")
def generating() -> GenerationMixin:
    network = tiny.model().network
    assert isinstance(network, GenerationMixin)
    return network


@settings(max_examples=100)
@given(seeds, chains)
def test_the_whole_chain_equals_transformers(
    generating: GenerationMixin, seed: int, chosen: DecodeSettings
) -> None:
    """In the order in which `generate` itself puts them, with tokens that rules forbid."""
    logits, ids = _logits(seed, rows=1), torch.tensor([[3, 4, 5]])
    seen, allowed = torch.zeros(2, 1, SIZE, dtype=torch.bool)
    seen[0, ids[0]] = True
    allowed[0, ::2] = True
    names = ("temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty")
    config = GenerationConfig(
        do_sample=True, num_beams=1, **{name: getattr(chosen, name) for name in names}
    )
    theirs = generating._get_logits_processor(
        config,
        input_ids_seq_length=3,
        prefix_allowed_tokens_fn=lambda *_: list(range(0, SIZE, 2)),
    )(ids, logits.clone())
    ours = distribution(torch.where(allowed, logits, -torch.inf), seen, chosen)
    torch.testing.assert_close(ours, theirs.softmax(-1))


@given(seeds, chains, st.booleans(), st.booleans())
def test_the_stages_are_the_distribution_step_by_step(
    seed: int, chosen: DecodeSettings, ruled: bool, greedy: bool
) -> None:
    logits = _logits(seed)
    seen, allowed = torch.zeros(2, 4, SIZE, dtype=torch.bool)
    seen[:, :9] = True
    allowed[:, ::3] = True
    if greedy:
        chosen = chosen.model_copy(update={"temperature": 0.0})
    every = stages(logits, allowed if ruled else None, seen, chosen)
    assert torch.equal(every[0].probabilities, logits.double().softmax(-1))
    left = torch.where(allowed, logits, -torch.inf) if ruled else logits
    final = distribution(left, seen, chosen)
    torch.testing.assert_close(every[-1].probabilities.float(), final)
    assert torch.equal(every[-1].left, final > 0)
    off = DecodeSettings(temperature=1, top_p=1, repetition_penalty=1)
    names = ["repetition_penalty", "temperature", "top_k", "top_p", "min_p", "typical_p"]
    on = [name for name in names if getattr(chosen, name) != getattr(off, name)]
    on = on[: on.index("temperature") + 1] if greedy else on
    assert [stage.name for stage in every] == ["raw", *(["rules"] if ruled else []), *on]
    for before, after in pairwise(every):
        assert not (after.left & ~before.left).any(), "what is cut stays cut"
        assert not after.probabilities[~after.left].any()
        torch.testing.assert_close(after.probabilities.sum(-1), torch.ones(4).double())


def test_temperature_rules_nothing_out_where_its_probabilities_vanish() -> None:
    """At 0.1, 40 less of logit is e^-400: nothing in single precision, something in double."""
    logits, seen = torch.tensor([[0.0, -1.0, -40.0]]), torch.zeros(1, 3, dtype=torch.bool)
    chosen = DecodeSettings(temperature=0.1, top_p=0.3, repetition_penalty=1)
    _, cold, nucleus = stages(logits, None, seen, chosen)
    assert distribution(logits, seen, chosen.model_copy(update={"top_p": 1.0}))[0, 2] == 0
    assert cold.left.all() and cold.probabilities[0, 2] > 0
    assert nucleus.left.tolist() == [[True, False, False]]
    coldest = stages(
        logits, None, seen, chosen.model_copy(update={"temperature": 0.001, "top_p": 1.0})
    )[-1]
    assert coldest.left.all() and coldest.probabilities[0, 2] == 0


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
        {"min_p": -0.1},
        {"min_p": 1.1},
        {"typical_p": 0},
        {"typical_p": 1.1},
        {"max_length": 0},
        {"repetition_penalty": 0.5},
        {"candidates": 0},
        {"seed": -1},
    ],
)
def test_values_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        DecodeSettings.model_validate(bad)


def test_a_nucleus_is_never_empty() -> None:
    logits = torch.randn(3, 2000)
    for p in (5e-324, 1e-30, 1e-7):
        kept = top_p(logits, p)
        assert (kept > float("-inf")).sum(dim=-1).tolist() == [1, 1, 1]
        assert kept.argmax(dim=-1).tolist() == logits.argmax(dim=-1).tolist()


def test_wide_and_narrow_nuclei_stand_side_by_side() -> None:
    # One row is flat, so that its nucleus is larger than what is looked at first.
    logits = torch.stack([torch.randn(3000) * 8, torch.randn(3000) * 0.01])
    both = top_p(logits, 0.9)
    for row in range(2):
        assert torch.equal(both[row], top_p(logits[row : row + 1], 0.9)[0])
        mass = logits[row].softmax(-1)[both[row] > float("-inf")].sum()
        assert 0.9 <= mass < 0.95
    assert (both[1] > float("-inf")).sum() > 2000

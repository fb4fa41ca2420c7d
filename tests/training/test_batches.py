import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lianju.corpus import Example
from lianju.errors import UserError
from lianju.likelihood import Encoded, collate, encode
from lianju.prompt import LAYOUTS
from lianju.training.batches import plan
from tests import tiny

items = st.builds(
    lambda prompt, completion: Encoded(prompt, completion, len(completion)),
    st.lists(st.integers(3, 99), min_size=1, max_size=20),
    st.lists(st.integers(3, 99), min_size=1, max_size=50),
)


@given(
    st.lists(st.integers(10, 70), min_size=1, max_size=90),
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 5),
)
def test_each_epoch_sees_every_example_once(
    lengths: list[int], size: int, accumulation: int, epochs: int, seed: int
) -> None:
    steps = plan(lengths, size, accumulation, epochs, seed)
    seen = [index for step in steps for micro in step for index in micro]
    assert sorted(seen) == sorted(list(range(len(lengths))) * epochs)
    assert all(len(micro) <= size for step in steps for micro in step)
    assert all(len(step) <= accumulation for step in steps)
    assert steps == plan(lengths, size, accumulation, epochs, seed)


@given(st.lists(items, min_size=1, max_size=8))
def test_the_loss_covers_completions_and_nothing_else(batch: list[Encoded]) -> None:
    """Not the prompt, not the padding, and the mask is not all ones, as in the homework."""
    got = collate(batch, pad=0)
    for row, item in enumerate(batch):
        scored = got.scored[row]
        assert got.ids[row, 1:][scored].tolist() == item.completion
        assert int(scored.sum()) == len(item.completion)
        assert got.attention[row].tolist() == [1] * item.length + [0] * (
            got.ids.shape[1] - item.length
        )
    assert not got.scored[:, : -got.keep].any()


def test_a_pad_that_is_the_stop_token_masks_no_stop_token() -> None:
    long, short = Encoded([5, 6], [7, 8, 1], 2), Encoded([5], [7, 1], 1)
    got = collate([long, short], pad=1)
    assert got.ids[:, 1:][got.scored].tolist() == [7, 8, 1, 7, 1]


@pytest.mark.parametrize("style", LAYOUTS)
def test_every_example_trains_its_completion_and_the_stop_token(style: str) -> None:
    words = tiny.vocabulary()
    for item, example in zip(encode(tiny.EXAMPLES, style, words, 256), tiny.EXAMPLES, strict=True):
        assert words.decode(item.completion) == example.completion
        assert item.completion[-1] == words.stop
        assert item.characters == len(example.completion)


def test_training_on_nothing_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="poem 7 has an empty completion"):
        encode([Example("白日依山盡。", "", "poem 7")], "plain", tiny.vocabulary(), 256)


def test_nothing_is_truncated() -> None:
    with pytest.raises(UserError, match=r"poem 0 has \d+ tokens, more than train.cutoff 12"):
        encode(tiny.EXAMPLES, "plain", tiny.vocabulary(), 12)


LENGTHS = [26] * 125 + [34] * 125 + [50] * 124 + [53] + [66] * 125


def test_padding_is_slight_on_poems_of_the_usual_lengths() -> None:
    batches = [micro for step in plan(LENGTHS, 8, 1, 1, 0) for micro in step]
    padded = sum(len(micro) * max(LENGTHS[index] for index in micro) for micro in batches)
    assert padded / sum(LENGTHS) < 1.15


def test_batches_mix_lines_of_five_and_of_seven_and_short_and_long_take_turns() -> None:
    batches = [micro for step in plan(LENGTHS, 8, 1, 1, 0) for micro in step]
    mixed = [len({LENGTHS[index] for index in micro}) > 1 for micro in batches]
    assert sum(mixed) > 0.9 * len(batches)
    short = [LENGTHS[micro[0]] <= 34 for micro in batches]
    for start in range(0, len(short) - 10):
        assert 2 <= sum(short[start : start + 10]) <= 8


def test_collate_keeps_only_positions_that_are_scored() -> None:
    batch = collate([Encoded([1] * 10, [2, 3], 2), Encoded([1] * 8, [2], 1)], 0)
    assert batch.keep == 4
    assert torch.equal(batch.scored.sum(1), torch.tensor([2, 1]))

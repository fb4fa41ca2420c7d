from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lianju.config import load_settings
from lianju.corpus import Example
from lianju.errors import UserError
from lianju.likelihood import Encoded, collate, encode, logprobs, summed_loss, true_losses
from lianju.model import LanguageModel
from lianju.prompt import render, render_completion
from lianju.training import validation_loss
from tests import tiny

COUPLET, COMPLETION = tiny.COUPLETS[0]
# More than go through the network in one pass, of many lengths, some spelled by bytes.
TEXTS = [text[: 1 + index % 12] for index in range(7) for _, text in tiny.COUPLETS] + ["鸞鳳", ""]


@torch.inference_mode()
def alone(model: LanguageModel, style: str, couplet: str, text: str, ended: bool = True) -> float:
    """The reference: the whole sequence by itself, without a cache."""
    prompt = render(style, model.vocabulary, couplet)
    ids = prompt + render_completion(model.vocabulary, text)
    logits = model.network(input_ids=torch.tensor([ids])).logits[0]
    chances: list[list[float]] = logits.double().log_softmax(-1).tolist()
    last = len(ids) if ended else len(ids) - 1
    return sum(chances[at - 1][ids[at]] for at in range(len(prompt), last))


@pytest.mark.parametrize("style", ["plain", "homework", "chat"])
@pytest.mark.parametrize("ended", [True, False])
def test_each_continuation_scores_as_it_does_alone(style: str, ended: bool) -> None:
    model = tiny.model()
    got = logprobs(model, style, COUPLET, TEXTS, ended=ended)
    expected = [alone(model, style, COUPLET, text, ended) for text in TEXTS]
    assert got == pytest.approx(expected, abs=1e-4)
    assert len({round(score, 3) for score in expected}) > 30


# One character: the prompt is all but empty; 90: longer than the window of attention.
@pytest.mark.parametrize("couplet", ["", "白", "白日依山盡，" * 15])
def test_prompts_of_any_length(couplet: str) -> None:
    model = tiny.model()
    got = logprobs(model, "plain", couplet, TEXTS[:5])
    assert got == pytest.approx([alone(model, "plain", couplet, t) for t in TEXTS[:5]], abs=1e-4)


def test_nothing_to_score() -> None:
    model = tiny.model()
    assert logprobs(model, "plain", COUPLET, []) == []
    assert logprobs(model, "plain", COUPLET, [""], ended=False) == [0.0]
    assert true_losses(model, "plain", []) == []
    assert true_losses(model, "plain", [Example(COUPLET, "", "test")]) == [None]


@settings(max_examples=15)
@given(st.permutations(range(6)), st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_loss_depends_on_its_own_example_alone(order: list[int], empty: list[bool]) -> None:
    model = tiny.model()
    examples = [
        Example(tiny.COUPLETS[i][0], "" if empty[i] else tiny.COUPLETS[i][1], "") for i in order
    ]
    for example, loss in zip(examples, true_losses(model, "plain", examples), strict=True):
        if example.completion:
            nats = -alone(model, "plain", example.couplet, example.completion)
            assert loss == pytest.approx(nats / len(example.completion), abs=1e-5)
        else:
            assert loss is None


def _total(examples: Sequence[Example], losses: Sequence[float | None]) -> float:
    return sum(loss * len(e.completion) for e, loss in zip(examples, losses, strict=True) if loss)


@pytest.mark.parametrize("style", ["plain", "homework"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_losses_sum_to_the_validation_loss(style: str, precision: str) -> None:
    """Over two batches, and with a poem longer than recipes let one be trained on."""
    model = tiny.model()
    long = Example(COUPLET, COMPLETION * 30, "long")
    examples = [*tiny.EXAMPLES * 6, long]
    items = encode(examples, style, model.vocabulary, 10_000)
    expected = validation_loss(model.network, items, model.vocabulary.pad, precision)
    assert _total(examples, true_losses(model, style, examples, precision)) == pytest.approx(
        expected.nats, rel=1e-6
    )
    assert expected.characters == sum(len(example.completion) for example in examples)


def test_gemma_scores_verse_as_it_does_alone(gemma: LanguageModel) -> None:
    texts = [completion for _, completion in tiny.COUPLETS[:4]]
    for couplet, _ in (tiny.COUPLETS[0], tiny.COUPLETS[4]):
        expected = [alone(gemma, "plain", couplet, text) for text in texts]
        assert logprobs(gemma, "plain", couplet, texts) == pytest.approx(expected, abs=2e-3)
        rough = logprobs(gemma, "plain", couplet, texts, "bf16")
        assert rough == pytest.approx(expected, rel=0.02) and rough != expected


def test_gemma_finds_the_order_of_words_likelier_than_disorder(gemma: LanguageModel) -> None:
    real, mixed = logprobs(gemma, "plain", COUPLET, [COMPLETION, "樓千上欲一，層里目更窮。"])
    assert real > mixed + 5


def test_a_whole_poem_is_all_learned_but_its_beginning() -> None:
    """The loss of a poem is that of its couplet and that of the rest after it."""
    model = tiny.model()
    examples = [Example(couplet, rest, "test") for couplet, rest in tiny.COUPLETS[:3]]
    parts = encode(examples, "plain", model.vocabulary, 256)
    every = encode(examples, "plain", model.vocabulary, 256, whole=True)
    for one, part, example in zip(every, parts, examples, strict=True):
        assert one.prompt + one.completion == part.prompt + part.completion
        assert (len(one.prompt), one.characters) == (1, len(example.text))
        start = Encoded(one.prompt, part.prompt[1:], len(example.couplet))
        losses = [
            float(summed_loss(model.network, collate([item], model.vocabulary.pad), "fp32"))
            for item in (one, start, part)
        ]
        assert losses[0] == pytest.approx(losses[1] + losses[2], abs=1e-3)


def test_whole_poems_are_learned_only_where_the_couplet_stands_alone() -> None:
    assert load_settings("default", {"train.loss": "poem"}).train.loss == "poem"
    with pytest.raises(UserError, match=r"train\.loss=poem needs prompt\.style=plain"):
        load_settings("taide-7b", {"train.loss": "poem"})

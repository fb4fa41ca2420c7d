"""The distribution that the page explains the parameters with is the model's own."""

import pytest
import torch

from lianju.explore import example_distribution
from lianju.explore.example_distribution import find_example
from lianju.model import LanguageModel, Vocabulary
from lianju.prompt import render
from tests.explore.sweeps import OPENINGS
from tests.tiny import model


def _can_be_read(vocabulary: Vocabulary, token: int) -> bool:
    if token in vocabulary.stops:
        return True
    try:
        text = (vocabulary.tokens[token] or b"").decode()
    except UnicodeDecodeError:
        return False
    return text.isprintable() and bool(text.strip())


def test_the_place_is_none_where_punctuation_is_likeliest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny = model()
    [comma] = tiny.vocabulary.spell("，")
    [flower] = tiny.vocabulary.spell("花")
    likeliest = {"": comma, "花": flower}
    monkeypatch.setattr(
        example_distribution,
        "_places",
        lambda *_: [_place(tiny, *one) for one in likeliest.items()],
    )
    assert find_example(tiny, "plain", [OPENINGS[0].couplet]).begun == "花"


def _place(tiny: LanguageModel, begun: str, token: int) -> example_distribution._Place:
    logits = torch.zeros(1, tiny.vocabulary.size)
    logits[0, token] = 1.0 if begun else 5.0
    return example_distribution._Place(logits, OPENINGS[0].couplet, begun)


def test_views_are_the_models_distribution_under_the_settings() -> None:
    tiny = model()
    found = find_example(tiny, "plain", [opening.couplet for opening in OPENINGS])
    ids = render("plain", tiny.vocabulary, found.couplet) + tiny.vocabulary.spell(found.begun)
    with torch.inference_mode():
        logits = tiny.network(input_ids=torch.tensor([ids])).logits[0, -1].double()
    raw, order = logits.softmax(-1).sort(descending=True)
    read = [n for n, token in enumerate(order.tolist()) if _can_be_read(tiny.vocabulary, token)][:8]
    assert read != list(range(8)), "some token that cannot be read should be left out here"
    assert "□" not in found.tokens and all(found.tokens)
    views = {tuple(view.changed.items()): view for view in found.views}
    plain, cold, three = views[()], views[(("temperature", 0.5),)], views[(("top_k", 3.0),)]
    torch.testing.assert_close(torch.tensor(plain.shares).double(), raw[read], rtol=1e-4, atol=1e-6)
    squared = raw**2 / (raw**2).sum()
    torch.testing.assert_close(
        torch.tensor(cold.shares).double(), squared[read], rtol=1e-4, atol=1e-6
    )
    three_raw = torch.where(torch.arange(len(raw)) < 3, raw, 0.0) / raw[:3].sum()
    torch.testing.assert_close(
        torch.tensor(three.shares).double(), three_raw[read], rtol=1e-4, atol=1e-6
    )
    assert three.kept == 3
    assert plain.kept == found.vocabulary == tiny.vocabulary.size
    assert all(abs(sum(view.shares) + view.rest - 1) < 1e-5 for view in found.views)
    nucleus = views[(("top_p", 0.8),)]
    assert nucleus.kept == int((raw.cumsum(-1) < 0.8).sum()) + 1

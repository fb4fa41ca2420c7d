"""The distribution that the page explains the parameters with is the model's own."""

import torch

from lianju.explore.choices import choices
from lianju.prompt import render
from tests.explore.sweeps import OPENINGS
from tests.tiny import model


def test_views_are_the_models_distribution_under_the_settings() -> None:
    tiny = model()
    found = choices(tiny, "plain", [opening.couplet for opening in OPENINGS])
    ids = render("plain", tiny.vocabulary, found.couplet) + tiny.vocabulary.spell(found.begun)
    with torch.inference_mode():
        logits = tiny.network(input_ids=torch.tensor([ids])).logits[0, -1].double()
    raw = logits.softmax(-1).sort(descending=True).values
    views = {tuple(view.changed.items()): view for view in found.views}
    plain, cold, three = views[()], views[(("temperature", 0.5),)], views[(("top_k", 3.0),)]
    torch.testing.assert_close(torch.tensor(plain.shares).double(), raw[:8], rtol=1e-4, atol=1e-6)
    squared = raw**2 / (raw**2).sum()
    torch.testing.assert_close(
        torch.tensor(cold.shares).double(), squared[:8], rtol=1e-4, atol=1e-6
    )
    torch.testing.assert_close(
        torch.tensor(three.shares[:3]).double(), raw[:3] / raw[:3].sum(), rtol=1e-4, atol=1e-6
    )
    assert three.shares[3:] == (0,) * 5 and three.rest == 0 and three.kept == 3
    assert plain.kept == found.vocabulary == tiny.vocabulary.size
    assert all(abs(sum(view.shares) + view.rest - 1) < 1e-5 for view in found.views)
    nucleus = views[(("top_p", 0.8),)]
    assert nucleus.kept == int((raw.cumsum(-1) < 0.8).sum()) + 1

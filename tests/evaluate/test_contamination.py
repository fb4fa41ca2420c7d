import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from lianju.config import DecodeSettings
from lianju.corpus import Poem, large_corpus, line_keys
from lianju.decode import Completion
from lianju.evaluate import contamination as module
from lianju.evaluate.contamination import FAMOUS, famous, probe_contamination
from lianju.evaluate.facing import Facing, learn_facing
from lianju.likelihood import collate, encode, logprobs, summed_loss
from lianju.model import LanguageModel
from lianju.verse import form_of
from tests import tiny
from tests.evaluate.test_rank import poem

TWO = (("王之渙", "白日依山盡"), ("柳宗元", "千山鳥飛絕"))
KNOWN = [tiny.EXAMPLES[0], tiny.EXAMPLES[3]]
HELDOUT = [poem(1, 7), tiny.EXAMPLES[1], KNOWN[0], tiny.EXAMPLES[2], poem(2), poem(3)]
LARGE = [
    Poem(f"id {number}", author, "", (example.couplet, example.completion))
    for number, ((author, _), example) in enumerate(zip(TWO, KNOWN, strict=True))
]


@pytest.fixture(scope="module")
def corpus() -> list[Poem]:
    return large_corpus()


def test_every_famous_poem_is_in_the_large_corpus(corpus: list[Poem]) -> None:
    poems = famous(corpus)
    assert len(poems) == len(FAMOUS) == len(set(FAMOUS)) == 40
    forms = Counter(form.name for example in poems if (form := form_of(example.text)))
    assert forms == {"wujue": 12, "qijue": 12, "wulü": 10, "qilü": 6}
    lines = [line_keys(example.text) for example in poems]
    assert len(set().union(*lines)) == sum(map(len, lines))


def test_the_next_couplet_is_whole_and_no_more(corpus: list[Poem]) -> None:
    poems = famous(corpus)
    by_opening = {example.couplet: module._next(example) for example in poems}
    assert by_opening["春眠不覺曉，處處聞啼鳥。"] == "夜來風雨聲，花落知多少。"
    assert by_opening["國破山河在，城春草木深。"] == "感時花濺淚，恨別鳥驚心。"
    assert all(
        len(text) == len(opening) and text[-1] in "。？！" for opening, text in by_opening.items()
    )


@pytest.fixture(scope="module")
def faced() -> Facing:
    return learn_facing()


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two poems are all that is famous."""
    monkeypatch.setattr(module, "FAMOUS", TWO)


def learned_by_heart() -> LanguageModel:
    """The tiny model, taught the two famous poems until it knows them."""
    model = tiny.model()
    network = model.network.requires_grad_(True)
    batch = collate(encode(KNOWN, "plain", model.vocabulary, 256), model.vocabulary.pad)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        summed_loss(network, batch, "fp32").backward()
        optimizer.step()
    network.requires_grad_(False)
    return model


@pytest.mark.usefixtures("two")
def test_a_model_that_knows_the_famous_poems_is_found_out(faced: Facing) -> None:
    found = probe_contamination(learned_by_heart(), "plain", HELDOUT, LARGE, faced)
    first, second = found.probes
    assert (first.name, first.n, second.name, second.n) == ("famous", 2, "heldout", 2)
    assert first.recited.value == first.preferred.value == 1.0 and second.recited.value == 0.0
    assert first.true.value is not None and first.true.value > -0.2
    for text in ("a sign that the model has met the famous ones", "2 of 2 famous and 0 of 2 held"):
        assert text in found.verdict
    assert found.model == "tiny"


@pytest.mark.usefixtures("two")
def test_a_random_model_knows_nothing(faced: Facing) -> None:
    model = tiny.model()
    found = probe_contamination(model, "plain", HELDOUT, LARGE, faced)
    first, _ = found.probes
    texts = [example.completion for example in KNOWN]
    nats = [
        logprobs(model, "plain", example.couplet, [text], ended=False)[0] / len(text)
        for example, text in zip(KNOWN, texts, strict=True)
    ]
    assert first.true.value == pytest.approx(sum(nats) / 2, rel=1e-5)
    assert first.recited.value == 0.0
    assert first.paraphrased.value is not None
    assert first.gain.value == pytest.approx(sum(nats) / 2 - first.paraphrased.value)
    assert "0 of 2 famous and 0 of 2 held-out" in found.verdict


def test_heldout_poems_are_matched_in_form_and_share_no_line() -> None:
    """The first is of another form, the third is a famous one, and two are enough."""
    assert module._matched(KNOWN, HELDOUT) == [HELDOUT[1], HELDOUT[3]]
    both = module._matched([*KNOWN, tiny.EXAMPLES[4]], HELDOUT)
    assert both == [HELDOUT[0], HELDOUT[1], HELDOUT[3]]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("欲窮千里目，更上", True),
        ("\n欲窮千里目", True),
        ("欲窮千里", False),
        ("欲窮千里日，更上一層樓。", False),
        ("", False),
    ],
)
def test_reciting_is_word_for_word(
    monkeypatch: pytest.MonkeyPatch, written: str, expected: bool
) -> None:
    asked: list[DecodeSettings] = []

    def complete(
        model: LanguageModel, style: str, couplets: Sequence[str], settings: DecodeSettings
    ) -> list[list[Completion]]:
        asked.append(settings)
        return [[Completion(couplet, written, "length", 12, 0.0)] for couplet in couplets]

    monkeypatch.setattr(module, "complete", complete)
    assert module._recited(tiny.model(), "plain", KNOWN[:1]) == [expected]
    assert asked[0].temperature == 0 and asked[0].max_length == len("欲窮千里目，更上一層樓。")


def test_mixing_keeps_lines_and_marks() -> None:
    text = "欲窮千里目，更上一層樓。"
    mixed = module._mixed(text, 3)
    assert mixed != text and mixed[5] == "，" and mixed[11] == "。"
    assert sorted(mixed[:5]) == sorted(text[:5]) and sorted(mixed[6:11]) == sorted(text[6:11])


def test_the_interval_of_two_groups_is_that_of_welch() -> None:
    generator = np.random.default_rng(1)
    ours, theirs = generator.normal(1, 2, 300).tolist(), generator.normal(0, 1, 200).tolist()
    found = module._apart(ours, theirs)
    error = 1.96 * math.sqrt(np.var(ours) / 300 + np.var(theirs) / 200)
    value = float(np.mean(ours) - np.mean(theirs))
    assert found.value == pytest.approx(value) and found.n == 500
    assert found.low == pytest.approx(value - error, abs=0.06)
    assert found.high == pytest.approx(value + error, abs=0.06)


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("gains", "words"),
    [
        ((2.0, 2.2), "+2.00 (+1.80 to +2.20), is more than chance gives: a sign"),
        ((-0.6, -0.4), "is more than chance gives, but not the way"),
        ((-2.0, 2.4), "is within chance: no sign"),
    ],
)
def test_the_verdict_goes_by_the_interval(
    monkeypatch: pytest.MonkeyPatch, faced: Facing, gains: tuple[float, float], words: str
) -> None:
    """Held-out poems gain 0.0 and 0.2 nats a character; there are twelve characters."""
    by_couplet = dict(zip((one.couplet for one in KNOWN), gains, strict=True))
    by_couplet |= {HELDOUT[1].couplet: 0.0, HELDOUT[3].couplet: 0.2}

    def scores(
        model: LanguageModel, style: str, couplet: str, texts: Sequence[str], *, ended: bool
    ) -> list[float]:
        assert not ended and len(texts) == 3
        return [12 * (by_couplet[couplet] - 5), -99.0, -60.0]

    monkeypatch.setattr(module, "logprobs", scores)
    found = probe_contamination(tiny.model(), "plain", HELDOUT, LARGE, faced)
    assert words in found.verdict
    assert "on 2 famous poems and 0.10 on 2 held-out ones" in found.verdict

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from lianju.config import DecodeSettings
from lianju.decode import END, Constraint, Masks, complete, distribution, next_tokens, walk
from lianju.decode.explore import reading
from lianju.errors import UserError
from lianju.model import LanguageModel
from lianju.prompt import render
from lianju.verse import check
from tests import tiny
from tests.decode.grammar import constraint

COUPLET = "白日依山盡，黃河入海流。"
ALL = {
    "temperature": 0.6,
    "top_k": 30,
    "top_p": 0.9,
    "min_p": 0.1,
    "typical_p": 0.8,
    "repetition_penalty": 1.5,
}


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny.model()


@pytest.fixture(scope="module")
def quatrain(model: LanguageModel) -> Constraint:
    return constraint(COUPLET, Masks(model.vocabulary), lines=4)


def _logits(model: LanguageModel, after: str) -> torch.Tensor:
    words = model.vocabulary
    ids = [*render("plain", words, COUPLET), *words.spell(after)]
    with torch.no_grad():
        logits: torch.Tensor = model.network(input_ids=torch.tensor([ids])).logits[:, -1].float()
    return logits


@pytest.mark.parametrize("ruled", [True, False])
def test_a_step_is_what_the_model_and_the_sampling_say(
    model: LanguageModel, quatrain: Constraint, ruled: bool
) -> None:
    settings, words = DecodeSettings(**ALL), model.vocabulary
    rules = quatrain if ruled else None
    step = next_tokens(model, "plain", COUPLET, settings, rules, "欲窮千", top=words.size)
    assert step.prefix == "欲窮千" and len(step.choices) == words.size
    logits = _logits(model, "欲窮千")
    by_token = {choice.token: choice for choice in step.choices}
    raw = torch.tensor([[by_token[token].probabilities[0] for token in range(words.size)]])
    torch.testing.assert_close(raw, logits.softmax(-1))
    if ruled:
        state = quatrain.start
        for token in words.spell("欲窮千"):
            state = quatrain.advance(state, token) or state
        logits[0, ~torch.from_numpy(quatrain.mask(state))] = -torch.inf
    seen = torch.zeros_like(logits, dtype=torch.bool)
    standing = "".join(c for c in COUPLET + "欲窮千" if c not in "，。")
    seen[0, words.spell(standing)] = True
    final = torch.tensor([[by_token[token].probabilities[-1] for token in range(words.size)]])
    torch.testing.assert_close(final, distribution(logits, seen, settings))


def test_the_figures_of_a_step_are_those_of_its_probabilities(
    model: LanguageModel, quatrain: Constraint
) -> None:
    settings = DecodeSettings(**ALL)
    step = next_tokens(model, "plain", COUPLET, settings, quatrain, top=model.vocabulary.size)
    columns = list(zip(*(choice.probabilities for choice in step.choices), strict=True))
    names = ["raw", "rules", "repetition_penalty", "temperature"]
    assert [stage.name for stage in step.stages] == [*names, "top_k", "top_p", "min_p", "typical_p"]
    for before, now, stage in zip([columns[0], *columns], columns, step.stages, strict=False):
        nats = -sum(p * math.log(p) for p in now if p)
        assert stage.entropy == pytest.approx(nats)
        assert stage.bits == pytest.approx(nats / 0.6931472, rel=1e-6)
        assert stage.effective == pytest.approx(math.e**nats)
        assert stage.left == sum(p > 0 for p in now)
        gone = sum(old for old, new in zip(before, now, strict=True) if new == 0)
        assert stage.cut == pytest.approx(gone, abs=1e-9)
    assert step.stages[4].left == 30 and step.stages[1].cut > 0.5
    for choice in step.choices:
        cut = choice.cut_at
        assert all(
            (p == 0) == (cut is not None and at >= cut) for at, p in enumerate(choice.probabilities)
        )


def test_the_tokens_shown_and_the_rest_make_one(model: LanguageModel, quatrain: Constraint) -> None:
    settings = DecodeSettings(**ALL)
    every = next_tokens(model, "plain", COUPLET, settings, quatrain, top=model.vocabulary.size)
    step = next_tokens(model, "plain", COUPLET, settings, quatrain, top=5)
    expected = {c.token for c in sorted(every.choices, key=lambda c: -max(c.probabilities))[:5]}
    for at in range(1, len(step.stages)):
        struck = [choice for choice in every.choices if choice.cut_at == at]
        if struck:
            expected.add(max(struck, key=lambda choice: choice.probabilities[at - 1]).token)
    assert {choice.token for choice in step.choices} == expected and len(expected) > 5
    assert 0 < step.rest[0] < 1
    raw = [choice.probabilities[0] for choice in step.choices]
    assert raw == sorted(raw, reverse=True)
    for at, rest in enumerate(step.rest):
        assert sum(choice.probabilities[at] for choice in step.choices) + rest == pytest.approx(1)


def test_temperature_cuts_no_token(model: LanguageModel) -> None:
    settings = DecodeSettings(temperature=0.001, top_p=0.3, repetition_penalty=1)
    step = next_tokens(model, "plain", COUPLET, settings, top=model.vocabulary.size)
    assert [stage.name for stage in step.stages] == ["raw", "temperature", "top_p"]
    assert step.stages[1].left == model.vocabulary.size and step.stages[1].cut == 0
    assert {choice.cut_at for choice in step.choices} == {None, 2}
    assert step.stages[2].left == sum(choice.cut_at is None for choice in step.choices) < 400


def test_what_cannot_be_printed_reads_as_bytes(model: LanguageModel) -> None:
    odd = [b"\t", b"\x1b[", b"\xe2\x80\xae", b"a\x00", b"\n", b" b"]
    words = replace(model.vocabulary, tokens=[*odd, None], stop=len(odd), stops=())
    read = [reading(words, token) for token in range(len(odd))]
    assert read == ["⟨09⟩", "⟨1B 5B⟩", "⟨E2 80 AE⟩", "⟨61 00⟩", "↵", "␣b"]


def test_tokens_read_as_characters_bytes_and_the_end(model: LanguageModel) -> None:
    words = model.vocabulary
    settings = DecodeSettings(temperature=1, top_p=1)
    step = next_tokens(model, "plain", COUPLET, settings, top=words.size)
    texts = {choice.token: choice.text for choice in step.choices}
    assert texts[words.stop] == END and texts[words.pad] == "⟨control⟩"
    assert texts[words.spell("山")[0]] == "山" and texts[words.spell(" ")[0]] == "␣"
    assert [texts[token] for token in words.spell("蓑")] == ["⟨E8⟩", "⟨93⟩", "⟨91⟩"]


@pytest.mark.parametrize("ruled", [True, False])
@pytest.mark.parametrize(
    "sampling", [{}, {"temperature": 0}, {"temperature": 1.5, "top_p": 1, "seed": 5}, ALL]
)
def test_a_walk_is_the_poem_of_complete_and_its_roads_are_poems(
    model: LanguageModel, quatrain: Constraint, ruled: bool, sampling: dict[str, Any]
) -> None:
    settings = DecodeSettings(**sampling, max_length=None if ruled else 20, particles=3)
    rules, one = quatrain if ruled else None, settings.model_copy(update={"particles": 1})
    [[poem]] = complete(model, "plain", [COUPLET], one, constraints=[rules])
    road = walk(model, "plain", COUPLET, settings, rules, alternatives=2)
    assert road.completion == poem
    assert len(road.positions) == poem.tokens
    written = [position.taken.token for position in road.positions]
    assert model.vocabulary.decode(written) == poem.text
    for at, position in enumerate(road.positions):
        so_far = model.vocabulary.decode(written[:at])
        assert position.step.prefix == so_far
        assert position.taken.probabilities[-1] > 0
        for turn in position.alternatives:
            assert turn.choice.token != position.taken.token
            ids = [*written[:at], turn.choice.token]
            if turn.choice.text == END:
                assert turn.completion.text == so_far
                continue
            if len(ids) < 20 or ruled:
                [[alone]] = complete(
                    model, "plain", [COUPLET], one, constraints=[rules], prefixes=[ids]
                )
                assert turn.completion.text == alone.text
            if ruled:
                assert check(COUPLET + turn.completion.text).regular


def test_the_alternatives_are_the_likeliest_that_the_rules_allow(
    model: LanguageModel, quatrain: Constraint
) -> None:
    settings = DecodeSettings(temperature=0.7, top_k=3, top_p=1, repetition_penalty=1)
    road = walk(model, "plain", COUPLET, settings, quatrain, alternatives=3, top=400)
    for position in road.positions:
        allowed = [c for c in position.step.choices if c.probabilities[1] >= 0.001]
        ranked = sorted(allowed, key=lambda choice: -choice.probabilities[1])
        others = [choice for choice in ranked if choice.token != position.taken.token][:3]
        assert [turn.choice for turn in position.alternatives] == others
    assert any(turn.choice.cut_at == 3 for p in road.positions for turn in p.alternatives)


@pytest.mark.parametrize("ruled", [True, False])
def test_a_poem_goes_on_from_its_own_beginning_as_it_did(
    model: LanguageModel, quatrain: Constraint, ruled: bool
) -> None:
    settings = DecodeSettings(temperature=1, particles=1, max_length=None if ruled else 15, seed=3)
    rules = [quatrain if ruled else None]
    whole = walk(model, "plain", COUPLET, settings, rules[0], alternatives=0)
    ids = [position.taken.token for position in whole.positions]
    for at in range(len(ids)):
        [[item]] = complete(
            model, "plain", [COUPLET], settings, constraints=rules, prefixes=[ids[:at]]
        )
        assert item.text == whole.completion.text and item.finish == whole.completion.finish
        assert item.tokens == len(ids) - at
    # The last token's log-probability, its stop token or the one that was cut off after.
    assert item.logprob == pytest.approx(
        math.log(whole.positions[-1].taken.probabilities[0]), abs=1e-3
    )


def test_prefixes_of_several_poems_in_one_batch(model: LanguageModel) -> None:
    settings = DecodeSettings(max_length=12, candidates=2)
    couplets, prefixes = [COUPLET, COUPLET, tiny.COUPLETS[4][0]], ["", "欲窮", "兩岸猿聲"]
    groups = complete(model, "plain", couplets, settings, prefixes=prefixes)
    for couplet, prefix, group in zip(couplets, prefixes, groups, strict=True):
        assert complete(model, "plain", [couplet], settings, prefixes=[prefix])[0][0].text == (
            group[0].text
        )
        assert all(item.text.startswith(prefix) for item in group)
    plain = complete(model, "plain", [COUPLET], settings)[0]
    assert [item.text for item in groups[0]] == [item.text for item in plain]


def test_the_rules_hold_for_a_prefix_too(model: LanguageModel, quatrain: Constraint) -> None:
    settings = DecodeSettings()
    for forbidden, message in (
        ("欲窮，", "after 欲窮 the rules forbid ，"),
        ("。", "after the couplet the rules forbid 。"),
        ("欲窮千里目，更上一層樓。欲", "after 欲窮千里目，更上一層樓。 the rules forbid 欲"),
    ):
        with pytest.raises(UserError, match=message):
            next_tokens(model, "plain", COUPLET, settings, quatrain, forbidden)
        with pytest.raises(UserError, match=message):
            complete(
                model, "plain", [COUPLET], settings, constraints=[quatrain], prefixes=[forbidden]
            )
    done = next_tokens(model, "plain", COUPLET, settings, quatrain, "欲窮千里目,更上一層樓.")
    assert [choice.text for choice in done.choices if choice.cut_at is None] == [END]
    [[poem]] = complete(
        model,
        "plain",
        [COUPLET],
        settings,
        constraints=[quatrain],
        prefixes=["欲窮千里目，更上一層樓。"],
    )
    assert (poem.text, poem.finish, poem.tokens) == ("欲窮千里目，更上一層樓。", "stop", 1)


def test_a_prefix_that_fills_the_length_is_refused(model: LanguageModel) -> None:
    settings = DecodeSettings(max_length=5)
    with pytest.raises(UserError, match="max_length 5 ends a poem that has 5 tokens already"):
        complete(model, "plain", [COUPLET], settings, prefixes=["欲窮千里目"])
    [[item]] = complete(model, "plain", [COUPLET], settings, prefixes=["欲窮千里"])
    assert item.tokens == 1


def test_the_real_model_walks_as_it_completes(gemma: LanguageModel) -> None:
    rules = constraint(COUPLET, Masks(gemma.vocabulary), lines=4)
    settings = DecodeSettings(particles=1, seed=2)
    road = walk(gemma, "plain", COUPLET, settings, rules, alternatives=1)
    [[poem]] = complete(gemma, "plain", [COUPLET], settings, constraints=[rules])
    assert road.completion == poem
    assert all(
        check(COUPLET + t.completion.text).regular for p in road.positions for t in p.alternatives
    )

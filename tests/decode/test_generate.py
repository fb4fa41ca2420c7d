import torch

from lianju.config import DecodeSettings
from lianju.decode import Completion, complete
from lianju.decode.batch import held_back
from lianju.model import LanguageModel
from lianju.prompt import render
from tests import tiny

COUPLETS = [couplet for couplet, _ in tiny.COUPLETS]
GREEDY = DecodeSettings(temperature=0, repetition_penalty=1, max_length=24)


def _flat(groups: list[list[Completion]]) -> list[Completion]:
    return [item for group in groups for item in group]


def test_greedy_equals_transformers_generate(gemma: LanguageModel) -> None:
    [[ours]] = complete(gemma, "plain", COUPLETS[:1], GREEDY)
    words = gemma.vocabulary
    prompt = torch.tensor([render("plain", words, COUPLETS[0])])
    theirs = gemma.network.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=GREEDY.max_length,
        do_sample=False,
        eos_token_id=words.stop,
        pad_token_id=words.pad,
    )[0, prompt.shape[1] :]
    assert ours.text == words.decode(theirs.tolist())
    assert ours.tokens == len(theirs)


def test_a_batch_gives_poem_for_poem_what_each_alone_gives(gemma: LanguageModel) -> None:
    """Couplets of five and of seven characters, and one with a character spelled in bytes."""
    couplets = [*COUPLETS, "𡾼日依山盡，黃河入海流。"]
    together = complete(gemma, "plain", couplets, GREEDY)
    alone = [complete(gemma, "plain", [couplet], GREEDY)[0] for couplet in couplets]
    assert [item.text for item in _flat(together)] == [item.text for item in _flat(alone)]
    for one, other in zip(_flat(together), _flat(alone), strict=True):
        assert abs(one.logprob - other.logprob) < 1e-2


def test_a_seeded_poem_does_not_depend_on_its_neighbours() -> None:
    model = tiny.model()
    settings = DecodeSettings(temperature=1, top_p=1, max_length=30, candidates=3, seed=7)
    all_of_them = complete(model, "plain", COUPLETS, settings)
    for couplet, group in zip(COUPLETS, all_of_them, strict=True):
        alone = complete(model, "plain", [couplet], settings)[0]
        assert [item.text for item in alone] == [item.text for item in group]
        fewer = settings.model_copy(update={"candidates": 2})
        assert [item.text for item in complete(model, "plain", [couplet], fewer)[0]] == [
            item.text for item in group[:2]
        ]


def test_seeds_and_candidates_differ_and_repeat() -> None:
    model = tiny.model()
    settings = DecodeSettings(temperature=1, top_p=1, max_length=20, candidates=4)
    first = [item.text for item in complete(model, "plain", COUPLETS[:1], settings)[0]]
    again = [item.text for item in complete(model, "plain", COUPLETS[:1], settings)[0]]
    other_seed = settings.model_copy(update={"seed": 1})
    other = [item.text for item in complete(model, "plain", COUPLETS[:1], other_seed)[0]]
    assert first == again and len(set(first)) == 4 and first != other


def test_more_couplets_than_one_batch_holds_come_back_in_order() -> None:
    model = tiny.model()
    settings = DecodeSettings(temperature=1, max_length=4, candidates=30)
    groups = complete(model, "plain", COUPLETS, settings)
    assert [group[0].couplet for group in groups] == COUPLETS
    assert all(len(group) == 30 for group in groups)


def test_length_is_counted_in_new_tokens_and_stop_ends_a_poem() -> None:
    model = tiny.model()
    settings = DecodeSettings(temperature=2, top_p=1, max_length=200, candidates=40)
    items = _flat(complete(model, "plain", COUPLETS[:2], settings))
    assert {item.finish for item in items} == {"stop", "length"}
    for item in items:
        assert item.tokens == 200 if item.finish == "length" else item.tokens <= 200


def test_a_poem_that_is_cut_short_is_the_beginning_of_the_longer_one() -> None:
    """Most characters are three tokens to this model, so most lengths cut one in its bytes."""
    model = tiny.model()
    settings = DecodeSettings(temperature=1.5, top_p=1, candidates=20)
    before = [""] * 20
    for length in range(1, 13):
        cut = settings.model_copy(update={"max_length": length})
        texts = [item.text for item in complete(model, "plain", COUPLETS[:1], cut)[0]]
        assert all(text.startswith(old) for text, old in zip(texts, before, strict=True))
        before = texts
    assert len({*before}) == 20


def test_a_model_that_never_stops_is_cut_off() -> None:
    model = tiny.model()
    short = DecodeSettings(temperature=0, max_length=3)
    [[item]] = complete(model, "plain", COUPLETS[:1], short)
    assert item.tokens == 3 and item.finish == "length"


def test_the_logprob_is_the_models_own_whatever_the_temperature() -> None:
    model = tiny.model()
    settings = DecodeSettings(
        temperature=0.5, top_k=5, top_p=0.3, repetition_penalty=1, max_length=10
    )
    words = model.vocabulary
    prompt = render("plain", words, COUPLETS[0])
    seeds = (settings.model_copy(update={"seed": seed}) for seed in range(50))
    items = (complete(model, "plain", COUPLETS[:1], seeded)[0][0] for seeded in seeds)
    # One whose tokens are known from its text: no control tokens, no broken bytes.
    item = next(item for item in items if len(words.spell(item.text)) == item.tokens)
    ids = words.spell(item.text)
    with torch.inference_mode():
        logits = model.network(input_ids=torch.tensor([prompt + ids])).logits[0]
    logprobs = logits.log_softmax(-1)
    expected = sum(float(logprobs[len(prompt) - 1 + at, token]) for at, token in enumerate(ids))
    assert abs(expected - item.logprob) < 1e-3


def test_the_repetition_penalty_holds_back_the_characters_of_the_poem_alone() -> None:
    words = tiny.model().vocabulary
    # 𡾼 is spelled in bytes, which other characters share.
    ids = held_back(words, "𡾼日依山盡，黃河入海流。", words.spell("欲窮，"))
    held = b"".join(words.tokens[index] or b"" for index in ids).decode()
    assert held == "日依山盡黃河入海流欲窮"


def test_the_repetition_penalty_acts_on_the_poem_so_far() -> None:
    model = tiny.model()
    settings = DecodeSettings(temperature=0, max_length=30, repetition_penalty=10)
    [[item]] = complete(model, "plain", COUPLETS[:1], settings)
    plain = complete(
        model, "plain", COUPLETS[:1], settings.model_copy(update={"repetition_penalty": 1.0})
    )[0][0]
    assert len(set(item.text)) > len(set(plain.text))

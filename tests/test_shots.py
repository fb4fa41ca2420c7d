"""Poems that a base model is shown before a couplet."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lianju.config import DecodeSettings, PromptSettings, VerseSettings
from lianju.corpus import Corpus, Example, RunPoems, Split, line_keys, run_poems
from lianju.decode import Completion, complete, constrain, rules_for
from lianju.errors import UserError
from lianju.likelihood import true_losses
from lianju.model import LanguageModel, Vocabulary
from lianju.prompt import fingerprint, layouts_of, render, render_completion
from lianju.shots import with_shots
from lianju.writer import Writer
from tests import checkpoints, families, tiny

FIVE, SEVEN = tiny.COUPLETS[0][0], tiny.COUPLETS[4][0]


@pytest.fixture(scope="module")
def poems() -> RunPoems:
    return run_poems(
        source=None,
        corpus="homework",
        leave_out=None,
        poems=80,
        selection="balanced",
        validation=5,
        seed=0,
    )


def _model(words: Vocabulary) -> LanguageModel:
    return LanguageModel(None, words, "words alone", "0" * 64, torch.device("cpu"))


def _shown(model: LanguageModel, style: str, couplet: str) -> tuple[list[int], list[int]]:
    """The ids before a prompt, and the prompt's own, without the beginning token."""
    ids = render(style, model.vocabulary, couplet)
    frame = model.vocabulary.frames[style]
    size = len(frame.before_ids) + len(model.vocabulary.spell(couplet)) + len(frame.after_ids)
    start = 0 if model.vocabulary.bos is None else 1
    return ids[start : len(ids) - size], ids[len(ids) - size :]


@pytest.mark.parametrize("couplet", [FIVE, SEVEN])
def test_whole_poems_of_lines_as_long_stand_before_the_couplet(
    couplet: str, poems: RunPoems
) -> None:
    words = families.gemma_trimmed()
    model = with_shots(_model(words), "plain", poems, 4, seed=0)
    before, own = _shown(model, "plain", couplet)
    shown = words.decode(before).split("\n")
    texts = {one.text for one in poems.train}
    assert len(shown) == 5 and shown[-1] == ""
    assert {*shown[:-1]} <= texts and len({*shown}) == 5
    length = len(couplet) // 2 - 1
    assert {len(text.split("，")[0]) for text in shown[:-1]} == {length}
    assert {len(text) // (length + 1) for text in shown[:-1]} == {4, 8}
    assert own == words.spell(couplet)
    # The line ends with the tokenizer's own token, not with the one of the byte.
    assert before[-1] == families.gemma_trimmed().original_ids.index(107)


def test_another_seed_shows_others_and_a_smaller_number_the_first(poems: RunPoems) -> None:
    shown = [
        _shown(with_shots(_model(tiny.vocabulary()), "plain", poems, k, seed), "plain", FIVE)[0]
        for k, seed in ((2, 0), (4, 0), (4, 0), (4, 1))
    ]
    assert shown[1] == shown[2] and shown[1][: len(shown[0])] == shown[0]
    assert shown[3] != shown[1]


def test_no_poem_shown_has_a_line_of_the_couplet_or_of_what_is_kept_apart(poems: RunPoems) -> None:
    words = families.gemma_trimmed()
    plain = with_shots(_model(words), "plain", poems, 4, seed=0)
    shown = words.decode(_shown(plain, "plain", FIVE)[0]).splitlines()
    couplet = next(one for one in poems.train if one.text == shown[0]).couplet
    other = words.decode(_shown(plain, "plain", couplet)[0]).splitlines()
    assert len(other) == 4 and not line_keys(couplet) & line_keys("".join(other))
    # Nor one that is tested or validated on, be it among those trained on.
    hidden = next(one for one in poems.train if one.text == shown[1])
    for where in (
        replace(poems, test=[hidden]),
        replace(poems, split=Split(poems.split.pool, [hidden], "")),
    ):
        ids = _shown(with_shots(_model(words), "plain", where, 4, seed=0), "plain", FIVE)[0]
        assert hidden.text not in words.decode(ids)


@pytest.mark.parametrize(
    ("build", "values", "end"),
    [
        (checkpoints.qwen2, {"style": "chat"}, "<|im_end|>\n"),
        (checkpoints.llama, {"style": "chat", "instruction": "請續寫。"}, "</s><s>"),
        (checkpoints.llama, {"style": "homework"}, "\n"),
        (checkpoints.qwen2, {"template": "上聯：{couplet}下聯："}, "\n"),
    ],
)
def test_in_every_layout_they_are_turns_as_training_has_them(
    build: Callable[[Path], Path],
    values: dict[str, str],
    end: str,
    poems: RunPoems,
    tmp_path: Path,
) -> None:
    from transformers import AutoTokenizer

    from lianju.config import ModelSettings
    from lianju.model import load_base

    prompt = PromptSettings.model_validate(values)
    settings = ModelSettings(name=str(build(tmp_path / "base")))
    plain = load_base(settings, layouts_of(prompt), torch.device("cpu"))
    model = with_shots(replace(plain, folder=Path()), prompt.name, poems, 1, seed=0)
    before, _ = _shown(model, prompt.name, FIVE)
    words = plain.vocabulary
    example = next(
        one
        for one in poems.train
        if _turn(words, prompt.name, one) == before[: len(_turn(words, prompt.name, one))]
    )
    rest = before[len(_turn(words, prompt.name, example)) :]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "base")
    assert tokenizer.decode([words.original_ids[index] for index in rest]) == end
    # What ends the poems shown ends an answer, and is no text of it.
    after = model.vocabulary
    assert after.stop == rest[0] and {*words.stops} <= {*after.stops}
    assert render_completion(after, "好")[-1] == rest[0]
    assert after.decode([*after.spell("好"), rest[0]]) == "好"


def _turn(words: Vocabulary, style: str, example: Example) -> list[int]:
    start = 0 if words.bos is None else 1
    return [*render(style, words, example.couplet)[start:], *words.spell(example.completion)]


def test_the_models_own_prompt_is_another_and_stays_as_it_was(poems: RunPoems) -> None:
    plain = _model(tiny.vocabulary())
    two, three = (with_shots(plain, "plain", poems, k, seed=0).vocabulary for k in (2, 3))
    assert len({fingerprint("plain", words) for words in (plain.vocabulary, two, three)}) == 3
    assert render("plain", plain.vocabulary, FIVE) == render("plain", tiny.vocabulary(), FIVE)


def test_a_model_so_shown_writes_scores_and_keeps_rules(poems: RunPoems) -> None:
    model = with_shots(tiny.model(), "plain", poems, 2, seed=0)
    settings = DecodeSettings(max_length=60, temperature=5, top_p=1, repetition_penalty=1)
    [free] = complete(model, "plain", [FIVE] * 6, settings.model_copy(update={"candidates": 8}))[:1]
    assert any(one.finish == "stop" for one in free) and not any("\n" in one.text for one in free)
    rules = constrain(model.vocabulary, [rules_for(FIVE, VerseSettings(form="wujue"))])
    [[ruled]] = complete(
        model, "plain", [FIVE], settings.model_copy(update={"max_length": None}), constraints=rules
    )
    assert isinstance(ruled, Completion) and ruled.finish == "stop" and len(ruled.text) == 12
    [loss] = true_losses(model, "plain", tiny.EXAMPLES[:1])
    [alone] = true_losses(tiny.model(), "plain", tiny.EXAMPLES[:1])
    assert loss and alone and loss != alone
    [poem] = Writer(model, "plain").write(FIVE, form="wujue", particles=1)
    assert len(poem.lines) == 4


def test_a_model_without_room_is_refused(poems: RunPoems, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 1024}')
    small = replace(_model(tiny.vocabulary()), folder=tmp_path)
    with_shots(small, "plain", poems, 1, seed=0)
    with pytest.raises(UserError, match="reads 1024 tokens at most, and 16 poems"):
        with_shots(small, "plain", poems, 16, seed=0)


def test_too_few_poems_are_refused(poems: RunPoems) -> None:
    few = RunPoems(Corpus(poems.train[:3], [], "here", 3), Split([], [], ""), poems.train[:3], [])
    with pytest.raises(UserError, match="only 3 poems that can be shown"):
        with_shots(_model(tiny.vocabulary()), "plain", few, 4, seed=0)

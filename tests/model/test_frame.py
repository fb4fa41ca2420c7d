from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from lianju.config import INSTRUCTION, SYSTEM, ModelSettings
from lianju.errors import UserError
from lianju.model import SLOT, LanguageModel, Messages, load_base
from lianju.model.prompt_frame import frames_of
from lianju.model.trimming import full_vocabulary
from lianju.prompt import LAYOUTS, fingerprint, render
from tests import checkpoints, families, tiny

COUPLET = tiny.COUPLETS[1][0]
FIXED = f"{INSTRUCTION}\n{COUPLET}"


def _load(folder: Path) -> LanguageModel:
    settings = ModelSettings(name=str(folder), trim=False)
    return load_base(settings, LAYOUTS, torch.device("cpu"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # TAIDE's card, and the homework's own wording.
        ("llama", f"[INST] <<SYS>>\n{SYSTEM}\n<</SYS>>\n\n{FIXED} [/INST]"),
        # Breeze's card: system text, two spaces, [INST] question [/INST] and a space.
        ("mistral", f"{SYSTEM}  [INST] {FIXED} [/INST] "),
        (
            "qwen2",
            f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{FIXED}<|im_end|>\n"
            "<|im_start|>assistant\n",
        ),
        # Gemma knows no system text: it stands at the head of the question.
        pytest.param(
            "gemma3",
            f"<start_of_turn>user\n{SYSTEM}\n{FIXED}<end_of_turn>\n<start_of_turn>model\n",
            marks=pytest.mark.slow,  # 262,144 tokens
        ),
    ],
)
def test_a_chat_prompt_is_laid_out_and_cut_as_the_models_own(
    folder: Path, name: str, text: str
) -> None:
    checkpoints.ARCHITECTURES[name](folder / name)
    words = _load(folder / name).vocabulary
    frame = words.frames["chat"]
    assert frame.before + COUPLET + frame.after == text

    # The independent reference: the whole prompt through transformers' tokenizer.
    tokenizer = AutoTokenizer.from_pretrained(folder / name)
    whole = tokenizer(text, add_special_tokens=False).input_ids
    ids = render("chat", words, COUPLET)
    start = [] if words.bos is None else [words.bos]
    head, tail = len(frame.before_ids), len(frame.after_ids)
    assert ids[: len(start)] == start and start == (
        [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    )
    assert ids[len(start) :][:head] == whole[:head] and ids[-tail:] == whole[-tail:]
    # And what stands between is the couplet, spelled.
    assert ids[len(start) + head : -tail] == words.spell(COUPLET)


def test_taides_own_layout_is_the_homeworks(folder: Path) -> None:
    checkpoints.llama(folder / "taide")
    words = _load(folder / "taide").vocabulary
    assert render("chat", words, COUPLET) == render("homework", words, COUPLET)


def test_a_model_that_brings_only_a_sentencepiece_file_loads(folder: Path) -> None:
    # So do TAIDE and other models of Llama 2's time.
    old = checkpoints.llama(folder / "old")
    (old / "tokenizer.json").unlink()
    (old / "chat_template.jinja").unlink()
    piece = families.carried("mistral_common", "data/tokenizer.model.v1")
    (old / "tokenizer.model").write_bytes(piece.read_bytes())
    words = _load(old).vocabulary
    reference = families.mistral_sentencepiece()
    text = words.frames["homework"].before
    assert words.frames["homework"].before_ids == reference.encode(text)
    with pytest.raises(UserError, match=r"no chat template: choose prompt\.style homework"):
        render("chat", words, COUPLET)


def test_another_template_is_another_prompt(folder: Path) -> None:
    checkpoints.llama(folder / "one")
    checkpoints.llama(folder / "two", template=checkpoints.LLAMA_2.replace("'<<SYS>>", "'<<Sys>>"))
    one, two = (_load(folder / name).vocabulary for name in ("one", "two"))
    assert fingerprint("chat", one) != fingerprint("chat", two)
    assert fingerprint("homework", one) == fingerprint("homework", two)


def test_a_template_that_tells_the_date_says_the_same_on_any_day(folder: Path) -> None:
    dated = "{{ strftime_now('%d %b %Y') }}" + checkpoints.LLAMA_2
    checkpoints.llama(folder / "dated", template=dated)
    before = _load(folder / "dated").vocabulary.frames["chat"].before
    assert before.startswith("26 Jul 2024")


def test_a_token_without_a_row_is_no_token(folder: Path) -> None:
    checkpoints.llama(folder / "short")
    tokenizer = AutoTokenizer.from_pretrained(folder / "short").backend_tokenizer
    rows = tokenizer.get_vocab_size() - 1
    words = full_vocabulary(tokenizer, rows, {"bos": 1, "stop": 2, "pad": None}, {})
    assert words.size == rows == len(words.original_ids)


def test_a_template_that_loses_the_couplet_is_refused() -> None:
    class Silent:
        chat_template, bos_token = "{{ 'hello' }}", None

        def get_chat_template(self) -> str:
            return self.chat_template

        def apply_chat_template(self, *_: object, **__: object) -> str:
            return "hello"

    layouts = {"chat": Messages(SYSTEM, SLOT)}
    with pytest.raises(UserError, match="chat template cannot be used"):
        frames_of(layouts, families.smollm2_tokenizer(), Silent())


def test_every_stop_token_is_known_and_kept_when_trimmed(folder: Path) -> None:
    checkpoints.qwen2(folder / "stops")
    whole = _load(folder / "stops").vocabulary
    settings = ModelSettings(name=str(folder / "stops"))
    small = load_base(settings, LAYOUTS, torch.device("cpu")).vocabulary
    assert [small.original_ids[stop] for stop in small.stops] == list(whole.stops)
    assert len(whole.stops) == 2 and whole.stop in whole.stops

"""One real distribution over the next token, and what each decoding parameter makes of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, islice

import torch
from torch import Tensor

from lianju.config import DecodeSettings, Settings
from lianju.decode import END, Completion, Stage, complete, next_logits, stages
from lianju.explore.grid import axis_words
from lianju.model import LanguageModel, Vocabulary
from lianju.prompt import render

_OPEN = DecodeSettings(temperature=1, top_k=0, top_p=1, repetition_penalty=1)
_VIEWS: tuple[dict[str, float], ...] = (
    {},
    {"temperature": 0.5},
    {"temperature": 1.5},
    {"top_k": 3},
    {"top_p": 0.8},
    {"min_p": 0.1},
)
_SHOWN = 8
# A picture of eight choices teaches most where top-p 0.8 keeps a good half of them, and the
# likeliest leaves something to the others.
_TELLING: dict[str, float] = {"top_p": 0.8}
_TYPICAL, _LEADING = 5, 0.35
_POEMS, _LONGEST = 15, 24


class DistributionView(Settings):
    """The probabilities of the shown tokens, under `changed` settings and else open ones."""

    changed: dict[str, float]
    shares: tuple[float, ...]
    rest: float
    """The probability of all other tokens together."""
    kept: int
    """How many tokens can be drawn at all."""

    @property
    def name(self) -> str:
        """The settings that are changed: "top-p 0.8"; empty for the model as it is."""
        return ", ".join(axis_words(axis, value) for axis, value in self.changed.items())


class ExampleDistribution(Settings):
    """What could come next in one poem: the likeliest tokens that can be read, by view."""

    couplet: str
    begun: str
    """What stands after the couplet already."""
    tokens: tuple[str, ...]
    vocabulary: int
    views: tuple[DistributionView, ...]

    @property
    def highest(self) -> float:
        """The highest probability in any view."""
        return max(share for view in self.views for share in (*view.shares, view.rest))


@dataclass(frozen=True)
class _Place:
    """The logits (1, vocabulary) of one next token, and what stands before it."""

    logits: Tensor
    couplet: str
    begun: str

    def first(self) -> int:
        """The likeliest token."""
        return int(self.logits[0].argmax())

    def strangeness(self) -> float:
        """How far the number of tokens that top-p keeps and the first's share are from telling."""
        kept = int(_last_stage(self.logits, _TELLING).left.sum())
        first = float(_last_stage(self.logits, {}).probabilities.max())
        return abs(math.log(kept / _TYPICAL)) + abs(math.log(first / _LEADING))


def find_example(model: LanguageModel, style: str, couplets: Sequence[str]) -> ExampleDistribution:
    """The next token at a telling place of poems that the model writes on the first couplets."""
    settings = _OPEN.model_copy(update={"temperature": 0.7, "max_length": _LONGEST})
    poems = [group[0] for group in complete(model, style, couplets[:_POEMS], settings)]
    places = [place for poem in poems for place in _places(model, style, poem)]
    words = model.vocabulary
    # Where the likeliest is punctuation, or the end, there is little to choose.
    open_places = [place for place in places if _token(words, place.first()).isalpha()]
    place = min(open_places or places, key=_Place.strangeness)
    falling = place.logits[0].argsort(descending=True, stable=True).tolist()
    likeliest = [*islice((index for index in falling if _token(words, index)), _SHOWN)]
    return ExampleDistribution(
        couplet=place.couplet,
        begun=place.begun,
        tokens=tuple(_token(words, index) for index in likeliest),
        vocabulary=words.size,
        views=tuple(_view(place.logits, torch.tensor(likeliest), changed) for changed in _VIEWS),
    )


@torch.inference_mode()
def _places(model: LanguageModel, style: str, poem: Completion) -> list[_Place]:
    spelled = [model.vocabulary.spell(character) for character in poem.text]
    written = [token for character in spelled for token in character]
    prompt = render(style, model.vocabulary, poem.couplet)
    logits = next_logits(model, [*prompt, *written], len(written) + 1)
    # Not in the middle of a character that is spelled in bytes.
    places = accumulate(map(len, spelled), initial=0)
    return [
        _Place(logits[at : at + 1], poem.couplet, poem.text[:number])
        for number, at in enumerate(places)
    ]


def _view(logits: Tensor, likeliest: Tensor, changed: dict[str, float]) -> DistributionView:
    stage = _last_stage(logits, changed)
    shares = stage.probabilities[0].cpu()
    others = shares.scatter(0, likeliest, 0.0)
    return DistributionView(
        changed=changed,
        shares=tuple(shares[likeliest].tolist()),
        rest=float(others.sum()),
        kept=int(stage.left.sum()),
    )


def _last_stage(logits: Tensor, changed: dict[str, float]) -> Stage:
    seen = torch.zeros_like(logits, dtype=torch.bool)
    return stages(logits, None, seen, _OPEN.model_copy(update=changed))[-1]


def _token(vocabulary: Vocabulary, index: int) -> str:
    """A token as a reader sees it; nothing for a part of a character and for white space."""
    if index in vocabulary.stops:
        return END
    text = vocabulary.decode([index])
    return text if text.isprintable() and text.strip() and "\ufffd" not in text else ""

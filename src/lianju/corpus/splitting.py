"""What to train on, and the poems that validation never shares with training."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest

from lianju.corpus.characters import line_keys, placeholders
from lianju.corpus.homework import homework_ids
from lianju.corpus.poems import SONG, Corpus, Example, Poem, Split
from lianju.errors import UserError
from lianju.verse import (
    FORMS,
    Form,
    couplet_fault,
    form_of,
    lines_of,
    normal,
    opening,
    shape_of,
)

# How many poems to validate on, unless there are few to train on.
VALIDATION = 500
_LEAST_VALIDATION = 64
_LEGAL = 600


def split(
    training: Corpus, test: Sequence[Example], large: list[Poem] | None, n: int = VALIDATION
) -> Split:
    """Cut what there is into training pool and validation.

    With the large corpus, validation is `validation_poems`, whatever the training corpus is,
    and training poems that share a line with it leave the pool. Without it (`large` is None),
    validation is taken out of the training corpus: `n` poems, but at most a fifth of them.
    """
    if large is None:
        return _split_alone(training, n)
    validation = validation_poems(large, test, n)
    taken = set().union(*(line_keys(example.text) for example in validation))
    pool = [example for example in training.examples if not line_keys(example.text) & taken]
    note = (
        f"{len(validation):,} regular poems of the large corpus, none of whose lines stands in "
        "the homework's training poems or in the test set."
    )
    if left_out := len(training.examples) - len(pool):
        note += f" {left_out:,} training poems that share a line with them were left out."
    return Split(pool, validation, note)


def validation_poems(
    large: Sequence[Poem], test: Sequence[Example], n: int = VALIDATION
) -> list[Example]:
    """The first `n` regular poems of the large corpus by the SHA-256 of their text.

    They share no line, variants folded, with the homework's 5,001 poems as they come,
    uncleaned, nor with `test`, nor with each other. They do not depend on anything else, and
    a smaller `n` gives the first of a larger one.
    """
    homework = set(homework_ids())
    taken = set().union(*(line_keys(example.text) for example in test))
    taken.update(*(line_keys(poem.text) for poem in large if poem.id in homework))
    candidates = (
        Example(poem.paragraphs[0], "".join(poem.paragraphs[1:]), poem.id)
        for poem in sorted(large, key=lambda poem: _digest(poem.text))
        if poem.paragraphs and poem.id not in homework
    )
    chosen: list[Example] = []
    for example in candidates:
        if len(chosen) == n:
            break
        lines = line_keys(example.text)
        if is_regular(example) and not lines & taken:
            chosen.append(example)
            taken |= lines
    if len(chosen) < n:
        raise UserError(
            f"the large corpus has only {len(chosen):,} poems to validate on, not {n:,}: "
            "ask for fewer"
        )
    return chosen


def legal_poems(large: Sequence[Poem], taken: set[str]) -> list[Example]:
    """The first 600 poems, by the SHA-256 of their text, that have one of the four forms and a
    couplet which can open regulated verse, and share no line with `taken` or with each other.
    """
    chosen: list[Example] = []
    taken = set(taken)
    for poem in sorted(large, key=lambda poem: _digest(poem.text)):
        if len(chosen) == _LEGAL:
            break
        example = Example("".join(poem.paragraphs[:1]), "".join(poem.paragraphs[1:]), poem.id)
        if _opens(example) and not (lines := line_keys(example.text)) & taken:
            chosen.append(example)
            taken |= lines
    return chosen


def shrunk(parts: Split, training: int) -> Split:
    """Half as many validation poems as are trained on, though 64 at least: the first of them.

    The pool stays as it is, so that none of the others is trained on either.
    """
    wanted = max(_LEAST_VALIDATION, training // 2)
    if wanted >= len(parts.validation):
        return parts
    note = (
        f"the first {wanted:,} of {parts.note} So few because only {training:,} are trained on; "
        "data.validation sets another number."
    )
    return Split(parts.pool, parts.validation[:wanted], note)


def select(pool: Sequence[Example], n: int, seed: int) -> list[Example]:
    """`n` poems of the pool, as many of each form as of any other while there are some, and within
    a form as many of the Tang as of the Song.

    Half the homework's poems are wulü 五律; a model that sees the four forms equally often
    learns to count lines and characters sooner. Within a kind the order depends on `seed`
    alone; a smaller `n` gives the first of a larger one. All, where the pool has fewer.
    """
    kinds: dict[tuple[Form | None, bool], list[Example]] = {}
    for example in sorted(pool, key=lambda example: _digest(f"{seed}\n{example.text}")):
        kind = form_of(example.text), example.source.startswith(SONG)
        kinds.setdefault(kind, []).append(example)
    order = [(form, song) for form in (*FORMS, None) for song in (False, True)]
    rounds = zip_longest(*(kinds[kind] for kind in order if kind in kinds))
    return [example for turn in rounds for example in turn if example is not None][:n]


def split_off(training: Corpus, n: int) -> Split:
    """Take `n` regular poems out of the training corpus to validate on, but at most a fifth: of the
    Tang, and none that shares a line with another poem. Raises `UserError` where there is none.
    """
    examples = training.examples
    counts = Counter(line for example in examples for line in line_keys(example.text))
    regular = [
        example
        for example in examples
        if not example.source.startswith(SONG)
        and is_regular(example)
        and all(counts[line] == 1 for line in line_keys(example.text))
    ]
    wanted = min(n, len(examples) // 5)
    validation = sorted(regular, key=lambda example: _digest(example.text))[:wanted]
    if not validation:
        raise UserError(
            f"{training.origin} has only {len(examples):,} poems: too few to keep any for "
            "validation. Add some, or make npm available for the large corpus."
        )
    kept = set(validation)
    pool = [example for example in examples if example not in kept]
    note = f"{len(validation):,} of these poems, taken out, none of whose lines stands in another."
    return Split(pool, validation, note)


def _split_alone(training: Corpus, n: int) -> Split:
    parts = split_off(training, n)
    note = (
        f"The large corpus is not available: {len(parts.validation):,} regular poems were taken "
        "out of the training poems instead. Validation losses do not compare with those of other "
        "runs."
    )
    return Split(parts.pool, parts.validation, note)


def is_regular(example: Example) -> bool:
    """Whether couplet and whole are of regular shape, with plain punctuation and no gaps."""
    return (
        normal(example.couplet) == example.couplet
        and couplet_fault(example.couplet) is None
        and shape_of(example.couplet, example.completion).right
        and not placeholders(example.text)
    )


def _opens(example: Example) -> bool:
    """Whether a poem has one of the four shapes and a couplet that can open regulated verse."""
    if not is_regular(example):
        return False
    found = opening(lines_of(example.couplet))
    return not found.faults and not found.rare


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()

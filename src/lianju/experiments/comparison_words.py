"""What came of a comparison of runs, in a few sentences made from its numbers."""

from collections.abc import Iterator

from lianju.evaluate import Comparison, holds, p_words
from lianju.experiments.comparison import LOSS, SHAPE, ComparedRun, RunComparison
from lianju.verse import Bilingual

_SEEDS = Bilingual(
    "The intervals and p speak of other poems. Each run was trained once: how far another seed "
    "would move it, only a second run with another --seed can tell.",
    "區間與 p 值說的是換一批詩會如何。每組設定只訓練了一次；換種子會差多少，"
    "須以另一 --seed 再訓練方知。",
)


def verdict_of(found: RunComparison) -> list[Bilingual]:
    """The best run by validation loss, whether that could be chance, and what to keep in mind."""
    said = list(_best(found))
    if len(found.ranked) > 1:
        said += _shapes(found)
    said += _left_out(found)
    return [*said, _SEEDS] if found.tests else said


def better(test: Comparison) -> bool:
    """Whether the first run is better than the other by more than chance would give."""
    difference = test.difference.value or 0.0
    return holds(test) and (difference < 0 if test.metric == LOSS else difference > 0)


def _best(found: RunComparison) -> Iterator[Bilingual]:
    if len(found.ranked) < 2:
        yield Bilingual(
            "No best run can be named: no two were validated on the same poems. Train them with "
            "the same data.source, data.corpus and data.validation.",
            "無從評定何者最佳：各組驗證用的詩不同。請以相同的 data.source、data.corpus、"
            "data.validation 訓練。",
        )
        return
    best, second = (found.runs[number] for number in found.ranked[:2])
    labels = [found.labels[number] for number in found.ranked[:2]]
    test = found.test(found.ranked[1], LOSS)
    if test is None:
        yield _untested(best, second, labels)
        return
    gap, low, high = _gap(test)
    n, p = f"{test.difference.n:,}", p_words(test.adjusted)
    sure = better(test)
    english = "that is more than chance" if sure else "that could be chance"
    chinese = "並非偶然" if sure else "可能只是偶然"
    yield Bilingual(
        f"Lowest validation loss: {labels[0]}, {_loss(best)} nats a character. Next is "
        f"{labels[1]}, with {gap} more (95% interval {low} to {high}; {n} poems, {p}): "
        f"{english}.",
        f"驗證損失最低：{labels[0]}，每字 {_loss(best)} 奈特。其次 {labels[1]}，高 {gap}"
        f"（95% 區間 {low} 至 {high}；{n} 首，{p}），{chinese}。",
    )
    yield from _others(found)


def _untested(best: ComparedRun, second: ComparedRun, labels: list[str]) -> Bilingual:
    old = ", ".join(one.row.name for one in (best, second) if one.each is None)
    return Bilingual(
        f"Lowest validation loss: {labels[0]}, {_loss(best)} nats a character; next "
        f"{labels[1]}, {_loss(second)}. Whether that could be chance cannot be told: {old} "
        "keeps no losses poem by poem, as runs of Lianju 0.3.0 and before do not.",
        f"驗證損失最低：{labels[0]}，每字 {_loss(best)} 奈特；其次 {labels[1]}，"
        f"{_loss(second)}。是否偶然無從得知：{old} 未留各首損失（Lianju 0.3.0 及更早的訓練皆無）。",
    )


def _others(found: RunComparison) -> Iterator[Bilingual]:
    """Of more than two runs, which cannot be told from the best, if not only the second."""
    rest = found.ranked[2:]
    near = [n for n in rest if (test := found.test(n, LOSS)) and not better(test)]
    if near:
        english = ", ".join(found.labels[n] for n in near)
        chinese = "、".join(found.labels[n] for n in near)
        yield Bilingual(
            f"Not to be told from it either, by these poems: {english}.",
            f"依這些詩，以下亦與之難分高下：{chinese}。",
        )
    elif rest and all(found.test(n, LOSS) for n in rest):
        yield Bilingual(
            "Against each of the others it is better by more than chance.",
            "與其餘各組相比，差距皆非偶然。",
        )


def _shapes(found: RunComparison) -> Iterator[Bilingual]:
    """Who has the most right shapes, where it is counted, and whether the best run has fewer."""
    shares = {n: share for n in found.ranked if (share := found.runs[n].row.shape) is not None}
    first = found.ranked[0]
    if len(shares) < 2 or first not in shares:
        return
    most = max(shares, key=lambda n: shares[n])
    if shares[first] == shares[most]:
        yield Bilingual(
            f"Right shape on unseen couplets: none has more than {found.runs[first].row.name}, "
            f"{_shape(found.runs[first])}.",
            f"未見上聯之合式：無高於 {found.runs[first].row.name} 者，"
            f"{_shape(found.runs[first])}。",
        )
        return
    test = found.test(most, SHAPE)
    sure = test is not None and holds(test)
    p = f", {p_words(test.adjusted)}" if test else ""
    yield Bilingual(
        f"Right shape on unseen couplets: {found.runs[most].row.name} has most, "
        f"{_shape(found.runs[most])}, against {_shape(found.runs[first])}"
        f"{p}: {'more than chance' if sure else 'that could be chance'}.",
        f"未見上聯之合式：{found.runs[most].row.name} 最高，{_shape(found.runs[most])}，"
        f"前者為 {_shape(found.runs[first])}{p.replace(', ', '，')}："
        f"{'並非偶然' if sure else '可能只是偶然'}。",
    )


def _left_out(found: RunComparison) -> Iterator[Bilingual]:
    if len(found.ranked) < 2:
        return
    names = [one.row.name for n, one in enumerate(found.runs) if n not in found.ranked]
    if names:
        yield Bilingual(
            f"Not ranked, for validated on other poems: {', '.join(names)}.",
            f"驗證用的詩不同，不列入名次：{'、'.join(names)}。",
        )


def _gap(test: Comparison) -> list[str]:
    """How much more loss the second run has, with the ends of the interval."""
    one = test.difference
    # The test has the first less the second.
    ends = (-(end or 0.0) for end in (one.value, one.high, one.low))
    return [f"{end + 0.0:.3f}".replace("-", "\N{MINUS SIGN}") for end in ends]


def _loss(one: ComparedRun) -> str:
    return "–" if one.row.loss is None else f"{one.row.loss:.3f}"


def _shape(one: ComparedRun) -> str:
    row = one.row
    assert row.shape is not None and row.shape_n
    return f"{round(row.shape * row.shape_n):,}/{row.shape_n:,}"

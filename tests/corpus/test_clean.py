"""What is dropped, with which reason, and that nothing goes missing."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lianju.corpus import Example, clean
from lianju.corpus import test_set as benchmark
from lianju.corpus.characters import foreign, key, line_keys, placeholders, simplified
from lianju.corpus.records import records_of

FIRST, REST = "白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓。"
OTHER = "孤舟簑笠翁，獨釣寒江雪。"


def record(couplet: Any, rest: Any) -> dict[str, Any]:
    return {"instruction": "完成整首詩。", "input": couplet, "output": rest}


def cleaned(*records: Any, test: list[Example] | None = None) -> tuple[list[Example], list[str]]:
    names = [str(index) for index in range(len(records))]
    examples, dropped, _ = clean(records_of(list(records)), names, test or [])
    return examples, [item.reason for item in dropped]


@pytest.mark.parametrize(
    ("couplet", "rest", "reason"),
    [
        ("囗日依山盡，黃河入海流。", REST, "placeholder for a lost character"),
        (FIRST, "欲窮千里□，更上一層樓。", "placeholder for a lost character"),
        (FIRST, "欲窮千里\ue829，更上一層樓。", "placeholder for a lost character"),
        (FIRST, "欲窮千里○，更上一層樓。", "placeholder for a lost character"),
        (FIRST, "欲窮千里…，更上一層樓。", "placeholder for a lost character"),
        ("白日依山盡。", "黃河入海流。", "input of one line"),
        ("The white sun sets, the river flows.", REST, "text that is not Chinese"),
        (FIRST, "欲窮千里め，更上一層樓。", "text that is not Chinese"),
        (FIRST, "", "no usable input or output"),
        (FIRST, " \n", "no usable input or output"),
        (FIRST, "。。", "no usable input or output"),
        (FIRST, None, "no usable input or output"),
        (FIRST, "\ud800" + REST, "no usable input or output"),
        (["白日"], REST, "no usable input or output"),
        (FIRST, REST * 400, "no usable input or output"),
    ],
)
def test_each_reason(couplet: Any, rest: Any, reason: str) -> None:
    assert cleaned(record(couplet, rest)) == ([], [reason])


def test_a_good_record_is_kept_and_its_punctuation_made_whole() -> None:
    examples, reasons = cleaned(record(" 白日依山盡, 黃河入海流.", "欲窮千里目,\n更上一層樓."))
    assert examples == [Example(FIRST, REST, "0")]
    assert reasons == []


@pytest.mark.parametrize("item", [None, 3, [], {}, {"input": FIRST}])
def test_what_is_no_record_is_dropped(item: Any) -> None:
    assert cleaned(item) == ([], ["no usable input or output"])


def test_the_first_of_a_poem_and_of_an_input_is_kept() -> None:
    examples, reasons = cleaned(
        record(FIRST, REST),
        record("白日依山盡，黄河入海流！", "欲窮千里目；更上一層樓。"),
        record(FIRST, OTHER),
        record(FIRST + REST, OTHER),
        record(FIRST + REST, OTHER + FIRST),
    )
    assert [example.source for example in examples] == ["0", "3"]
    assert reasons == ["duplicate poem", "duplicate input", "duplicate input"]


def test_the_same_poem_cut_elsewhere_is_a_duplicate() -> None:
    assert cleaned(record(FIRST, REST + OTHER), record(FIRST + REST, OTHER))[1] == [
        "duplicate poem"
    ]


def test_what_is_dropped_does_not_shadow_a_later_poem() -> None:
    examples, reasons = cleaned(record(FIRST, "欲窮千里□，更上一層樓。"), record(FIRST, REST))
    assert [example.source for example in examples] == ["1"]
    assert reasons == ["placeholder for a lost character"]


def test_a_poem_of_the_test_set_is_dropped_in_any_spelling() -> None:
    # The test set writes 栖栖, 何爲 and, in its ground truth, 嘆.
    examples, reasons = cleaned(
        record("夫子何為者，棲棲一代中。", "地猶鄹氏邑，宅即魯王宮。"),
        record(FIRST, "歎鳳嗟身否，傷麟怨道窮。"),
        record(FIRST, REST),
        test=benchmark(),
    )
    assert reasons == ["shares a line with the test set"] * 2
    assert [example.source for example in examples] == ["2"]


signs = "白日依山盡黃河流□a，。？ \n囗爲為/—（）[]「」《》①…*\u200b\xa0"
verse = st.text(st.sampled_from(signs), max_size=24)
values = st.one_of(verse, st.none(), st.integers(), st.text(max_size=5))
records = st.lists(
    st.one_of(values, st.fixed_dictionaries({"input": values, "output": values})), max_size=12
)


@given(records)
@example(["依/依/（"])  # a bracket is no verse
def test_every_record_is_kept_or_dropped_and_cleaning_twice_changes_nothing(
    items: list[Any],
) -> None:
    names = [str(index) for index in range(len(items))]
    examples, dropped, _ = clean(records_of(items), names, benchmark())
    places = [int(example.source) for example in examples] + [item.index for item in dropped]
    assert sorted(places) == list(range(len(items)))
    again = records_of([record(example.couplet, example.completion) for example in examples])
    sources = [example.source for example in examples]
    assert clean(again, sources, benchmark()) == (examples, [], [])


def test_keys_fold_variants_brackets_and_punctuation() -> None:
    assert key("爲君[持]酒，") == key("為君持酒。")
    assert key("羣山萬壑") == key("群山万壑") != key("羣山一壑")
    assert key("\uf9ea離") == key("離離")  # a compatibility ideograph
    assert key("，。 [] abc") == ""
    assert line_keys("白日依山盡，[黃]河入海流。") == {key("白日依山盡"), key("黃河入海流")}
    assert line_keys("…，□。") == set()


def test_kinds_of_characters() -> None:
    assert placeholders("白囗日\ue829依○") == "囗\ue829○"
    assert foreign("白日abc，３め。") == "abc３め"
    assert simplified("举头望明月，后來雲云里") == "举头"

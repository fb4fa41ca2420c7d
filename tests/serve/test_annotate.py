"""Annotation is the checker's verdict, character by character, and changes no text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianju.corpus import Poem
from lianju.decode import Completion
from lianju.serve import annotate
from lianju.serve.native_answers import PoemAnswer
from lianju.verse import check, lines_of, shape_of, words
from lianju.writer import continuation

COUPLET, REST = "移舟泊煙渚，日暮客愁新。", "野曠天低樹，江清月近人。"
WHOLE = Completion(COUPLET, REST, "stop", 13, -26.0, -1.5)


def nowhere(line: str) -> list[Poem]:
    return []


def draw(text: str, couplet: str = COUPLET, ruled: bool = False, **options: Any) -> PoemAnswer:
    written = continuation(Completion(couplet, text, "stop", 1, -1.0), ruled, nowhere)
    return annotate.poem(0, written, **options)


def test_a_poem_says_what_the_model_and_the_checker_say() -> None:
    poem = annotate.poem(3, continuation(WHOLE, True, nowhere))
    verdict = check(COUPLET + REST)
    assert (poem.index, poem.couplet, poem.text, poem.finish) == (3, COUPLET, REST, "stop")
    assert (poem.tokens, poem.logprob, poem.allowed) == (13, -26.0, -1.5)
    assert poem.logprob_per_character == -26.0 / 12
    assert poem.form == "wujue" and poem.fault == ""
    row = poem.verdict.model_dump()
    assert row.pop("said") == annotate.said(verdict).model_dump()
    assert row == words.verdict_row(verdict)


def test_a_line_has_its_rhyme_its_readings_and_its_signs() -> None:
    lines = annotate.poem(0, continuation(WHOLE, True, nowhere)).lines
    assert [line.rhyme for line in lines] == ["", "上平聲十一真", "", "上平聲十一真"]
    assert "".join(c.sign for c in lines[3].characters) == "○○●●○"
    assert [c.rhymes for c in lines[3].characters] == [False] * 4 + [True]
    assert not any(c.rhymes for c in lines[2].characters)
    assert lines[3].characters[4].readings[0] == "平真"


def test_a_fault_stands_at_its_character() -> None:
    lines = draw("野曠天低樹，江清月近樓。").lines
    assert lines[3].characters[4].faults == ["落韻"]
    assert sum(len(c.faults) for line in lines for c in line.characters) == 1


def test_old_style_verse_has_faults_in_its_verdict_but_none_at_its_characters() -> None:
    poem = draw("孤舟蓑笠翁，獨釣寒江雪。", "千山鳥飛絕，萬徑人蹤滅。")
    assert poem.verdict.style == "old-style" and poem.verdict.faults
    assert not any(c.faults for line in poem.lines for c in line.characters)


@pytest.mark.parametrize(
    ("prefix", "given", "expected"),
    [
        ("", (), [1, 2]),
        ("野曠天低", (), [1, 2]),
        ("野曠天低樹", (), [1, 2, 3]),
        ("野曠天低樹，", (), [1, 2, 3]),
        ("野曠天低樹,江", (), [1, 2, 3]),
        ("", (4,), [1, 2, 4]),
        ("野曠天低樹，", (4,), [1, 2, 3, 4]),
    ],
)
def test_given_lines_are_those_that_the_model_did_not_write(
    prefix: str, given: tuple[int, ...], expected: list[int]
) -> None:
    poem = draw(REST, prefix=prefix, given=given)
    assert [line.number for line in poem.lines if line.given] == expected


def test_copied_lines_have_their_sources_but_not_those_of_the_couplet() -> None:
    asked = []

    def everywhere(line: str) -> list[Poem]:
        asked.append(line)
        return [Poem("1", "孟浩然", "宿建德江", ())]

    poem = annotate.poem(0, continuation(WHOLE, True, everywhere), prefix="野曠天低樹，")
    assert asked == ["野曠天低樹", "江清月近人"]
    assert [len(line.copied) for line in poem.lines] == [0, 0, 1, 1]
    assert poem.lines[3].copied[0].model_dump() == {"author": "孟浩然", "title": "宿建德江"}
    verdict = check(COUPLET + REST)
    assert all(line.copied for line in annotate.checked(verdict, everywhere).lines)


def test_form_and_fault_are_those_of_the_shape_where_no_rules_were_kept() -> None:
    short = "野曠天低，江清月近人。"
    assert draw(short).fault == shape_of(COUPLET, short).fault != ""
    assert draw(short).form is None
    assert draw(short, ruled=True).fault == ""
    cut = Completion(COUPLET, REST, "length", 12, -1.0)
    poem = annotate.poem(0, continuation(cut, False, nowhere))
    assert (poem.form, poem.finish) == (None, "length") and poem.fault
    # With rules ten lines are what was asked for, without them no shape that is looked for.
    ten = REST * 4
    assert draw(ten, ruled=True).form == "wupai" and draw(ten).form is None


def test_the_best_liked_stands_first_by_character_not_by_sum() -> None:
    poems = [
        annotate.poem(
            i, continuation(Completion(COUPLET, text, "stop", 1, logprob), False, nowhere)
        )
        for i, (text, logprob) in enumerate([("山。", -6.0), ("山山山山山。", -12.0), ("。", -3.0)])
    ]
    assert [poem.index for poem in annotate.ranked(poems)] == [1, 0, 2]


def test_a_check_says_what_the_checker_says_in_both_languages() -> None:
    verdict = check(COUPLET + "野曠天低樹，江清月近樓。")
    answer = annotate.checked(verdict, nowhere, ["a note"])
    assert (answer.form, answer.style, answer.why) == ("wujue", "faulty", "")
    assert (answer.rhyme, answer.types, answer.regular) == (verdict.rhyme, verdict.types, False)
    [fault] = answer.faults
    assert (fault.rule, fault.line, fault.position) == ("落韻", 4, 5)
    assert fault.said.en == words.fault_words(verdict, verdict.faults[0], "en")
    assert fault.rule_said.zh == words.rule_words(verdict.faults[0], "zh")
    assert answer.notes == ["a note"] and not any(line.given for line in answer.lines)


def test_the_headings_of_a_verdict() -> None:
    assert annotate.said(check(COUPLET + REST)).model_dump() == {
        "en": [
            "五絕 wujue · regulated verse 近體詩 with no fault",
            "level opening 平起, first line does not rhyme 首句不入韻 · rhyme 上平聲十一真",
        ],
        "zh": ["五絕 · 近體詩，合律", "平起，首句不入韻 · 押上平聲十一真"],
    }
    old = annotate.said(check("千山鳥飛絕，萬徑人蹤滅。孤舟蓑笠翁，獨釣寒江雪。")).zh
    assert old == ["五言古絕 · 古體詩", "押入聲九屑", "偶數句以仄聲收尾；近體詩押平聲韻。"]


@given(st.text(st.sampled_from("山水天月，。？ 「a\n𠮷"), max_size=40), st.integers(0, 30))
def test_no_character_is_lost_added_or_changed(text: str, cut: int) -> None:
    poem = draw(text, prefix=text[:cut])
    assert poem.text == text
    joined = ["".join(c.character for c in line.characters) for line in poem.lines]
    assert joined == [line.text for line in poem.lines]
    assert "".join(joined) == "".join(lines_of(COUPLET + text))
    # Lines that stand already come before all others.
    given_lines = [line.given for line in poem.lines]
    assert given_lines == sorted(given_lines, reverse=True)

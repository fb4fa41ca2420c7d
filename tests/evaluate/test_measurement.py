"""Every metric at once, on the real corpus."""

import pytest

from lianju.corpus import line_keys, training_corpus
from lianju.decode import Completion
from lianju.evaluate.measurement import Tools, measure, tools
from lianju.evaluate.metrics import METRICS
from lianju.evaluate.suites import NAMES, couplets_digest, suite
from lianju.verse import form_of

OF_THE_TRUTH = {"loss", "perplexity", "rank"}
OF_ANSWERS = {"around", "no_verse", "refused", "prose"}


@pytest.fixture(scope="module")
def kit() -> Tools:
    return tools()


def poem(couplet: str, text: str, logprob: float = -30.0) -> Completion:
    return Completion(couplet, text, "stop", len(text) + 1, logprob)


def test_poets_have_every_figure(kit: Tools) -> None:
    examples = suite("heldout", 40)
    groups = [[poem(one.couplet, one.completion)] for one in examples]
    measured = measure(groups, [one.completion for one in examples], kit)
    assert set(measured.figures) == set(METRICS) - OF_THE_TRUTH - OF_ANSWERS
    values = {name: figure.value for name, figure in measured.figures.items()}
    assert values["shape"] == values["known_lines"] == values["recall_chrf"] == 1
    assert values["simplified"] == values["outside"] == values["garbled"] == 0
    assert values["lines"] == sum(row["lines"] for [row] in measured.marks) / 40  # type: ignore[misc]
    assert values["rhyme"] is not None and values["rhyme"] > 0.85


def test_what_is_copied_is_named_and_the_couplet_said_again_is_not(kit: Tools) -> None:
    couplet = "白日依山盡，黃河入海流。"
    groups = [[poem(couplet, "白日依山盡，更上一層樓。"), poem(couplet, "")]]
    [[first, nothing]] = measure(groups, [None], kit).marks
    assert first["known_lines"] == 0.5
    assert str(first["copied"]).startswith("更上一層樓 ")
    assert first["longest_run"] == 5 and first["opening"] == "白日"
    assert first["logprob"] == pytest.approx(-30 / 12)
    assert nothing["known_lines"] is nothing["logprob"] is nothing["recall_f1"] is None


def test_suites_are_what_reports_say_they_are() -> None:
    """A couplets_digest that changes makes reports incomparable: raise no suite by accident."""
    assert {name: (len(suite(name)), couplets_digest(suite(name))) for name in NAMES} == {
        "hw5": (15, "83a39adeea6e"),
        "heldout": (500, "14408fab8ec5"),
        "legal": (600, "843ef46157fb"),
    }


def test_legal_shares_no_line_with_what_is_trained_on_or_held_out() -> None:
    seen: set[str] = set()
    for example in [*suite("hw5"), *suite("heldout"), *training_corpus().examples]:
        seen |= line_keys(example.text)
    legal = suite("legal")
    assert not any(line_keys(example.text) & seen for example in legal)
    assert suite("legal", 7) == legal[:7]


def test_every_form_has_poems_enough_to_rank_against() -> None:
    forms = [form_of(example.text) for example in [*suite("heldout"), *suite("legal")]]
    assert min(forms.count(form) for form in set(forms)) >= 100

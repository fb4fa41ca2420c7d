"""What a run finds out about a model, and what of it is kept for the next run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lianju.config import load_settings
from lianju.corpus import RunPoems, run_poems
from lianju.errors import UserError
from lianju.evaluate import SHOWN, untouched_results
from lianju.evaluate.statistics import perplexity
from lianju.files import write_jsonl
from lianju.model import Compute
from lianju.progress import Reporter
from lianju.training import before_after
from lianju.training.before_after import judge_base, judge_shown
from lianju.training.run_folder import Run, new_run
from tests import tiny

POEMS = "Test couplets, before: from the cache"
LOSS = "Validation loss, before: from the cache"


class Bilingual(Reporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of what untouched models do."""
    monkeypatch.setattr(untouched_results, "folder", lambda: tmp_path / "untouched")
    return tmp_path / "untouched"


@pytest.fixture(scope="module")
def gathered() -> RunPoems:
    """Poems of a run, read once for all."""
    return run_poems(
        source=None,
        corpus="homework",
        leave_out=None,
        poems=14,
        selection="balanced",
        validation=5,
        seed=0,
    )


@pytest.fixture
def judged(
    tmp_path: Path, kept: Path, gathered: RunPoems, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Any, list[str], str]]:
    """Judges the untouched model in a new run: the numbers, what was said, before.jsonl."""
    runs = iter(range(99))

    def judge(weights: int = 0, validation: int = 4, **changed: Any) -> tuple[Any, list[str], str]:
        shown = "shots" in changed
        monkeypatch.setattr(before_after, "base_model", lambda *_: tiny.model(weights))
        values = {
            **{"model.precision": "fp32", "train.cutoff": 400, "decode.max_length": 9},
            **{name.replace("__", "."): value for name, value in changed.items()},
        }
        settings, said = load_settings("default", values), Bilingual()
        split = replace(gathered.split, validation=gathered.split.validation[:validation])
        compute = Compute(torch.device("cpu"), settings.model.precision, "as asked")
        with new_run(tmp_path / f"run{next(runs)}", settings, said) as run:
            result = (judge_shown if shown else judge_base)(
                run, replace(gathered, split=split), compute
            )
        file = run.folder / f"{SHOWN if shown else 'before'}.jsonl"
        return result, said.lines, file.read_text(encoding="utf-8")

    return judge


def test_other_training_does_not_judge_the_base_model_again(judged: Any) -> None:
    first, said, rows = judged()
    assert not any("cache" in line for line in said)
    again, said, same = judged(train__learning_rate=1e-4, lora__rank=4, seed=3)
    assert said[-2:] == [POEMS, LOSS]
    assert (again, same) == (first, rows)
    assert first["test"]["n"] == len(rows.splitlines()) == 15 and first["validation"]["n"] == 4


@pytest.mark.parametrize(
    ("changed", "still"),
    [
        ({"decode__temperature": 0.5}, [LOSS]),
        ({"decode__seed": 1}, [LOSS]),
        ({"decode__max_length": 8}, [LOSS]),
        ({"validation": 5}, [POEMS]),
        ({"model__precision": "bf16"}, [POEMS]),
        ({"prompt__style": "homework"}, []),
    ],
)
def test_what_depends_on_a_setting_is_found_anew(
    judged: Any, changed: dict[str, Any], still: list[str]
) -> None:
    before, *_ = judged()
    after, said, _ = judged(**changed)
    assert [line for line in said if line in (POEMS, LOSS)] == still
    assert (after["validation"] == before["validation"]) == (LOSS in still)


def test_the_base_that_is_shown_poems_is_judged_alike_and_kept_apart(judged: Any) -> None:
    plain, *_ = judged()
    first, said, rows = judged(shots=2)
    assert not any("cache" in line for line in said)
    assert first["test"]["n"] == len(rows.splitlines()) == 15 and first["validation"]["n"] == 4
    assert first["validation"] != plain["validation"]
    again, said, same = judged(shots=2, train__learning_rate=1e-4)
    assert [line for line in said if "from the cache" in line] == [
        "Test couplets, before, shown: from the cache",
        "Validation loss, before, shown: from the cache",
    ]
    assert (again, same) == (first, rows)
    # Others are shown by another seed, or more of them.
    for changed in ({"shots": 3}, {"shots": 2, "seed": 1}):
        assert not any("from the cache" in line for line in judged(**changed)[1])


def test_other_weights_are_another_model(judged: Any) -> None:
    judged()
    assert not any("from the cache" in line for line in judged(weights=1)[1])


def _empty(file: Path) -> None:
    file.write_text("")


def _deep(file: Path) -> None:
    file.write_text("[" * 100_000)


def _another_number(file: Path) -> None:
    value = json.loads(file.read_text())
    first = value["result"][0]
    value["result"][0] = first + 1 if isinstance(first, float) else {**first, "text": "山"}
    file.write_text(json.dumps(value))


@pytest.mark.parametrize("harm", [_empty, _deep, _another_number])
def test_what_is_damaged_is_said_and_found_anew(
    judged: Any, kept: Path, harm: Callable[[Path], None]
) -> None:
    first = judged()
    for file in kept.glob("*.json"):
        harm(file)
    again = judged()
    assert (again[0], again[2]) == (first[0], first[2])
    assert sum("damaged" in line and str(kept) in line for line in again[1]) == 2
    assert judged()[1][-2:] == [POEMS, LOSS]


def test_a_cache_that_cannot_be_written_stops_nothing(judged: Any, kept: Path) -> None:
    kept.write_text("no folder")
    assert judged()[0] == judged()[0]
    assert kept.read_text() == "no folder"


def test_a_result_whose_poems_are_lost_is_not_whole(tmp_path: Path) -> None:
    run = Run(tmp_path, settings=load_settings())
    sound = {
        "test": {"n": 2, "right": 0},
        "validation": {"perplexity": 9.5, "loss_per_character": 2.3},
    }
    result = {**sound, "model": {"parameters": 7}}
    write_jsonl(tmp_path / "before.jsonl", [{"index": 1}, {"index": 2}])
    before_after.check_judged(run, "before", result)
    for damaged in (sound, {**result, "test": {"n": 2}}, {**result, "validation": []}):
        with pytest.raises((LookupError, TypeError)):
            before_after.check_judged(run, "before", damaged)
    write_jsonl(tmp_path / "before.jsonl", [{"index": 1}])
    with pytest.raises(UserError, match="lost poems"):
        before_after.check_judged(run, "before", result)
    with pytest.raises(UserError, match=r"results\.jsonl"):
        before_after.check_judged(run, "results", result)


def test_perplexity_of_a_model_that_has_gone_mad_is_a_number() -> None:
    assert perplexity(0.0) == 1.0 and perplexity(1e4) > 1e300

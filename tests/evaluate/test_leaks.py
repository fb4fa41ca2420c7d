import json
from pathlib import Path

import pytest

from lianju.config import load_settings
from lianju.corpus import Example, large_corpus, split, test_set, training_corpus
from lianju.evaluate.leaks import find_leaks
from lianju.training.run import gather
from lianju.training.run_folder import new_run
from tests import tiny

# Pytest would take the name for a test.
read_test_set = test_set
del test_set

# Its third line is the training poem's, but for two variants of characters.
LEAKED = Example("空山不見人，但聞人語響。", "夜来風雨聲，復照青苔上。", "leaked")
CLEAN = Example("空山不見人，但聞人語響。", "返景入深林，復照青苔上。", "clean")
SUITES = {"legal": [CLEAN, LEAKED], "hw5": read_test_set()}


@pytest.fixture(params=["balanced", "first"])
def adapter(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where the adapter of a run on five made-up poems would lie, had it been trained."""
    records = [
        {"instruction": "", "input": couplet, "output": completion}
        for couplet, completion in (*tiny.COUPLETS[2:], *tiny.COUPLETS[:2])
    ]
    source = tmp_path / "poems.json"
    source.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    settings = load_settings(
        "default",
        {
            "data.source": str(source),
            "data.selection": request.param,
            "data.poems": 5,
            "data.validation": 4,
        },
    )
    with new_run(tmp_path / "run", settings) as run:
        gather(run)
    return tmp_path / "run" / "adapter"


def test_a_training_line_in_a_suite_is_found(adapter: Path) -> None:
    found = find_leaks(adapter, SUITES)
    assert found.checked and found.trained == 5
    assert found.shared == {"legal": ["夜来風雨聲"]}
    assert "5 poems" in found.note and "checkpoints" not in found.note


def test_no_lines_are_shared_with_the_homework(adapter: Path) -> None:
    found = find_leaks(adapter, {"hw5": SUITES["hw5"], "legal": [CLEAN]})
    assert found.checked and found.shared == {}


def test_poems_that_checkpoints_were_chosen_by_are_told(adapter: Path) -> None:
    settings = json.loads((adapter.parent / "settings.json").read_text(encoding="utf-8"))
    corpus = training_corpus(Path(settings["data"]["source"]))
    validation = split(corpus, read_test_set(), large_corpus(), 4).validation
    found = find_leaks(adapter, {"hw5": SUITES["hw5"], "heldout": validation})
    assert found.shared == {}
    assert "By poems of heldout the run also chose the best of its checkpoints" in found.note


def test_the_base_model_is_not_checked() -> None:
    found = find_leaks(None, SUITES)
    assert not found.checked and found.trained == 0 and "contamination" in found.note


def _changed_source(run: Path) -> None:
    source = Path(json.loads((run / "settings.json").read_text(encoding="utf-8"))["data"]["source"])
    poems = json.loads(source.read_text(encoding="utf-8"))
    poems[0]["output"] = "舉頭望山月，欲窮千里目。"
    source.write_text(json.dumps(poems), encoding="utf-8")


def _no_source(run: Path) -> None:
    (run.parent / "poems.json").unlink()


def _no_settings(run: Path) -> None:
    (run / "settings.json").unlink()


def _damaged_settings(run: Path) -> None:
    (run / "settings.json").write_text("{", encoding="utf-8")


def _no_digest(run: Path) -> None:
    (run / "stages" / "poems.json").unlink()


def _damaged_digest(run: Path) -> None:
    (run / "stages" / "poems.json").write_text("[]", encoding="utf-8")


@pytest.mark.parametrize("adapter", ["balanced"], indirect=True)
@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (_changed_source, "are not those that its run began with."),
        (_no_source, "poems.json does not exist."),
        (_no_settings, "it does not lie in the folder of its run."),
        (_damaged_settings, "restore it, or begin a new run."),
        (_no_digest, "its run does not say which poems it began with."),
        (_damaged_digest, "its run does not say which poems it began with."),
    ],
)
def test_unknown_training_poems_are_not_called_clean(
    adapter: Path, harm: object, reason: str
) -> None:
    assert callable(harm)
    harm(adapter.parent)
    found = find_leaks(adapter, SUITES)
    assert not found.checked and found.shared == {} and found.note.endswith(reason)
    assert found.note.startswith("The training poems of this adapter are not known: ")

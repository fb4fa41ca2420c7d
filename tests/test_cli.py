import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lianju.config import DecodeSettings, recipe_names
from lianju.corpus import training_corpus
from lianju.verse import lines_of, opening
from tests import checkpoints
from tests.typed import Typed, lianju

COUPLET = "白日依山盡，黃河入海流。"
SMALL = [
    "--set=data.validation=8",
    "--set=shape_couplets=4",
    "--set=train.validations=2",
    "--set=train.validation_part=4",
    "--max-length=12",
]


@pytest.mark.parametrize("words", ["--help", "run --help", f"check {COUPLET}", "data --help"])
def test_what_needs_no_model_imports_none_of_its_libraries(words: str, tmp_path: Path) -> None:
    """Which is what makes it quick."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lianju", *words.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "lianju.cli.app" in imported
    assert not imported & {"torch", "transformers", "peft", "numpy", "fastapi", "tokenizers"}


@pytest.mark.parametrize(
    ("verb", "flags"),
    [
        ("", ["--debug", "--help", "--version"]),
        (
            "run",
            [
                *(
                    "--epochs",
                    "--learning-rate",
                    "--log",
                    "--max-length",
                    "--model",
                    "--out",
                    "--poems",
                ),
                *("--recipe", "--repetition-penalty"),
                *("--min-p", "--resume", "--seed", "--set", "--source"),
                *("--temperature", "--top-k", "--top-p", "--typical-p"),
            ],
        ),
        (
            "finetune",
            [
                *(
                    "--epochs",
                    "--learning-rate",
                    "--log",
                    "--model",
                    "--out",
                    "--poems",
                    "--recipe",
                ),
                *("--resume", "--seed", "--set", "--source"),
            ],
        ),
        (
            "complete",
            [
                *(
                    "--acrostic",
                    "--adapter",
                    "--base",
                    "--candidates",
                    "--exact",
                    "--form",
                    "--json",
                ),
                *(
                    "--lang",
                    "--lines",
                    "--max-length",
                    "--min-p",
                    "--model",
                    "--particles",
                    "--taste",
                ),
                *("--repetition-penalty", "--rhyme", "--rhymes", "--seed", "--shots"),
                *("--temperature", "--tone", "--top-k", "--top-p", "--typical-p"),
                *("--input", "--output", "--shard"),
            ],
        ),
        (
            "explore next",
            [
                *(
                    "--acrostic",
                    "--adapter",
                    "--after",
                    "--base",
                    "--exact",
                    "--form",
                    "--html",
                    "--json",
                ),
                *("--lines", "--max-length", "--min-p", "--model", "--repetition-penalty"),
                *("--rhyme", "--rhymes", "--seed", "--steps", "--svg", "--temperature", "--tone"),
                *("--top", "--top-k", "--top-p", "--typical-p"),
            ],
        ),
        (
            "explore sweep",
            [
                *(
                    "--acrostic",
                    "--adapter",
                    "--base",
                    "--couplets",
                    "--exact",
                    "--form",
                    "--lines",
                ),
                *("--max-length", "--min-p", "--model", "--out", "--repetition-penalty"),
                *("--rhyme", "--rhymes", "--seed", "--seeds", "--suite", "--temperature", "--tone"),
                *("--shard", "--top-k", "--top-p", "--typical-p"),
            ],
        ),
        (
            "evaluate",
            [
                *("--acrostic", "--adapter", "--against", "--base", "--blind", "--blind-results"),
                *(
                    "--candidates",
                    "--checkpoints",
                    "--compare",
                    "--couplets",
                    "--endpoint",
                    "--exact",
                    "--form",
                    "--instruction",
                    "--judge",
                    "--key-env",
                    "--lines",
                ),
                *(
                    "--max-length",
                    "--min-p",
                    "--model",
                    "--out",
                    "--particles",
                    "--poets",
                    "--price-in",
                    "--price-out",
                    "--run",
                    "--taste",
                    "--yes",
                ),
                *(
                    "--ranks",
                    "--repetition-penalty",
                    "--rhyme",
                    "--rhymes",
                    "--seed",
                    "--shots",
                    "--suite",
                    "--temperature",
                ),
                *("--system", "--template"),
                *("--shard", "--tone", "--top-k", "--top-p", "--typical-p"),
            ],
        ),
        (
            "evaluate --compare",
            [
                *("--compare", "--out"),
            ],
        ),
        ("evaluate --checkpoints", ["--checkpoints", "--couplets", "--exact", "--out", "--set"]),
        (
            "evaluate --judge",
            [
                *("--endpoint", "--homework", "--judge", "--key-env", "--model", "--out"),
                *("--pairs", "--price-in", "--price-out", "--real", "--suite", "--yes"),
            ],
        ),
        (
            "evaluate --blind",
            [
                *("--any-form", "--blind", "--blind-results", "--out", "--pairs", "--real"),
                "--suite",
            ],
        ),
        (
            "evaluate --blind-results",
            [
                *("--blind-results", "--key", "--out"),
            ],
        ),
        (
            "results",
            [
                *("--acrostic", "--form", "--lines", "--max-length", "--min-p", "--out"),
                *(
                    "--particles",
                    "--taste",
                    "--repetition-penalty",
                    "--rhyme",
                    "--rhymes",
                    "--seed",
                ),
                *("--temperature", "--tone", "--top-k", "--top-p", "--typical-p"),
            ],
        ),
        ("runs", ["--json", "--sort"]),
        ("compare", ["--out"]),
        (
            "serve",
            [
                *("--adapter", "--api-key", "--base", "--exact", "--host", "--log-prompts"),
                *("--model", "--origin", "--port", "--queue", "--seconds", "--tokens"),
            ],
        ),
        ("check", ["--borrow", "--json", "--lang", "--no-borrow", "--strict"]),
        ("export", ["--dry-run", "--out", "--push", "--to", "--type"]),
        ("data show", ["--samples", "--source"]),
        ("data check", ["--test"]),
    ],
)
def test_the_surface_has_not_moved(verb: str, flags: list[str], tmp_path: Path) -> None:
    """A flag that appears or goes is a decision: make it here too."""
    done = lianju(*verb.split(), "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", done.stdout))) == sorted(flags)


@pytest.mark.parametrize("verb", ["complete", "explore next", "evaluate", "run"])
def test_help_shows_the_defaults_of_decoding(verb: str, tmp_path: Path) -> None:
    said = " ".join(lianju(*verb.split(), "--help", cwd=tmp_path).stdout.replace("│", " ").split())
    for name in ("temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty"):
        # An example of the flag may stand above the flag.
        [_, text] = re.split(f"--{name.replace('_', '-')} (?:FLOAT|INT) ", said)
        default = DecodeSettings.model_fields[name].default
        assert re.findall(r"\[default: (.*?)\]", text)[0] == str(default)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("frobnicate", "Unknown command"),
        ("run --poms 3", "--poems"),
        ("run --poems many", "many"),
        ("run --poems 0", "data.poems"),
        ("run --epochs 1.5", "'1.5' is not a whole number"),
        ("run --lr 0.1", "--set train.learning_rate=VALUE"),
        ("run --device cpu", "--set model.device=VALUE"),
        ("finetune --lora-rank 4", "--set lora.rank=VALUE"),
        ("run --frobnicate 4", "Unknown option: --frobnicate. See"),
        ("run --temperature -1", "--temperature: "),
        ("run --set train.learnig_rate=1", "train.learning_rate"),
        ("run --recipe nothing", "default, gemma-3-1b, hw5"),
        ("run --resume nowhere", "settings.json"),
        ("run --resume x --poems 3", "give it alone"),
        ("run --source nowhere --out no", "nowhere"),
        ("complete", "COUPLET"),
        ("complete 。 --base", "empty"),
        (f"complete {'山' * 300} --base", "too long"),
        ("run --out /dev/null/x", "cannot write"),
        ("run --resume /dev/null", "settings.json"),
        ("data show --samples -1", "samples"),
        ("complete 白 --base --adapter x", "exclude each other"),
        ("complete 白日依山盡，黃河入海流。 --base --form qijue", "lines of 7"),
        ("complete 白日依山盡，黃河入海流。 --base --form 七律", "lines of 7"),
        ("complete 白日依山盡，黃河入海流。 --base --form 五言 --lang=zh", "'qilu'"),
        ("complete 白日依山盡，黃河入海流。 --base --form qilü --lang zh", "七律每句7字"),
        ("complete 白日依山盡，黃河入海流。 --base --seed 1.5", "'1.5' is not a whole number. See"),
        ("complete 白日依山盡，黃河入海流。 --base --form wulu --lines 4", "8 lines, not 4"),
        ("complete 白日依山盡，黃河入海流。 --base --lines 5", "even"),
        ("complete 白日依山盡，黃河入海流。 --base --rhyme 木", "no rhyme group"),
        ("complete 白日依山盡，黃河入海流。 --base --acrostic 一", "in the acrostic: 1"),
        ("complete 白日依山盡，黃河入海流。 --base --rhymes 東", "in 東, and the poem in 尤"),
        ("complete 白日依山盡，黃河入海流。 --base --rhymes liu", "--rhymes: give Han characters"),
        ("complete 白日依山盡，黃河入海流。 --base --form free --tone off", "keeps no rules"),
        ("complete 白日 --base --form wujue", "need a couplet"),
        ("complete 白日依山盡，黃河入海流。 --adapter nowhere", "is no adapter"),
        ("complete 白日依山盡，黃河入海流。 --base --model ./nowhere", "no model"),
        ("complete 白日依山盡，黃河入海流。 --base --top-p 7", "--top-p: "),
        ("data check nowhere.json", "nowhere.json does not exist"),
        ("check nowhere.txt --lang zh", "「nowhere.txt」不是詩，也沒有這個檔案"),
        ("check . --lang zh", ". 是資料夾：請指明其中的檔案"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_exit_code_2(
    arguments: str, message: str, tmp_path: Path
) -> None:
    done = lianju(*arguments.split(), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("lianju: ") and message in last
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir()), "a failed start leaves nothing"


@pytest.mark.parametrize("verb", ["run", "finetune", "evaluate --base", "explore sweep --base"])
def test_a_folder_with_files_of_the_user_is_left_as_it_is(verb: str, tmp_path: Path) -> None:
    (tmp_path / "mine/stages").mkdir(parents=True)
    for name in ("stages/thesis.txt", "adapter", "results.txt", "report.json", "steps.jsonl"):
        (tmp_path / "mine" / name).write_text("mine")
    there = sorted(tmp_path.rglob("*"))
    done = lianju(*verb.split(), "--out", "mine", cwd=tmp_path)
    assert done.returncode == 2 and "mine exists already" in done.stderr
    assert sorted(tmp_path.rglob("*")) == there
    assert {path.read_text() for path in there if path.is_file()} == {"mine"}


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = lianju("run", "--resume", "nowhere", "--debug", cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" in done.stderr


def test_the_base_model_completes_in_a_pipe_without_control_codes(tmp_path: Path) -> None:
    free = ("--form=free", "--max-length=8")
    done = lianju("complete", COUPLET, "--base", "-n", "2", *free, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(COUPLET) == 2 and "1/2" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr and "\r" not in done.stdout + done.stderr


def test_json_and_a_couplet_of_the_wrong_shape(tmp_path: Path) -> None:
    done = lianju("complete", "hello", "--base", "--json", "--max-length", "4", cwd=tmp_path)
    assert done.returncode == 0
    assert "no Han character" in done.stderr
    row = json.loads(done.stdout)
    assert row["couplet"] == "hello" and row["finish"] in ("stop", "length") and row["fault"]


def test_data_show_and_check(tmp_path: Path) -> None:
    shown = lianju("data", "show", cwd=tmp_path)
    assert shown.returncode == 0
    assert "5001 poems" in shown.stdout and "五律" in shown.stdout and "dropped" in shown.stdout
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    record = {"instruction": "i", "input": COUPLET, "output": "欲窮千里目，更上一層樓。"}
    good.write_text(json.dumps([record]))
    bad.write_text(json.dumps([record, {**record, "output": ""}]))
    assert lianju("data", "check", str(good), cwd=tmp_path).returncode == 0
    done = lianju("data", "check", str(bad), cwd=tmp_path)
    assert done.returncode == 2 and "[1].output" in done.stdout


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The main job on 32 poems, interrupted with Ctrl-C in the middle and resumed.

    While it is at work others want its folder.
    """
    folder = tmp_path_factory.mktemp("work")
    first = Typed(["run", "--poems=32", "--out=runs/small", *SMALL], folder)
    log = folder / "runs/small/steps.jsonl"
    deadline = time.monotonic() + 240
    while not (log.is_file() and log.read_text().count("\n") >= 1):
        assert first.process.is_alive() and time.monotonic() < deadline
        time.sleep(0.05)
    first.send(signal.SIGSTOP)
    there = sorted((folder / "runs/small").rglob("*"))
    for other in (["--out", "runs/small", "--poems", "7"], ["--resume", "runs/small"]):
        done = lianju("run", *other, cwd=folder)
        assert done.returncode == 2 and "another process is at work" in done.stderr
    assert sorted((folder / "runs/small").rglob("*")) == there
    first.send(signal.SIGCONT)
    assert first.stop() == 130, first.err
    assert "lianju run --resume runs/small" in first.err
    assert "Traceback" not in first.err
    done = lianju("run", "--resume", "runs/small", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return folder


def test_a_run_folder_holds_all_that_is_promised(small_run: Path) -> None:
    run = small_run / "runs/small"
    settings = json.loads((run / "settings.json").read_text())
    assert settings["data"]["poems"] == 32 and settings["model"]["precision"] in ("fp32", "bf16")
    lines = (run / "results.txt").read_text().splitlines()
    assert len(lines) == 15
    before, after = (
        [json.loads(line) for line in (run / name).read_text().splitlines()]
        for name in ("before.jsonl", "results.jsonl")
    )
    for number, (line, old, new) in enumerate(zip(lines, before, after, strict=True), 1):
        assert line.startswith(f"{number}. {new['couplet']}")
        assert old["couplet"] == new["couplet"] and new["truth"]
    steps = [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]
    trained = [row["step"] for row in steps if row["kind"] == "train"]
    assert trained == list(range(1, len(trained) + 1))
    assert (run / "adapter/adapter_model.safetensors").is_file()
    summary = json.loads((run / "summary.json").read_text())
    assert summary["data"]["used"] == 32 and summary["memory_gb"] < 6
    old, new = summary["before"]["validation"], summary["after"]["validation"]
    assert new["loss_per_character"] < old["loss_per_character"]
    report = (run / "report.html").read_text()
    assert summary["training"]["steps"] == trained[-1] >= summary["training"]["best_step"]
    few = f"Only {trained[-1]} optimizer steps taken"
    assert any(remark.startswith(few) for remark in summary["training"]["remarks"])
    assert few in report
    assert not [path for path in run.rglob("*") if path.suffix in (".part", ".old", ".lock")]
    assert after[0]["couplet"][:5] in report and "http://" not in report


def test_beside_what_the_model_writes_stand_its_rules_the_reference_and_the_poets(
    small_run: Path,
) -> None:
    run = small_run / "runs/small"
    ruled = [json.loads(line) for line in (run / "results-in-rules.jsonl").read_text().splitlines()]
    lines = (run / "results-in-rules.txt").read_text().splitlines()
    assert lines == [f"{row['index']}. {row['couplet']}{row['text']}" for row in ruled]
    for row in ruled:
        assert row["finish"] == "stop" and not row["fault"]
        assert row["verdict"]["regular"] or opening(lines_of(row["couplet"])).faults
    free = [json.loads(line) for line in (run / "reference.jsonl").read_text().splitlines()]
    assert len(ruled) == len(free) == 15
    # They are cut off after twelve tokens here, in their second line.
    first = [(len(lines_of(row["text"])[0]), len(lines_of(row["couplet"])[0])) for row in free]
    assert sum(new == given for new, given in first) >= 13
    report = (run / "report.html").read_text()
    for label in ("after, in rules", "reference adapter", "the poets"):
        assert label in report


def test_results_without_flags_are_those_of_the_run(small_run: Path) -> None:
    run = small_run / "runs/small"
    done = lianju("results", "runs/small", cwd=small_run)
    assert done.returncode == 0, done.stderr
    right = json.loads((run / "summary.json").read_text())["after"]["test"]["right"]
    assert f"Right shape: {right} of 15" in done.stdout
    assert (run / "results-again.txt").read_bytes() == (run / "results.txt").read_bytes()


def test_a_run_folder_is_never_overwritten(small_run: Path) -> None:
    done = lianju("run", "--out", "runs/small", cwd=small_run)
    assert done.returncode == 2 and "exists already" in done.stderr


def test_what_is_damaged_in_a_finished_run_comes_back(small_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(small_run / "runs/small", tmp_path / "small")
    names = (
        *("adapter/adapter_model.safetensors", "results.jsonl", "results.txt", "before.jsonl"),
        *("results-in-rules.txt", "results-in-rules.jsonl", "reference.jsonl"),
    )
    whole = {name: (run / name).read_bytes() for name in names}
    for name in ("stages/before.json", "stages/spent.json", "steps.jsonl", *names[2:]):
        (run / name).write_bytes(b"")
    (run / "summary.json").write_text("[" * 100_000)
    (run / "adapter/adapter_model.safetensors").write_bytes(whole[names[0]][:1000])
    done = lianju("run", "--resume", "small", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for stage in ("before", "finetune", "after", "reference"):
        assert f"The stage '{stage}' is done again: small/" in done.stderr
    assert {name: (run / name).read_bytes() for name in names} == whole
    steps = json.loads((small_run / "runs/small/summary.json").read_text())["training"]["steps"]
    assert json.loads((run / "summary.json").read_text())["training"]["steps"] == steps


def test_a_run_that_failed_early_leaves_only_the_folder_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for out in ("a/b", "mine"):
        nowhere = lianju("run", "--model=./nowhere", "--poems=8", "--out", out, cwd=tmp_path)
        assert nowhere.returncode == 2 and "no model" in nowhere.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


def test_complete_finds_the_newest_adapter(small_run: Path) -> None:
    done = lianju("complete", COUPLET, "--form=wujue", cwd=small_run)
    assert done.returncode == 0, done.stderr
    assert "regulated verse" in done.stdout and "runs/small/adapter" in done.stderr
    base = lianju("complete", COUPLET, "--form=wujue", "--base", cwd=small_run)
    assert base.stdout != done.stdout


def test_without_a_run_the_reference_writes(tmp_path: Path) -> None:
    done = lianju("complete", COUPLET, "-n", "4", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Adapter: reference, which comes with the program" in done.stderr
    poems = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({poem["text"] for poem in poems}) == 4
    assert all(poem["verdict"]["regular"] for poem in poems)
    named = lianju("complete", COUPLET, "-n", "4", "--json", "--adapter=reference", cwd=tmp_path)
    assert named.stdout == done.stdout


def test_finetune_writes_an_adapter_that_complete_takes(tmp_path: Path) -> None:
    """With the homework's recipe: its prompt, its dropout, its accumulation."""
    checkpoints.llama(tmp_path / "tiny")
    words = ("--model=tiny", "--recipe=hw5", "--poems=16", "--out=x", *SMALL[:-1])
    done = lianju("finetune", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 steps" in done.stdout and "Only 2 optimizer steps taken" in done.stderr
    free = ("--form=free", "--max-length=4")
    written = lianju("complete", COUPLET, "--adapter=x/adapter", *free, cwd=tmp_path)
    assert written.returncode == 0 and COUPLET in written.stdout


def test_output_into_head_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m lianju run --help | head -1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and not done.stderr


def test_a_damaged_adapter_is_refused(small_run: Path, tmp_path: Path) -> None:
    shutil.copytree(small_run / "runs/small/adapter", tmp_path / "adapter")
    weights = tmp_path / "adapter/adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    done = lianju("complete", COUPLET, "--adapter", "adapter", cwd=tmp_path)
    assert done.returncode == 2 and "damaged" in done.stderr


def test_recipes_are_named_in_the_help(tmp_path: Path) -> None:
    text = lianju("run", "--help", cwd=tmp_path).stdout
    assert all(name in text for name in recipe_names())


def test_a_simplified_couplet_is_read_as_traditional(tmp_path: Path) -> None:
    given = ("白日依山尽，黄河入海流。", "--form=free", "--max-length=4")
    done = lianju("complete", *given, "--base", cwd=tmp_path)
    assert done.returncode == 0 and "simplified" in done.stderr
    assert COUPLET in done.stdout


def test_the_examples_we_show_are_not_in_the_training_set() -> None:
    """One of the homework's three demonstration prompts was."""
    root = Path(__file__).parents[1]
    files = [root / "README.md", *(root / "src/lianju/cli").glob("*.py")]
    shown = "".join(file.read_text() for file in files)
    couplets = set(re.findall(r"[\u4e00-\u9fff]{5,7}，[\u4e00-\u9fff]{5,7}。", shown))
    assert couplets
    assert not couplets & {example.couplet for example in training_corpus().examples}

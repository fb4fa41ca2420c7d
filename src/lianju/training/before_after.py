"""What a run finds out about a model, before and after: its poems, their shape, its loss."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lianju.config import DecodeSettings
from lianju.corpus import Example, RunPoems
from lianju.decode import Completion, complete
from lianju.errors import UserError
from lianju.evaluate import as_row, tally
from lianju.evaluate.cache import kept, speaker
from lianju.evaluate.statistics import perplexity
from lianju.evaluate.suites import digest
from lianju.files import read_jsonl, write_jsonl, write_text
from lianju.likelihood import encode
from lianju.model import Compute, LanguageModel, load_adapter, pack
from lianju.training.fine_tuning import base_model
from lianju.training.run_folder import Run
from lianju.training.validation import Loss, validation_loss


def judge_base(run: Run, poems: RunPoems, compute: Compute) -> dict[str, Any]:
    """Let the untouched model complete the test couplets into before.jsonl, and take its loss.

    What it did in an earlier run comes from the cache.
    """
    model = base_model(run.settings, compute, run.reporter)
    run.reporter.say(
        f"{model.name}: {model.parameters / 1e6:.0f} million parameters, "
        f"{model.vocabulary.size:,} of {model.vocabulary.full_size:,} vocabulary rows"
    )
    # A poem that cannot be trained on is better found now than after the judging.
    encode(poems.train, run.settings.prompt.style, model.vocabulary, run.settings.train.cutoff)
    judge = _judge(run, poems, compute, model)
    rows = kept(
        "Test couplets, before",
        speaker(model, judge.style)
        | {"poems": digest(poems.test), "decoding": judge.decode.model_dump()},
        lambda name: [asdict(one) for one in judge.write(poems.test, name)],
        run.reporter,
    )
    loss = kept(
        "Validation loss, before",
        speaker(model, judge.style)
        | {"poems": digest(poems.split.validation), "precision": compute.precision},
        lambda name: asdict(judge.loss(name)),
        run.reporter,
    )
    return judge.result([Completion(**row) for row in rows], Loss(**loss), "before")


def judge_tuned(run: Run, poems: RunPoems, compute: Compute) -> dict[str, Any]:
    """Let the fine-tuned model do the same, into results.jsonl and results.txt.

    Its shapes are counted on validation couplets too: the base model's runs to the full length
    make that slow.
    """
    plain = base_model(run.settings, compute, run.reporter)
    judge = _judge(run, poems, compute, load_adapter(plain, run.folder / "adapter"))
    few = poems.split.validation[: run.settings.shape_couplets]
    # Together they take fewer steps than one after the other.
    written = judge.write([*poems.test, *few], "Couplets, after")
    tests, others = written[: len(poems.test)], written[len(poems.test) :]
    result = judge.result(tests, judge.loss("Validation loss, after"), "results")
    write_text(run.folder / "results.txt", results_text(tests))
    if others:
        counted = tally(others).as_json()
        result["validation"] |= {f"shape_{name}": value for name, value in counted.items()}
    return result


def check_judged(run: Run, file: str, result: dict[str, Any]) -> None:
    """Raise an error where a result, `file`.jsonl or results.txt beside it is not whole."""
    rows = read_jsonl(run.folder / f"{file}.jsonl", "it is lost")
    if len(rows) != result["test"]["n"]:
        raise UserError(f"{run.folder / file}.jsonl has lost poems")
    for part, name in (
        ("test", "right"),
        ("validation", "perplexity"),
        ("validation", "loss_per_character"),
        ("model", "parameters"),
    ):
        float(result[part][name])
    text = run.folder / "results.txt"
    if file == "results" and not (text.is_file() and text.stat().st_size):
        raise UserError(f"{text} is gone")


def results_text(completions: Sequence[Completion]) -> str:
    """As the homework is handed in: one line a poem, number, couplet and completion."""
    return "".join(
        f"{number}. {one.couplet}{' '.join(one.text.split())}\n"
        for number, one in enumerate(completions, 1)
    )


def _judge(run: Run, poems: RunPoems, compute: Compute, model: LanguageModel) -> "_Judge":
    sizes = {
        "parameters": model.parameters,
        "vocabulary": model.vocabulary.size,
        "full_vocabulary": model.vocabulary.full_size,
    }
    pack(model.network)
    return _Judge(run, poems, compute, model, sizes)


@dataclass(frozen=True)
class _Judge:
    """One model, ready to be asked: the same prompt and decoding for every model of a run."""

    run: Run
    poems: RunPoems
    compute: Compute
    model: LanguageModel
    sizes: dict[str, int]

    @property
    def style(self) -> str:
        return self.run.settings.prompt.style

    @property
    def decode(self) -> DecodeSettings:
        """Nothing is forced in a run, so particles play no part."""
        return self.run.settings.decode.model_copy(update={"candidates": 1, "particles": 1})

    def write(self, examples: Sequence[Example], name: str) -> list[Completion]:
        """One completion of each couplet."""
        couplets = [example.couplet for example in examples]
        groups = complete(self.model, self.style, couplets, self.decode, self.run.reporter, name)
        return [group[0] for group in groups]

    def loss(self, name: str) -> Loss:
        """The loss on the validation poems."""
        words, cutoff = self.model.vocabulary, self.run.settings.train.cutoff
        return validation_loss(
            self.model.network,
            encode(self.poems.split.validation, self.style, words, cutoff),
            words.pad,
            self.compute.precision,
            self.run.reporter,
            name,
        )

    def result(self, written: Sequence[Completion], loss: Loss, file: str) -> dict[str, Any]:
        """The numbers of the model; its test completions are written to `file`.jsonl."""
        rows = [
            as_row(index, item, example.completion or None)
            for index, (item, example) in enumerate(zip(written, self.poems.test, strict=True), 1)
        ]
        write_jsonl(self.run.folder / f"{file}.jsonl", rows)
        return {
            "test": tally(written).as_json(),
            "validation": {
                "n": loss.poems,
                "loss_per_character": loss.per_character,
                "perplexity": perplexity(loss.per_character),
            },
            "model": self.sizes,
        }

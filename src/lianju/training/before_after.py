"""What a run finds out about a model, before and after: poems on `hw5`, and the loss.

Both use the functions that an evaluation uses. After training the model also writes in rules, and
beside it stands what the reference adapter writes, which has seen all Tang poems.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lianju.config import VerseSettings
from lianju.corpus import Example, RunPoems, known_lines
from lianju.decode import Completion
from lianju.errors import UserError
from lianju.evaluate import (
    IN_RULES,
    SHOWN,
    cached_result,
    couplets_digest,
    model_identity,
    perplexity,
    shape_counts,
    write_poems,
)
from lianju.files import read_jsonl, write_jsonl, write_text
from lianju.likelihood import encode, true_losses
from lianju.model import (
    REFERENCE,
    Compute,
    LanguageModel,
    card_prompt,
    load_adapter,
    made_ready,
    read_card,
    reference_adapter,
)
from lianju.shots import with_shots
from lianju.training.fine_tuning import base_model
from lianju.training.run_folder import Run
from lianju.writer import Continuation, continuation, ranked

_FREE, _RULES = VerseSettings(form="free"), VerseSettings()
# In rules, of so many poems on a couplet the one with the highest rating is taken.
_CHOICES = 4


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
    every, style = [*poems.train, *poems.split.validation], run.settings.prompt.name
    encode(every, style, model.vocabulary, run.settings.train.cutoff)
    return _judge_untouched(_Judge(run, poems, compute, model), "before")


def judge_shown(run: Run, poems: RunPoems, compute: Compute) -> dict[str, Any]:
    """Let the untouched model do the same with poems before each couplet, into before-shown.jsonl:
    as strong as prompting makes it.
    """
    settings = run.settings
    plain = base_model(settings, compute, run.reporter)
    shown = with_shots(plain, settings.prompt.name, poems, settings.shots, settings.seed)
    return _judge_untouched(_Judge(run, poems, compute, shown), SHOWN)


def _judge_untouched(judge: "_Judge", file: str) -> dict[str, Any]:
    """What an untouched model did, into `file`.jsonl; from the cache, if it did that before."""
    run, poems, compute = judge.run, judge.poems, judge.compute
    identity = model_identity(judge.model, run.settings.prompt.name)
    validation, how = poems.split.validation, file.replace("-", ", ")
    rows = cached_result(
        f"Test couplets, {how}",
        identity | {"poems": couplets_digest(poems.test), "decoding": judge.decode.model_dump()},
        lambda name: [asdict(one) for one in judge.write(poems.test, name)],
        run.reporter,
    )
    losses = cached_result(
        f"Validation loss, {how}",
        identity | {"poems": couplets_digest(validation), "precision": compute.precision},
        judge.losses,
        run.reporter,
    )
    written = [continuation(Completion(**row), False, judge.find) for row in rows]
    return judge.result(written, losses, file)


def judge_tuned(run: Run, poems: RunPoems, compute: Compute) -> dict[str, Any]:
    """Let the fine-tuned model do the same, into results.jsonl and results.txt, and in rules, into
    results-in-rules.jsonl and results-in-rules.txt.

    Its shapes are counted on validation couplets too: the base model's runs to the full length
    make that slow.
    """
    plain = base_model(run.settings, compute, run.reporter)
    judge = _Judge(run, poems, compute, load_adapter(plain, run.folder / "adapter"))
    few = poems.split.validation[: run.settings.shape_couplets]
    # Together they take fewer steps than one after the other.
    written = judge.write([*poems.test, *few], "Couplets, after")
    every = [continuation(one, False, judge.find) for one in written]
    tests, others = every[: len(poems.test)], every[len(poems.test) :]
    result = judge.result(tests, judge.losses("Validation loss, after"), "results")
    write_text(run.folder / "results.txt", results_text(tests))
    chosen = judge.write_in_rules(poems.test)
    judge.keep(chosen, IN_RULES)
    write_text(run.folder / f"{IN_RULES}.txt", results_text(chosen))
    if others:
        counts = shape_counts(others)
        result["each"]["right_shape"] = [not one.fault for one in others]
        result["validation"] |= {f"shape_{name}": value for name, value in counts.items()}
    return result


def judge_reference(run: Run, poems: RunPoems, compute: Compute) -> dict[str, Any]:
    """Let the reference adapter complete the test couplets as the model did, into reference.jsonl.

    Nothing is written where it is an adapter of another base model or prompt.
    """
    folder = reference_adapter()
    reference, own = read_card(folder), read_card(run.folder / "adapter")
    # The first cards said no bits: there were 16 only.
    parts = {"base_sha256": None, "bits": 16}
    same = all(reference.get(part, usual) == own.get(part, usual) for part, usual in parts.items())
    if not same or card_prompt(reference).name != card_prompt(own).name:
        return {"n": 0}
    plain = base_model(run.settings, compute, run.reporter)
    judge = _Judge(run, poems, compute, load_adapter(plain, folder))
    written = judge.write(poems.test, "Test couplets, reference adapter")
    judge.keep([continuation(one, False, judge.find) for one in written], REFERENCE)
    return {"n": len(written)}


def check_reference(run: Run, result: dict[str, Any]) -> None:
    """Raise an error where reference.jsonl is not whole."""
    path = run.folder / f"{REFERENCE}.jsonl"
    if result["n"] and len(read_jsonl(path, "it is lost")) != result["n"]:
        raise UserError(f"{path} has lost poems")


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
    for text in (run.folder / "results.txt", run.folder / f"{IN_RULES}.txt"):
        if file == "results" and not (text.is_file() and text.stat().st_size):
            raise UserError(f"{text} is gone")


def results_text(poems: Sequence[Continuation]) -> str:
    """As the homework is handed in: one line a poem, number, couplet and completion."""
    return "".join(
        f"{number}. {one.couplet}{' '.join(one.text.split())}\n"
        for number, one in enumerate(poems, 1)
    )


class _Judge:
    """One model, ready to be asked: the same prompt and decoding for every model of a run."""

    def __init__(self, run: Run, poems: RunPoems, compute: Compute, model: LanguageModel):
        self.run, self.poems, self.compute = run, poems, compute
        # Nothing is forced in a run, so particles play no part.
        self.decode = run.settings.decode.model_copy(update={"candidates": 1, "particles": 1})
        known = known_lines(run.reporter)
        self.find = known.find if known else None
        self.sizes = {
            "parameters": model.parameters,
            "vocabulary": model.vocabulary.size,
            "full_vocabulary": model.vocabulary.full_size,
        }
        self.model = made_ready(model)

    def write(self, examples: Sequence[Example], name: str) -> list[Completion]:
        """One completion of each couplet."""
        couplets, style = [one.couplet for one in examples], self.run.settings.prompt.name
        asked = (self.model, style, couplets, _FREE, self.decode)
        return [poem for [poem] in write_poems(*asked, self.run.reporter, name)]

    def write_in_rules(self, examples: Sequence[Example]) -> list[Continuation]:
        """One poem in rules on each couplet, the best of several."""
        # The run's length is for free writing; rules know what a poem can need.
        more = {"candidates": _CHOICES, "max_length": None}
        decode = self.run.settings.decode.model_copy(update=more)
        couplets, style = [one.couplet for one in examples], self.run.settings.prompt.name
        asked = (self.model, style, couplets, _RULES, decode)
        groups = write_poems(*asked, self.run.reporter, "Test couplets, in rules")
        return [ranked(continuation(one, True, self.find) for one in group)[0] for group in groups]

    def losses(self, name: str) -> list[float | None]:
        """The loss on each validation poem."""
        style, validation = self.run.settings.prompt.name, self.poems.split.validation
        precision, reporter = self.compute.precision, self.run.reporter
        return true_losses(self.model, style, validation, precision, reporter, name)

    def result(
        self, written: Sequence[Continuation], losses: Sequence[float | None], file: str
    ) -> dict[str, Any]:
        """The numbers of the model; its test completions are written to `file`.jsonl.

        `each` has them poem by poem, in the order of the validation poems: two runs that were
        judged on the same ones can be compared in pairs.
        """
        self.keep(written, file)
        validation = self.poems.split.validation
        sizes = [len(example.completion) for example in validation]
        nats = sum(size * (loss or 0.0) for size, loss in zip(sizes, losses, strict=True))
        return {
            "test": shape_counts(written),
            "validation": {
                "n": len(sizes),
                "loss_per_character": nats / sum(sizes),
                "perplexity": perplexity(nats / sum(sizes)),
            },
            "model": self.sizes,
            "each": {
                "poems": couplets_digest(validation),
                "characters": sizes,
                "losses": list(losses),
            },
        }

    def keep(self, written: Sequence[Continuation], file: str) -> None:
        """Write the completions of the test couplets to `file`.jsonl."""
        rows = [
            _row(index, poem, example.completion or None)
            for index, (poem, example) in enumerate(zip(written, self.poems.test, strict=True), 1)
        ]
        write_jsonl(self.run.folder / f"{file}.jsonl", rows)


def _row(index: int, poem: Continuation, truth: str | None) -> dict[str, Any]:
    """One line of results.jsonl: the answer, under older names too, and the real poem."""
    return {
        "index": index,
        **poem.as_row(),
        "completion": poem.text,
        "truth": truth,
        "logprob_per_token": poem.logprob / poem.tokens,
    }

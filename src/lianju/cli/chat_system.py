"""What `lianju evaluate --endpoint` reads: a chat model as a system, and how it is asked."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from lianju.cli.endpoint import EndpointFlags, endpoint_flag
from lianju.cli.flags import DecodeFlags, VerseFlags
from lianju.config import PromptSettings, from_flags
from lianju.console import TerminalReporter, print_line
from lianju.errors import UserError
from lianju.files import cache_dir

if TYPE_CHECKING:
    from lianju.evaluate import ChatAuthor, EvaluationPlan

# Tokens of an answer, with what a reasoning model thinks before it.
_MAX_TOKENS = 2048
# What endpoints know of decoding; they know no rules of verse.
_TAKEN = ("temperature", "top_p", "max_length")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ChatFlags(EndpointFlags):
    """Which chat model writes, if any."""

    endpoint: Annotated[
        str | None,
        endpoint_flag(
            "A chat model writes: an OpenAI-style address, such as http://localhost:8000/v1. It is "
            "asked as the homework asks, with --seed and, where they are given, --temperature, "
            "--top-p and --max-length (else 2048 tokens).",
            show_default=False,
        ),
    ] = None
    system: Annotated[
        str | None,
        endpoint_flag("Who it is to be; default: the homework's text. Empty: none."),
    ] = None
    instruction: Annotated[
        str | None,
        endpoint_flag("What it is asked to do, before each couplet; default: the homework's text."),
    ] = None
    template: Annotated[
        str | None,
        endpoint_flag("The whole message, with {couplet} in it; default: instruction, couplet."),
    ] = None
    run: Annotated[
        Path | None,
        endpoint_flag(
            "Ask it for a poem on each test couplet of a finished run, and put what it writes "
            "into the run's report.html, beside before and after.",
            show_default=False,
        ),
    ] = None

    def author(
        self, model: str | None, decoding: DecodeFlags | None, seed: int
    ) -> "ChatAuthor | None":
        """The chat model; None where none is named. Raises `UserError` for flags that lack it."""
        if self.endpoint is None:
            if asdict(self) != asdict(ChatFlags()):
                raise UserError(
                    "--run, --system, --instruction, --template, --key-env, --price-in, "
                    "--price-out and --yes go with --endpoint"
                )
            return None
        if model is None:
            raise UserError("--endpoint wants --model, the name by which it knows the chat model")
        key = self.key()
        given = decoding or DecodeFlags()
        sampling: dict[str, int | float] = {
            "max_tokens": given.max_length or _MAX_TOKENS,
            "seed": seed,
        }
        for name in ("temperature", "top_p"):
            if (value := getattr(given, name)) is not None:
                sampling[name] = value

        from lianju.chat import Answers, Chat, Endpoint
        from lianju.evaluate import ChatAuthor

        endpoint = Endpoint(self.endpoint, model, key)
        chat = Chat(endpoint, Answers(cache_dir() / "chat"), TerminalReporter())
        return ChatAuthor(chat, sampling, self._prompt())

    def _prompt(self) -> PromptSettings:
        """What it is asked."""
        texts = {name: getattr(self, name) for name in ("system", "instruction", "template")}
        given = {name: text for name, text in texts.items() if text is not None}
        return from_flags(PromptSettings, {"style": "chat", **given})

    def agree_on(self, author: "ChatAuthor", plan: "EvaluationPlan") -> None:
        """Say what the suites will take, and get a yes."""
        from lianju.evaluate import suite

        couplets = [
            one.couplet
            for name in plan.suites
            for one in suite(name, None, TerminalReporter())[: plan.couplets]
        ]
        self.agree(author.chat, author.estimate(couplets, plan.poems))

    def into_run(self, author: "ChatAuthor", run: Path) -> None:
        """Put what it writes into the page of a run."""
        from lianju.evaluate import add_chat_to_run, run_couplets
        from lianju.training import open_run

        with open_run(run, TerminalReporter()):
            couplets = [one.couplet for one in run_couplets(run)]
            self.agree(author.chat, author.estimate(couplets))
            print_line(f"Report: {add_chat_to_run(run, author)}")


def refuse_ours(rules: VerseFlags | None, decoding: DecodeFlags | None, **more: Any) -> None:
    """Refuse flags that say how a model of ours writes, where only a chat model does."""
    given = {**more, **(asdict(rules) if rules else {}), **(asdict(decoding) if decoding else {})}
    for name, value in given.items():
        if value not in (None, False) and name not in _TAKEN:
            raise UserError(
                f"--{name.replace('_', '-')} says how a model here writes, and a chat model knows "
                "no such thing: leave it out"
            )

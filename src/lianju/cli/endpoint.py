"""Chat models behind an address: the flags that say who and at what price, and the yes to that."""

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter, validators

from lianju.console import err
from lianju.errors import UserError

if TYPE_CHECKING:
    from lianju.chat import Chat, Estimate

KEY = "OPENAI_API_KEY"
ENDPOINT = Group("Endpoint 端點: which chat model, and what it costs", sort_key=1)


def endpoint_flag(text: str, **more: Any) -> Parameter:
    """A flag of that group."""
    return Parameter(help=text, group=ENDPOINT, **more)


_PRICE: dict[str, Any] = {"validator": validators.Number(gte=0), "show_default": False}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class EndpointFlags:
    """Where a chat model is asked, with what key, and at what price."""

    endpoint: Annotated[
        str | None,
        endpoint_flag("An OpenAI-style address, such as http://localhost:8000/v1."),
    ] = None
    key_env: Annotated[str, endpoint_flag("The environment variable that holds the API key.")] = KEY
    price_in: Annotated[
        float | None, endpoint_flag("Price of a million tokens asked.", **_PRICE)
    ] = None
    price_out: Annotated[
        float | None, endpoint_flag("Price of a million tokens answered.", **_PRICE)
    ] = None
    yes: Annotated[bool, endpoint_flag("Do not wait for a yes to the estimate.")] = False

    def key(self) -> str:
        """The key, or "" for an endpoint that wants none."""
        if (self.price_in is None) != (self.price_out is None):
            raise UserError("--price-in and --price-out go together")
        key = os.environ.get(self.key_env, "").strip()
        if not key and self.key_env != KEY:
            raise UserError(
                f"the environment variable {self.key_env} (--key-env) is empty or not set"
            )
        return key

    def agree(self, chat: "Chat", estimate: "Estimate") -> None:
        """Say what asking will take, and get a yes; raises `UserError` without one."""
        if not estimate.requests:
            err.print(f"All {estimate.known:,} answers are there already; nothing is asked.")
            return
        err.print(self._words(estimate), markup=False)
        err.print(f"Answers are kept as they come, in {chat.answers.folder}", markup=False)
        if not self.yes:
            _ask()

    def _words(self, estimate: "Estimate") -> str:
        known = f" ({estimate.known:,} more are known)" if estimate.known else ""
        words = (
            f"To ask: {estimate.requests:,} requests{known}, about {estimate.tokens_in:,} tokens "
            f"in and {estimate.tokens_out:,} out, more if the model thinks before it answers"
        )
        if self.price_in is None or self.price_out is None:
            return f"{words}. The endpoint may charge for them."
        return f"{words}; at these prices about {estimate.cost(self.price_in, self.price_out):.2f}"


def _ask() -> None:
    if not (sys.stdin.isatty() and err.is_terminal):
        raise UserError("not asked yet: add --yes to send these requests")
    try:
        answer = err.input("Ask? [y/N] ", markup=False)
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes", "是"):
        raise UserError("nothing was asked")

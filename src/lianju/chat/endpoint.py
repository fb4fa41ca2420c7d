"""Where a chat model is."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lianju.errors import UserError

Message = dict[str, str]


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-style chat endpoint, and how patiently it is asked.

    `base` is the address before `/chat/completions`. `timeout` is how many seconds a connection
    may stay silent, `retries` how often a request that met passing trouble is sent again.
    """

    base: str
    model: str
    key: str = field(default="", repr=False)
    timeout: float = 120.0
    retries: int = 6

    def __post_init__(self) -> None:
        try:
            address = urlsplit(self.base)
            _ = address.port
        except ValueError as error:
            raise UserError(f"the endpoint {self.base} is no address: {error}") from None
        if address.scheme not in ("http", "https") or not address.hostname:
            raise UserError(
                f"the endpoint {self.base} is no address such as http://localhost:8000/v1"
            )
        if not (self.key.isascii() and self.key.isprintable()):
            raise UserError("the API key has characters that no key has: look at its variable")

    @property
    def url(self) -> str:
        """Where requests go."""
        return f"{self.base.rstrip('/').removesuffix('/chat/completions')}/chat/completions"

    @property
    def shown(self) -> str:
        """The same without a name, a password or a query, to be shown and written down."""
        address = urlsplit(self.url)
        return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"


class NoAnswerError(Exception):
    """A request got no answer after all retries; others may fare better."""

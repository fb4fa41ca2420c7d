"""Answers that were paid for, each in a file of its own, named by who was asked what."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lianju.chat.endpoint import Endpoint, Message
from lianju.errors import UserError
from lianju.files import digest, locked, read_json, sweep, write_json

FILTERED = "content_filter"


@dataclass(frozen=True)
class Asked:
    """What is asked: messages, with parameters as the endpoint takes them.

    `sample` tells equal questions apart.
    """

    messages: list[Message]
    parameters: Mapping[str, Any]
    sample: int = 0

    @property
    def identity(self) -> dict[str, Any]:
        """All on which the answer depends, beside the endpoint, as JSON."""
        return {
            "messages": self.messages,
            "parameters": {**self.parameters, "sample": self.sample},
        }


@dataclass(frozen=True)
class Answer:
    """What a model answered.

    `finish`: in the endpoint's word why it ended: "stop"; "length" where it was cut off;
    "content_filter" where the model, or what stands before it, refused. `untaken`: the parameters
    that the model was asked without, for it takes none of the kind.
    """

    text: str
    finish: str = "stop"
    untaken: tuple[str, ...] = ()


class Answers:
    """A folder of answers by address, model, messages and parameters, whatever the key.

    Two servers may call different models by one name, so the address counts; like the key, it is
    not written into the files, since some addresses hold a password.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def get(self, endpoint: Endpoint, asked: Asked) -> Answer | None:
        """The answer, or None if there is none yet; one that is damaged is asked for again."""
        path = self._path(endpoint, asked)
        if not path.exists():
            return None
        try:
            kept = read_json(path)
            # The first ones had a text only.
            answer = Answer(
                kept["answer"], kept.get("finish", "stop"), tuple(kept.get("untaken", ()))
            )
        except (UserError, LookupError, TypeError, AttributeError):
            return None
        words = (answer.text, answer.finish, *answer.untaken)
        return answer if all(isinstance(word, str) for word in words) else None

    def put(self, endpoint: Endpoint, asked: Asked, answer: Answer) -> None:
        """Keep an answer; it is whole on the disk when this returns."""
        said = {"answer": answer.text, "finish": answer.finish, "untaken": answer.untaken}
        with locked(self.folder / "answers"):
            sweep(self.folder)
            write_json(
                self._path(endpoint, asked), {"model": endpoint.model, **asked.identity, **said}
            )

    def _path(self, endpoint: Endpoint, asked: Asked) -> Path:
        identity = [endpoint.url, endpoint.model, *asked.identity.values()]
        return self.folder / f"{digest(identity)}.json"

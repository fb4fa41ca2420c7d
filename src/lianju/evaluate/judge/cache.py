"""Answers that were paid for, each in a file of its own, named by who was asked what."""

from pathlib import Path
from typing import Any

from lianju.errors import UserError
from lianju.evaluate.judge.endpoint import Endpoint, Message
from lianju.files import digest, locked, read_json, sweep, write_json


class Answers:
    """A folder of answers by address, model, messages and parameters, whatever the key.

    Two servers may call different models by one name, so the address counts; like the key, it is
    not written into the files, since some addresses hold a password.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def get(
        self, endpoint: Endpoint, messages: list[Message], parameters: dict[str, Any]
    ) -> str | None:
        """The answer, or None if there is none yet; one that is damaged is asked for again."""
        path = self._path(endpoint, messages, parameters)
        if not path.exists():
            return None
        try:
            answer = read_json(path)["answer"]
        except (UserError, LookupError, TypeError):
            return None
        return answer if isinstance(answer, str) else None

    def put(
        self, endpoint: Endpoint, messages: list[Message], parameters: dict[str, Any], answer: str
    ) -> None:
        """Keep an answer; it is whole on the disk when this returns."""
        asked = {"model": endpoint.model, "messages": messages, "parameters": parameters}
        with locked(self.folder / "answers"):
            sweep(self.folder)
            write_json(self._path(endpoint, messages, parameters), {**asked, "answer": answer})

    def _path(
        self, endpoint: Endpoint, messages: list[Message], parameters: dict[str, Any]
    ) -> Path:
        asked = [endpoint.url, endpoint.model, messages, parameters]
        return self.folder / f"{digest(asked)}.json"

"""Answers that were paid for, each in a file of its own, named by what was asked."""

import hashlib
import json
from pathlib import Path
from typing import Any

from lianju.evaluate.judge.client import Message
from lianju.files import write_json


class Answers:
    """A folder of answers by model, messages and parameters, wherever they were asked."""

    def __init__(self, folder: Path):
        self.folder = folder

    def get(self, model: str, messages: list[Message], parameters: dict[str, Any]) -> str | None:
        """The answer, or None if there is none yet."""
        try:
            text = self._path(model, messages, parameters).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        answer: str = json.loads(text)["answer"]
        return answer

    def put(
        self, model: str, messages: list[Message], parameters: dict[str, Any], answer: str
    ) -> None:
        """Keep an answer; it is whole on the disk when this returns."""
        asked = {"model": model, "messages": messages, "parameters": parameters}
        write_json(self._path(model, messages, parameters), {**asked, "answer": answer})

    def _path(self, model: str, messages: list[Message], parameters: dict[str, Any]) -> Path:
        asked = json.dumps([model, messages, parameters], ensure_ascii=False, sort_keys=True)
        return self.folder / f"{hashlib.sha256(asked.encode()).hexdigest()}.json"

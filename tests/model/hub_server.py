"""A hub in miniature, served over HTTP, with every answer that stands in a user's way.

The answers (status, `X-Error-Code`, `X-Error-Message`) are those that the real hub gives.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" * 6 + "c0ff"
CONFIG = json.dumps({"model_type": "llama", "vocab_size": 8}).encode()
WEIGHTS = bytes(3_500_000)
FILES = {
    "good/model": {
        "config.json": CONFIG,
        "tokenizer.json": b"{}",
        "model.safetensors": WEIGHTS,
        "README.md": b"hello",
        "pytorch_model.bin": b"pickle",
        "consolidated.safetensors": WEIGHTS,
        "onnx/model.json": b"{}",
    },
    "gated/model": {"config.json": CONFIG, "model.safetensors": WEIGHTS},
    "pickles/only": {"config.json": CONFIG, "pytorch_model.bin": b"pickle"},
    "no/config": {"model.safetensors": WEIGHTS},
    "huge/model": {"config.json": CONFIG, "model.safetensors": WEIGHTS},
    "started/model": {"config.json": CONFIG, "model.safetensors": WEIGHTS},
    "down/model": {"config.json": CONFIG, "model.safetensors": WEIGHTS},
}
HUGE = 10**16


class _Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: list[str]

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        self.asked.append(f"{self.command} {path}")
        api = path.startswith("/api/models/")
        org, name, *rest = path.removeprefix("/api/models").strip("/").split("/")
        repo, token = f"{org}/{name}", self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token == "unknown":
            return self._refuse(401, message="Invalid credentials in Authorization header")
        if repo not in FILES:
            return self._refuse(404 if token else 401, "RepoNotFound", "Repository not found")
        if repo == "down/model":
            return self._refuse(418)
        if api:
            return self._send(json.dumps(self._about(repo, rest)).encode(), "application/json")
        if repo == "gated/model" and token == "narrow":
            return self._refuse(403, message="Please enable access to public gated repositories")
        if repo == "gated/model" and token != "granted":
            return self._refuse(403 if token else 401, "GatedRepo", "Access is restricted")
        content = FILES[repo].get("/".join(rest[2:]))
        if content is None:
            return self._refuse(404, "EntryNotFound", "Entry not found")
        length = HUGE if repo == "huge/model" and content is WEIGHTS else len(content)
        return self._send(content, "application/octet-stream", length)

    def _about(self, repo: str, rest: list[str]) -> object:
        if rest[0] != "tree":
            return {"id": repo, "sha": COMMIT, "siblings": []}
        return [
            {"type": "file", "path": path, "size": len(content), "oid": sha1(content).hexdigest()}
            for path, content in FILES[repo].items()
        ]

    def _send(self, content: bytes, kind: str, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.send_header("ETag", f'"{sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def _refuse(self, status: int, code: str = "", message: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        if message:
            self.send_header("X-Error-Message", message)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serving() -> Iterator[tuple[str, list[str]]]:
    """The address of a running hub, and the list of what it was asked, which grows."""
    asked: list[str] = []
    handler = type("Hub", (_Hub,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

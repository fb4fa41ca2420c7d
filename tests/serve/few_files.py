"""A server that may open few files and has no model: python -m tests.serve.few_files COUNT."""

import logging
import resource
import socket
import sys

import uvicorn

from lianju.config import ServeSettings
from lianju.serve import Server, Service, create_app


def main(files: int) -> None:
    """Serve on a free port, which is printed."""
    service = Service(list, ServeSettings())
    logging.basicConfig(stream=sys.stderr)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(create_app(service), log_level="error", access_log=False)
    Server(service, config).run(sockets=[listening])


if __name__ == "__main__":
    main(int(sys.argv[1]))

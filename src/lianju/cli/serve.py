"""`lianju serve`."""

import logging
import os
import socket
import sys
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any
from unicodedata import category

from cyclopts import Group, Parameter

from lianju.cli.flags import EXACT, help_of
from lianju.cli.inputs import told_adapter
from lianju.config import ServeSettings, from_flags
from lianju.console import TerminalReporter, err
from lianju.errors import UserError
from lianju.extras import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lianju.serve import Served, Service

_GRANTS = Group("Limits 限制: what the server grants", sort_key=1)
_KEY = "LIANJU_API_KEY"
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


def _grant(name: str) -> Parameter:
    default = str(ServeSettings.model_fields[name].default)
    text = help_of(name, ServeSettings)
    return Parameter(help=text, group=_GRANTS, show_default=lambda _: default)


@Parameter(name="*")
@dataclass(frozen=True)
class GrantFlags:
    """What the server grants; what is not given has its default."""

    queue: Annotated[int | None, _grant("queue")] = None
    seconds: Annotated[float | None, _grant("seconds")] = None
    tokens: Annotated[int | None, _grant("tokens")] = None


def serve_command(
    *,
    adapter: Annotated[
        list[str] | None,
        Parameter(
            help="A run, adapter or checkpoint, `reference`, or NAME=FOLDER; several of one base "
            "may be given, the first is the default. Without any: as for `complete`."
        ),
    ] = None,
    base: Annotated[
        bool, Parameter(help="Serve the untouched base model, beside adapters as `base`.")
    ] = False,
    model: Annotated[
        str | None,
        Parameter(help="The base model; default: the adapter's own.", show_default=False),
    ] = None,
    exact: Annotated[bool, EXACT] = False,
    host: Annotated[
        str, Parameter(help="Where to listen; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The port; 0 takes a free one.")] = 8000,
    api_key: Annotated[
        list[str] | None,
        Parameter(help=f"Requests must carry this key; several may be given, or one in ${_KEY}."),
    ] = None,
    origin: Annotated[
        list[str] | None,
        Parameter(help="Let web pages of this origin ask (CORS), such as https://example.org."),
    ] = None,
    grants: GrantFlags | None = None,
    log_prompts: Annotated[
        bool, Parameter(help="Write the couplets that are asked for to the log.")
    ] = False,
) -> None:
    """Serve a page for readers, and an API that OpenAI's clients speak.

    Example: lianju serve, then open http://127.0.0.1:8000

    Ctrl-C lets poems that are being written end. The API is described at /docs.
    """
    require("serve")
    given = {} if grants is None else {k: v for k, v in vars(grants).items() if v is not None}
    keys = (*(api_key or ()), *filter(None, [os.environ.get(_KEY)]))
    for key in keys:
        _check_key(key)
    # Without the slash at the end, as browsers name an origin.
    origins = tuple(one.rstrip("/") for one in origin or ())
    asked = {"api_keys": keys, "origins": origins, "log_prompts": log_prompts}
    settings = from_flags(ServeSettings, given | asked)
    folders = list(adapter or ()) or ([] if base else [str(told_adapter())])
    listening = _listen(host, port)

    from lianju.serve import Service, load_served, named

    adapters = named(folders)

    def load() -> "Sequence[Served]":
        return load_served(adapters, model, base, exact, TerminalReporter())

    _run(Service(load, settings), listening, host, bool(keys))


def _check_key(key: str) -> None:
    """Raise `UserError` for a key that no request could carry."""
    if not key.strip(" \t"):
        raise UserError("--api-key is empty: is the variable that it comes from set?")
    if any(category(character) in ("Cc", "Cs") and character != "\t" for character in key):
        raise UserError(
            "--api-key has a line end or bytes that are no UTF-8, which no request can carry: "
            "leave them out"
        )


def _listen(host: str, port: int) -> socket.socket:
    """A socket at this address. Raises `UserError` where there can be none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"cannot listen at {host}, port {port}: {reason}. Choose another with --port"
        ) from None
    return listening


def _run(service: "Service", listening: socket.socket, host: str, keyed: bool) -> None:
    """Serve until a signal comes; what kept the models from loading is raised."""
    import uvicorn

    from lianju.serve import GRACE, Server, create_app

    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("lianju.serve").setLevel(logging.INFO)
    # Its warnings are of clients that go away, a line for each write to them.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    name = f"[{host}]" if ":" in host else host
    hosts = [*_LOCAL, name] if _is_local(host) else []
    address = f"http://{name}:{listening.getsockname()[1]}"
    if not hosts and not keyed:
        err.print("Note: everybody who reaches this machine may ask; --api-key asks for a key.")
    options: dict[str, Any] = {
        # Its warnings are of what any client can send, a line for each time.
        "log_level": "error",
        "access_log": False,
        "timeout_graceful_shutdown": GRACE + 5,
        "server_header": False,
    }
    server = Server(service, uvicorn.Config(create_app(service, hosts), **options))

    def loaded() -> None:
        server.should_exit = service.failure is not None
        if service.failure is None:
            err.print(f"Ready 可用: {address} serves {', '.join(service.names)}", markup=False)

    err.print(f"Listening at {address}; loading the model", markup=False)
    service.start(loaded)
    server.run(sockets=[listening])
    if service.failure is not None:
        raise service.failure


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""The server's process: how it takes connections, and how it ends."""

import asyncio
import socket
from time import monotonic
from typing import cast

import uvicorn

from lianju.serve.api_errors import log
from lianju.serve.connections import PATIENCE, Connection, places
from lianju.serve.service import Service

# Poems that are being written when the server is told to stop have this long to end.
GRACE = 20
# Between two looks for a place, or two tries of a system that has none.
_PACE = 0.05
# A connection has this long to say something before it must make room for another.
_FAIR = 1.0
# The log says at most this often, in seconds, that the system gives no connections.
_SAID = 60.0


class Server(uvicorn.Server):
    """Takes no more connections at once than there are `places`; the one that has waited longest
    for its client makes room for a new one.

    Takes no more requests once it is told to stop, lets poems end for `GRACE` seconds, and
    refuses those that have not.
    """

    def __init__(self, service: Service, config: uvicorn.Config):
        config.http, config.ws = Connection, "none"
        config.timeout_keep_alive = round(PATIENCE)
        super().__init__(config)
        self.service = service
        self._places = places()
        self._accepting: list[asyncio.Task[None]] = []
        self._said = -_SAID

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen. uvicorn, that is asyncio, would take whatever comes, and log each failure."""
        for listening in sockets or []:
            listening.listen(self.config.backlog)
            listening.setblocking(False)
        await super().startup(sockets=[])
        self._accepting = [asyncio.create_task(self._accept(one)) for one in sockets or []]

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: end the connections that have waited too long."""
        for connection in self._connections:
            connection.look()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; the engine ends its work while connections wait for it."""
        for accepting in self._accepting:
            accepting.cancel()
        if self.server_state.tasks:
            log.info("stopping; poems that are being written have %d seconds to end", GRACE)
        closing = asyncio.create_task(self.service.close(GRACE))
        await super().shutdown(sockets)
        await closing

    @property
    def _connections(self) -> list[Connection]:
        return cast(list[Connection], list(self.server_state.connections))

    async def _accept(self, listening: socket.socket) -> None:
        """Take connections, one after the other."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                line, _ = await loop.sock_accept(listening)
            except OSError as error:
                await self._refused(error)
                continue
            try:
                await self._place()
                await loop.connect_accepted_socket(self._connection, line)
            except BaseException:
                line.close()
                raise

    async def _place(self) -> None:
        """Wait until there is a place for one more."""
        while len(self.server_state.connections) >= self._places:
            await asyncio.sleep(0 if self._make_room() else _PACE)

    def _make_room(self) -> bool:
        """End the connection that has waited longest; False where none has waited for long."""
        waiting = [connection for connection in self._connections if connection.waiting]
        longest = min(waiting, key=lambda connection: connection.since, default=None)
        if longest is None or monotonic() - longest.since < _FAIR:
            return False
        longest.end()
        return True

    async def _refused(self, error: OSError) -> None:
        """The system gave no connection, mostly for want of file descriptors."""
        if monotonic() - self._said >= _SAID:
            self._said = monotonic()
            log.error("cannot take a connection now: %s", error.strerror or error)
        self._make_room()
        await asyncio.sleep(_PACE)

    def _connection(self) -> Connection:
        return Connection(self.config, self.server_state, self.lifespan.state)

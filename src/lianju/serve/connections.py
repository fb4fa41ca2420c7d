"""Connections: how long one may wait, how many there may be, and which one makes room."""

import resource
import socket
from asyncio import BaseTransport
from time import monotonic
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol

# A connection on which no whole request comes, or no answer is taken, ends after so many seconds.
PATIENCE = 10.0
_MOST = 1000


def places() -> int:
    """How many connections there may be at once: at most half of the files that this process may
    open, since models, reports and the lines' database need some too.
    """
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST if files == resource.RLIM_INFINITY else max(1, min(_MOST, files // 2))


class Connection(H11Protocol):
    """One connection, which knows since when it has been waiting for its client.

    uvicorn has a time limit only between two requests, and a single byte ends that.
    """

    def connection_made(self, transport: BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        # asyncio does this only where the listening socket was given its protocol's number.
        line = cast(socket.socket, transport.get_extra_info("socket"))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.since, self._begun, self._left = monotonic(), False, 0
        super().connection_made(transport)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._between and not self._begun:
            self.since, self._begun = monotonic(), True
        super().data_received(data)

    def on_response_complete(self) -> None:
        """An answer has been handed over to be sent."""
        self.since, self._begun = monotonic(), False
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client takes its answer slower than it is written."""
        self.since = monotonic()
        super().pause_writing()

    @property
    def _between(self) -> bool:
        """Whether there is no request, at least none whose headers are complete."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def _due(self) -> bool:
        """Whether the client is to send a request or to take an answer."""
        return self._between or self.flow.write_paused or self.transport.is_closing()

    @property
    def waiting(self) -> bool:
        """Whether the client is to act next, be it to send the rest of a request."""
        return self._due or self.cycle.more_body

    def look(self) -> None:
        """End the connection if its client has let it wait too long.

        Who takes an answer slowly is not waited for but served. The body of a request has a time
        limit of its own, which answers.
        """
        left = self.transport.get_write_buffer_size()
        if left < self._left:
            self.since = monotonic()
        self._left = left
        if self._due and monotonic() - self.since > PATIENCE:
            self.end()

    def end(self) -> None:
        """End the connection, at once where its client does not read."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

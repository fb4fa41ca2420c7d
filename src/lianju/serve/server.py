"""The server's process: how it ends."""

import asyncio
import socket

import uvicorn

from lianju.serve.service import Service, log

# Poems that are being written when the server is told to stop have this long to end.
GRACE = 20


class Server(uvicorn.Server):
    """Takes no more requests once it is told to stop, lets poems end for `GRACE` seconds, and
    refuses those that have not.
    """

    def __init__(self, service: Service, config: uvicorn.Config):
        super().__init__(config)
        self.service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; the engine ends its work while connections wait for it."""
        if self.server_state.tasks:
            log.info("stopping; poems that are being written have %d seconds to end", GRACE)
        closing = asyncio.create_task(self.service.close(GRACE))
        await super().shutdown(sockets)
        await closing

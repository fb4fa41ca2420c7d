"""What the server counts, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Requests, queue, tokens, latency and batch size of one server."""

    def __init__(self, waiting: Callable[[], float], rows: Callable[[], float]):
        """`waiting`: how many requests wait; `rows`: how many poems are being written."""
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "lianju_requests", "Requests answered", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "lianju_request_seconds",
            "Seconds until an answer was complete",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.tokens = Counter("lianju_tokens", "Tokens drawn", registry=self.registry)
        self.batch = Histogram(
            "lianju_batch_rows",
            "Poems side by side in a step of the model",
            buckets=_ROWS,
            registry=self.registry,
        )
        queue = Gauge("lianju_queue", "Requests that wait", registry=self.registry)
        written = Gauge("lianju_rows", "Poems being written now", registry=self.registry)
        queue.set_function(waiting)
        written.set_function(rows)

    def stepped(self, rows: int) -> None:
        """A batch of so many rows has drawn a token for each."""
        self.batch.observe(rows)
        self.tokens.inc(rows)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)

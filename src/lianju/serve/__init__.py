"""Serving: an HTTP API that OpenAI's clients speak, the native calls, and the page.

A `Service` holds the models and the engine that writes; `create_app` puts HTTP around it, and
`Server` runs and ends it.
`load_served` loads the models and proves that each adapter does something.
"""

from lianju.serve.app import create_app
from lianju.serve.models import Served, load_served, named
from lianju.serve.server import GRACE, Server
from lianju.serve.service import Service

__all__ = ["GRACE", "Served", "Server", "Service", "create_app", "load_served", "named"]

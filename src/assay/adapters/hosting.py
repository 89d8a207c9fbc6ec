"""Serve an application that is named ``module:name``, ASGI or WSGI, on a loopback port of this process.

The rule of this module: what cannot be imported or is no application is a ``UsageError`` that says so; an error that
the user's own module raises while it is imported is told with its type.
"""

from __future__ import annotations

import inspect
import sys
import threading
from contextlib import contextmanager
from importlib import import_module
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from assay.adapters.serve import serve
from assay.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["application", "hosted"]

_PATIENCE = 10.0


def application(name: str, folder: str) -> Any:
    """Import the application that ``module:name`` names; ``folder`` is searched too."""
    module, _, path = name.partition(":")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found: Any = import_module(module)
        for step in path.split("."):
            found = getattr(found, step)
    except Exception as error:
        raise UsageError(f"{name} cannot be loaded as module:application: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise UsageError(f"{name} is no ASGI or WSGI application: it cannot be called")
    return found


@contextmanager
def hosted(app: Any) -> Iterator[str]:
    """Serve an application while the block runs; yield its base URL without a path."""
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__):
        with serve(app, lifespan="auto") as url:
            yield url
        return
    with make_server("127.0.0.1", 0, app, _Server, _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="assay-wsgi", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(_PATIENCE)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name that it overrides
        """Log nothing."""

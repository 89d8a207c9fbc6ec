"""Serve an ASGI application on a loopback port, in a thread of this process, for as long as a block runs.

The rule of this module: whoever enters gets a server that already answers, and whoever leaves, by whatever
way, leaves no thread, socket or event loop behind.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import uvicorn

from assay.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["listen", "serve"]

_PATIENCE = 10.0  # seconds for the server to come up, and again to go down
_STEP = 0.002


@contextmanager
def serve(
    app: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    http: Any = "auto",
    lifespan: Literal["auto", "on", "off"] = "off",
) -> Iterator[str]:
    """Serve ``app`` while the block runs; yield its base URL without a path, ``http://127.0.0.1:40123``.

    Port 0 takes a free one. ``http`` is uvicorn's name or class of a protocol, ``auto`` httptools where that is
    installed and h11 else; ``lifespan`` says whether the application is told of its start and end. Streams that are
    still open when the block ends are cut off.
    Raises ``TargetError`` when the address cannot be taken or the server does not come up.
    """
    listener = listen(host, port)
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="critical",
        http=http,
        loop="asyncio",
        lifespan=lifespan,
        server_header=False,
        date_header=False,
        ws="none",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=30,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="assay-serve", daemon=True)
    thread.start()
    try:
        _wait_until_up(server, thread)
        yield _url(listener)
    finally:
        server.should_exit = True
        thread.join(_PATIENCE)
        listener.close()


class _Server(uvicorn.Server):
    """Uvicorn's server without signal handlers: signals belong to the program, and to its main thread."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """Take an address; port 0 takes a free one. Raises ``TargetError`` when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named so that asyncio switches Nagle off; else each answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        advice = "choose another port, or 0 for a free one"
        raise TargetError(f"cannot serve on {host}:{port}: {reason}; {advice}") from error
    return listener


def _wait_until_up(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise TargetError("the server did not come up")
        time.sleep(_STEP)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

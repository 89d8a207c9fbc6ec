"""``assay proxy``: the gate before the forwarding application, on uvicorn, in one process or many.

The rule of this module: what cannot work is refused before a port is taken, in one line. A reload (SIGHUP) makes a new
gate and keeps every connection; a contract that cannot be read any more leaves the old one in place. Processes share
the listening socket and nothing else.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import tempfile
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.supervisors.multiprocess import Multiprocess

from assay.adapters.asgi import Preflight
from assay.adapters.logs import LOGGER, Log
from assay.adapters.metrics import CONTENT_TYPE, Metrics
from assay.adapters.proxy.forward import Forward, Upstream
from assay.adapters.proxy.wire import GuardedProtocol
from assay.adapters.serve import listen
from assay.adapters.tracing import tracing
from assay.contract import load
from assay.errors import AssayError, UsageError
from assay.gateway import Gate, Policy, Settings

if TYPE_CHECKING:
    from assay.contract import Contract

__all__ = ["Options", "Proxy", "serve_proxy"]

_GRACE = 30  # seconds for exchanges that are under way when the proxy is told to stop


@dataclass(frozen=True, slots=True)
class Options:
    """All that ``assay proxy`` was told; it can be sent to another process.

    ``policy`` is a policy or a mode; ``contract`` holds the arguments of ``assay.load``.
    """

    upstream: Upstream
    policy: Policy
    settings: Settings = field(default_factory=Settings)
    contract: dict[str, Any] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1

    def load(self) -> Contract:
        """Load the contract as it is now."""
        contract = load(**self.contract)
        contract.compile()  # now, and not while the first clients wait
        Gate(contract, self.policy, self.settings)  # a policy that does not fit is told before it is needed
        return contract

    def __call__(self) -> Proxy:
        """Make the application of one process."""
        return Proxy(self)


class Proxy:
    """The ASGI application of one process: ``/healthz``, ``/metrics``, and all else forwarded through the gate."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._metrics = Metrics()
        self._forward = Forward(options.upstream)
        self._observers = [self._metrics, Log(), *([tracing()] if tracing() else [])]
        self._preflight = self._made()
        self._reloading: asyncio.Future[None] | None = None  # held, or the loop would forget the task

    def _made(self) -> Preflight:
        observers = [one for one in self._observers if one is not None]
        contract, settings = self._options.load(), self._options.settings
        return Preflight(self._forward, contract, self._options.policy, settings=settings, observers=observers)

    async def reload(self) -> None:
        """Read the contract again, beside the traffic; what has begun goes on under the old one."""
        try:
            self._preflight = await asyncio.to_thread(self._made)
            LOGGER.warning('{"event":"reloaded"}')
        except AssayError as error:
            LOGGER.error('{"event":"not reloaded","reason":%r}', str(error))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one connection of ASGI."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == "/healthz":
            await _plain(send, b"ok\n", b"text/plain; charset=utf-8")
        elif scope["path"] == "/metrics":
            await _plain(send, self._metrics.text(), CONTENT_TYPE.encode())
        else:
            await self._preflight(scope, receive, send)

    def _hung_up(self) -> None:
        self._reloading = asyncio.ensure_future(self.reload())

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hung_up)
        gc.collect()
        gc.freeze()  # the contract stays: the collector need not walk it again and again
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._forward.aclose()
        await send({"type": "lifespan.shutdown.complete"})


class _Workers(Multiprocess):
    """Uvicorn's supervisor; a reload goes to the workers instead of replacing them."""

    def handle_hup(self) -> None:
        """Tell every worker to read its contract again."""
        for process in self.processes:
            if process.pid is not None and process.process.is_alive():
                os.kill(process.pid, signal.SIGHUP)


def serve_proxy(options: Options) -> None:
    """Serve until told to stop (SIGINT, SIGTERM); raises ``AssayError`` before a port is taken when it cannot work."""
    if options.workers < 1:
        raise UsageError("workers: expected at least 1")
    options.load()
    folder = tempfile.mkdtemp(prefix="assay-metrics-") if options.workers > 1 else ""
    listener = listen(options.host, options.port)
    try:
        if folder:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        config = uvicorn.Config(
            options,
            factory=True,
            interface="asgi3",
            http=GuardedProtocol,
            loop=_loop(),
            ws="none",
            lifespan="on",
            workers=options.workers,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_GRACE,
        )
        if folder:
            _Workers(config, sockets=[listener]).run()
        else:
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        listener.close()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _loop() -> Any:
    try:
        import uvloop  # noqa: F401, PLC0415  optional: not on every platform
    except ImportError:
        return "asyncio"
    return "uvloop"


async def _plain(send: Any, body: bytes, content_type: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

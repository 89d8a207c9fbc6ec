"""Pre-flight validation as WSGI middleware: ``Preflight(app, contract, mode="enforce")``.

The rule of this module: the application sees the input and the server the output as they were; a stream's pieces are
handed on before they are looked at (unless streams are to be ended at a violation).
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from assay.gateway import Gate, Settings
from assay.messages import Headers

if TYPE_CHECKING:
    from assay.gateway import Judge, Judgement, Passage, Policy, Refusal, Watch
    from assay.gateway.policy import Choose, Mode

__all__ = ["Preflight"]

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

_PIECE = 64 * 1024
_REASONS = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large"}
_REASONS |= {502: "Bad Gateway", 503: "Service Unavailable"}


class Preflight:
    """WSGI middleware. ``mode``, ``settings`` and ``observers`` are those of :class:`assay.gateway.Gate`."""

    def __init__(
        self,
        app: App,
        contract: Judge,
        mode: Mode | Policy | Choose = "observe",
        *,
        settings: Settings | None = None,
        observers: Iterable[Callable[[Judgement], None]] = (),
    ) -> None:
        self.app = app
        self.gate = Gate(contract, mode, settings, observers=observers, clock=time.perf_counter)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request of WSGI."""
        passage = self.gate.open(environ["REQUEST_METHOD"], _target(environ), _headers(environ))
        if passage is None:
            return self.app(environ, start_response)
        source = _Input(passage, environ, self.gate.settings.limits.body)
        if passage.modes.requests == "enforce":
            refusal = source.collect()
            if refusal is not None:
                return _refuse(refusal, start_response)
        output = _Output(passage, source, start_response)
        try:
            body = self.app({**environ, "wsgi.input": io.BufferedReader(source)}, output.start)
        except Exception:
            if source.refusal is None:
                raise
            return _refuse(source.refusal, start_response)
        return output.run(body)


class _Input(io.RawIOBase):
    """The request's body: collected and then replayed, or copied as it is read."""

    def __init__(self, passage: Passage, environ: Environ, limit: int) -> None:
        self.refusal: Refusal | None = None
        self._passage = passage
        self._source = environ["wsgi.input"]
        length = environ.get("CONTENT_LENGTH") or ""
        known = int(length) if length.isdigit() else 0
        self._left = None if environ.get("wsgi.input_terminated") and not length else known
        self._limit = limit
        self._replayed = b""
        self._body = bytearray()
        self._skeleton: Any = None
        self._open = True

    def readable(self) -> bool:
        """Say that this can be read from."""
        return True

    def collect(self) -> Refusal | None:
        """Read the body up to the limit and judge it; what is longer is judged as it is read, or refused."""
        if self._left is not None and self._left > self._limit:
            self._overflow()
            return self.refusal
        while piece := self._next():
            self._body += piece
            if len(self._body) > self._limit:
                self._replayed = bytes(self._body)
                self._overflow()
                return self.refusal
        self._replayed = bytes(self._body)
        self._judge(self._replayed)
        return self.refusal

    def readinto(self, buffer: Any) -> int:
        """Give the application the next bytes; an ``OSError`` in place of the end of a body that is refused."""
        if self.refusal is not None:
            raise OSError("the request was refused")
        size = len(buffer)
        if self._replayed:
            piece, self._replayed = self._replayed[:size], self._replayed[size:]
        else:
            piece = self._next(size)
            self._take(piece)
        if not piece and self.refusal is not None:
            raise OSError("the request was refused")
        buffer[: len(piece)] = piece
        return len(piece)

    def _next(self, size: int = _PIECE) -> bytes:
        if self._left is not None:
            size = min(size, self._left)
        piece: bytes = self._source.read(size) if size else b""
        if self._left is not None:
            self._left -= len(piece)
        return piece

    def _take(self, piece: bytes) -> None:
        if not self._open:
            return
        if not piece:
            over = self._skeleton is not None and self._skeleton.over
            if over:
                self.refusal = self._passage.too_large()
            else:
                self._judge(bytes(self._body) if self._skeleton is None else self._skeleton.body)
        elif self._skeleton is not None:
            self._skeleton.feed(piece)
        else:
            self._body += piece
            if len(self._body) > self._limit:
                self._overflow()

    def _overflow(self) -> None:
        self._skeleton = self._passage.skeleton()
        if self._skeleton is None:
            self._open = False
            self.refusal = self._passage.too_large()
        else:
            self._skeleton.feed(bytes(self._body))
        self._body.clear()

    def _judge(self, body: bytes) -> None:
        self._open = False
        self._body.clear()
        self.refusal = self._passage.judge(body)


class _Output:
    """The response: watched, held back where that was asked for, or ended by an error event."""

    def __init__(self, passage: Passage, source: _Input, start_response: StartResponse) -> None:
        self._passage = passage
        self._source = source
        self._start_response = start_response
        self._head: tuple[Any, ...] | None = None
        self._watch: Watch | None = None
        self._written: list[bytes] = []  # by the callable that start_response returns
        self._held: list[bytes] = []
        self._over = False

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        """Take the head of the response; it goes on with the first piece of the body."""
        self._head = (status, headers, exc_info) if exc_info else (status, headers)
        self._watch = self._passage.answered(int(status[:3]), Headers(headers))
        return self._written.append

    def run(self, body: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the body that goes to the server."""
        try:
            for piece in body:
                yield from self._take(b"".join([*self._written, piece]))
                self._written.clear()
                if self._over:
                    return
            yield from self._end()
        finally:
            if not self._over and self._watch is not None:
                self._watch.close(broken=True)
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _take(self, piece: bytes) -> Iterator[bytes]:
        refusal, watch = self._source.refusal, self._watch
        if refusal is not None and self._head is not None:
            self._over = True
            yield from _refuse(refusal, self._start_response)
        elif watch is None:
            self._go()
            yield piece
        elif watch.holds:
            yield from self._hold(watch, piece)
        elif watch.ends:
            ending = watch.feed(piece)
            self._over = ending is not None
            self._go()
            yield piece if ending is None else ending.event
        else:
            self._go()
            yield piece
            watch.feed(piece)

    def _hold(self, watch: Watch, piece: bytes) -> Iterator[bytes]:
        """Hold a piece back; a response that grew too long is let go."""
        self._held.append(piece)
        watch.feed(piece)
        if not watch.holds:
            yield from self._release()

    def _end(self) -> Iterator[bytes]:
        refusal = self._watch.close() if self._watch is not None else None
        self._over = True
        if refusal is not None and self._head is not None:
            yield from _refuse(refusal, self._start_response)
        else:
            yield from self._release()
            yield from self._written

    def _release(self) -> Iterator[bytes]:
        self._go()
        held, self._held = self._held, []
        yield from held

    def _go(self) -> None:
        """Hand the head on, once."""
        if self._head is not None:
            self._start_response(*self._head)
            self._head = None


def _refuse(refusal: Refusal, start_response: StartResponse) -> list[bytes]:
    start_response(f"{refusal.status} {_REASONS.get(refusal.status, 'Error')}", [*refusal.headers])
    return [refusal.body]


def _headers(environ: Environ) -> Headers:
    fields = [(name[5:].replace("_", "-").lower(), value) for name, value in environ.items() if name[:5] == "HTTP_"]
    named = {"content-type": environ.get("CONTENT_TYPE"), "content-length": environ.get("CONTENT_LENGTH")}
    return Headers([*fields, *((name, value) for name, value in named.items() if value)])


def _target(environ: Environ) -> str:
    path = quote(environ.get("PATH_INFO", "").encode("latin-1"), safe="/:@!$&'()*+,;=-._~")
    query = environ.get("QUERY_STRING", "")
    return f"{path}?{query}" if query else path

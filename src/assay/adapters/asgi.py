"""Pre-flight validation as pure ASGI middleware: ``Preflight(app, contract, mode="enforce")``.

The rule of this module: messages are passed on as they are and in their order. A stream's bytes go out before they are
looked at (unless streams are to be ended at a violation); a request is replayed message by message; websockets and
lifespan are none of its business.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from assay.gateway import Gate, Settings
from assay.messages import Headers

if TYPE_CHECKING:
    from assay.gateway import Judge, Judgement, Passage, Policy, Refusal, Watch
    from assay.gateway.policy import Choose, Mode

__all__ = ["Preflight"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_GONE: Message = {"type": "http.disconnect"}


class Preflight:
    """ASGI middleware. ``mode``, ``settings`` and ``observers`` are those of :class:`assay.gateway.Gate`.

    ``gate`` may be replaced while traffic flows: exchanges that have begun keep theirs.
    """

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

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one connection of ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]])
        passage = self.gate.open(scope["method"], _target(scope), headers)
        if passage is None:
            await self.app(scope, receive, send)
            return
        reader = _Reader(passage, receive, self.gate.settings.limits.body)
        if passage.modes.requests == "enforce":
            refusal = await reader.collect(headers)
            if refusal is not None:
                await _refuse(refusal, send)
                return
            if reader.gone:
                return
        writer = _Writer(passage, reader, send)
        try:
            await self.app(scope, reader.receive, writer.send)
        except Exception:
            # What was refused on its way in has an application behind it that may well complain.
            if reader.refusal is None and not writer.cut:
                raise
        finally:
            writer.finish()
        if reader.refusal is not None and not writer.started:
            await _refuse(reader.refusal, send)


class _Reader:
    """The request on its way in: collected and then replayed, or copied as it passes."""

    def __init__(self, passage: Passage, receive: Receive, limit: int) -> None:
        self.gone = False
        self.cut = False
        self.refusal: Refusal | None = None
        self._passage = passage
        self._receive = receive
        self._limit = limit
        self._replayed: list[Message] = []
        self._body = bytearray()
        self._skeleton: Any = None
        self._open = True  # the body is still to be judged

    async def collect(self, headers: Headers) -> Refusal | None:
        """Read the body up to the limit and judge it; what is longer is judged as it passes, or refused."""
        declared = headers.get("content-length", "")
        more = True
        if declared is not None and declared.isdigit() and len(declared) < 20 and int(declared) > self._limit:  # noqa: PLR2004  digits of a 64-bit number
            return self._overflow()
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.gone = True
                self._passage.broke_off()
                return None
            self._replayed.append(message)
            self._body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(self._body) > self._limit:
                return self._overflow()
        self._replayed.reverse()
        return self._judged(bytes(self._body))

    def _overflow(self) -> Refusal | None:
        """The body is too long to be collected: an upload is followed as it passes, anything else is not judged."""
        self._replayed.reverse()
        self._skeleton = self._passage.skeleton()
        refusal = None
        if self._skeleton is None:
            self._open = False
            refusal = self._passage.too_large()
        else:
            self._skeleton.feed(bytes(self._body))
        self._body.clear()
        return refusal

    def _judged(self, body: bytes) -> Refusal | None:
        self._open = False
        self._body.clear()
        return self._passage.judge(body)

    async def receive(self) -> Message:
        """Give the application its next message."""
        if self.cut or self.refusal is not None:
            return _GONE
        if self._replayed:
            message = self._replayed.pop()
            if not self._open or message.get("more_body", False):
                return message
        else:
            message = await self._receive()
            if not self._open:
                return message
            if message["type"] == "http.disconnect":
                self._open = False
                self._passage.broke_off()
                return message
            self._take(message.get("body", b""))
        if self._open and not message.get("more_body", False):
            body = bytes(self._body) if self._skeleton is None else self._skeleton.body
            over = self._skeleton is not None and self._skeleton.over
            self.refusal = self._passage.too_large() if over else self._judged(body)
            if self.refusal is not None:
                return _GONE  # the application never gets the end of a body that is refused
        return message

    def _take(self, piece: bytes) -> None:
        """Copy a piece that passes."""
        if self._skeleton is not None:
            self._skeleton.feed(piece)
            return
        self._body += piece
        if len(self._body) > self._limit:
            self.refusal = self._overflow()


class _Writer:
    """The response on its way out: watched, held back where that was asked for, or ended by an error event."""

    def __init__(self, passage: Passage, reader: _Reader, send: Send) -> None:
        self.started = False
        self._passage = passage
        self._reader = reader
        self._send = send
        self._watch: Watch | None = None
        self._held: list[Message] = []
        self._over = False

    @property
    def cut(self) -> bool:
        """Whether the stream was ended before the application ended it."""
        return self._reader.cut

    async def send(self, message: Message) -> None:
        """Take the application's next message."""
        if self._reader.cut or (self._reader.refusal is not None and not self.started):
            return
        kind = message["type"]
        if kind == "http.response.start":
            self.started = True
            headers = Headers([(n.decode("latin-1"), v.decode("latin-1")) for n, v in message.get("headers", ())])
            self._watch = self._passage.answered(message["status"], headers)
        if self._watch is None:
            await self._send(message)
        elif self._watch.holds:
            await self._hold(message)
        elif kind != "http.response.body":
            await self._send(message)
        elif self._watch.ends:
            await self._look_first(message)
        else:
            await self._send(message)
            self._look(message)

    def finish(self) -> None:
        """The application is done; a response without its end was broken off."""
        if self._watch is not None and not self._over:
            self._over = True
            self._watch.close(broken=True)

    def _look(self, message: Message) -> None:
        watch = self._watch
        if watch is None or self._over:
            return
        watch.feed(message.get("body", b""))
        if not message.get("more_body", False):
            self._over = True
            watch.close()

    async def _look_first(self, message: Message) -> None:
        watch = self._watch
        refusal = None if watch is None else watch.feed(message.get("body", b""))
        if refusal is None:
            await self._send(message)
            if not message.get("more_body", False) and watch is not None:
                self._over = True
                watch.close()
            return
        self._over = self._reader.cut = True
        await self._send({"type": "http.response.body", "body": refusal.event, "more_body": False})

    async def _hold(self, message: Message) -> None:
        """Hold a response back until it was judged whole; one that grows too long is let go."""
        watch = self._watch
        self._held.append(message)
        if watch is None or message["type"] == "http.response.start":
            return
        if message["type"] != "http.response.body":  # the server is to send a file: its bytes never come by
            watch.holds = False
            await self._release()
            return
        watch.feed(message.get("body", b""))
        over = not message.get("more_body", False)
        refusal = None
        if over:
            self._over = True
            refusal = watch.close()
        if refusal is not None:
            self._held.clear()
            await _refuse(refusal, self._send)
        elif over or not watch.holds:
            await self._release()

    async def _release(self) -> None:
        held, self._held = self._held, []
        for message in held:
            await self._send(message)


async def _refuse(refusal: Refusal, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in refusal.headers]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": refusal.body, "more_body": False})


def _target(scope: Message) -> str:
    """The path below the mount point, percent-encoded as sent where the server tells, with the query."""
    raw = scope.get("raw_path")
    path = raw.decode("latin-1") if raw else quote(scope["path"], safe="/:@!$&'()*+,;=-._~%")
    path = path.partition("?")[0]
    root = quote(scope.get("root_path", ""))
    if root and path.startswith(root):
        path = path[len(root) :] or "/"
    query = scope.get("query_string", b"")
    return f"{path}?{query.decode('latin-1')}" if query else path

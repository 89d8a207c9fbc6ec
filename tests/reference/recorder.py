"""An application that keeps the exchanges of another, for tests that judge them afterwards."""

from __future__ import annotations

from assay.messages import Headers, Request, Response


class Recorder:
    """An application around another that keeps every exchange."""

    def __init__(self, inner) -> None:
        self.inner = inner
        self.exchanges = []
        self.kinds = []
        self.kind = ""  # what the exchanges that begin now are called

    async def __call__(self, scope, receive, send) -> None:
        """Pass everything on, and keep a copy."""
        sent, got, status, fields = b"", b"", 0, []
        kind = self.kind

        async def reading():
            nonlocal sent
            message = await receive()
            sent += message.get("body", b"")
            return message

        async def writing(message):
            nonlocal got, status, fields
            status, fields = message.get("status", status), message.get("headers", fields)
            got += message.get("body", b"")
            await send(message)

        await self.inner(scope, reading, writing)
        query = scope["query_string"].decode("latin-1")
        target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        request = Request(scope["method"], target, text(scope["headers"]), sent)
        self.kinds.append(kind)
        self.exchanges.append((request, Response(status, text(fields), got)))


def text(fields) -> Headers:
    """Decode the header fields of ASGI."""
    return Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields])

"""The reference server with faults: the honest application, and the changes around it.

The rule of this module: HTTP is read and written here as ASGI says, whole; which defect there is, only the faults know.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from assay.errors import UsageError
from assay.messages import Request
from assay.reference.faults.fault import Answer, Asked, applies
from assay.reference.faults.registry import find
from assay.reference.server import LIMIT, application

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from assay.contract import Contract
    from assay.reference.faults.fault import Change, Fault
    from assay.reference.server import Application, Message, Receive, Send

__all__ = ["Cut", "Faulty", "faulty"]


def faulty(names: Iterable[str], contract: Contract, *, key: str | None = None, **terms: Any) -> Application | Faulty:
    """Make the reference server with the faults of these names; ``contract`` is the bundled one.

    ``key`` and ``terms`` are those of :func:`assay.reference.server.application`. Raises ``UsageError`` for a name that
    no fault has, and for a fault that shows only where a key is demanded when none is.
    """
    faults = [*map(find, names)]
    honest = application(key=key, judge=contract, **terms)
    unseen = next((fault.name for fault in faults if fault.keyed and key is None), None)
    if unseen is not None:
        raise UsageError(f"the fault {unseen} shows only where a key is demanded: name one with --key-env")
    return Faulty(honest, faults, contract, key=key) if faults else honest


class Cut(ConnectionError):  # noqa: N818  a closing, no error of ours
    """Raised out of the application so that its server closes the connection, as a fault wants it."""


class Faulty:
    """An ASGI application around the honest one, which breaks the promises of its faults.

    ``contract`` names the operations; ``key`` is the one that the honest application demands.
    """

    def __init__(
        self, honest: Application, faults: Iterable[Fault], contract: Contract, *, key: str | None = None
    ) -> None:
        self._honest = honest
        self._changes = tuple(fault.change for fault in faults)
        self._contract = contract
        self._key = key

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = await _body(receive)
        if body is None:
            return
        asked = self._asked(scope, body)
        changes = [change for change in self._changes if applies(change.on, asked.operation)]
        answer = await self._answer(scope, receive, asked, changes)
        for change in reversed(changes):
            answer = change.tell(asked, answer)
        await _send(answer, send, head=scope["method"] == "HEAD")

    def _asked(self, scope: Message, body: bytes) -> Asked:
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        request = Request(scope["method"], f"{path}?{query}" if query else path, headers, body)
        operation = self._contract.find(request)
        return Asked("-" if operation is None else operation.id, request, self._contract, self._key)

    async def _answer(self, scope: Message, receive: Receive, asked: Asked, changes: list[Change]) -> Answer:
        for change in changes:
            changed = change.ask(asked)
            if isinstance(changed, Answer):
                return changed
            asked = changed
        return await self._honestly(_scope(scope, asked.request), receive, asked.request.body)

    async def _honestly(self, scope: Message, receive: Receive, body: bytes) -> Answer:
        """Ask the honest application, and collect what it sends."""
        whole: Message = {"type": "http.request", "body": body, "more_body": False}
        unread = [whole]
        start: Message = {}
        parts: list[bytes] = []

        async def read() -> Message:
            return unread.pop() if unread else await receive()

        async def keep(message: Message) -> None:
            start.update(message)
            if message.get("body"):
                parts.append(message["body"])
            await asyncio.sleep(0)

        await self._honest(scope, read, keep)
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"])
        return Answer(start["status"], headers, tuple(parts))


async def _body(receive: Receive) -> bytes | None:
    """Read a request to its end, and keep what is within the limit and one byte; None when the client has gone."""
    kept = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        kept += message.get("body", b"")[: LIMIT + 1 - len(kept)]
        more = message.get("more_body", False)
    return bytes(kept)


def _scope(scope: Message, request: Request) -> dict[str, Any]:
    path, _, query = request.target.partition("?")
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.fields]
    return {
        **scope,
        "method": request.method,
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": fields,
    }


async def _send(answer: Answer, send: Send, *, head: bool) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in _fields(answer, head=head)]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    for part in answer.parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
        await asyncio.sleep(0)
    if answer.cut:
        raise Cut("in the middle of the answer")
    await send({"type": "http.response.body", "body": b""})


def _fields(answer: Answer, *, head: bool) -> Iterator[tuple[str, str]]:
    for name, value in answer.headers:
        counted = name == "content-length" and not head and not answer.exact
        yield name, str(len(answer.body)) if counted else value

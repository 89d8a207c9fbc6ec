"""The shared connection: a body left unread is blamed on the request that left it, and on nothing else."""

from __future__ import annotations

import itertools

import pytest

from assay.conformance.checks import Exchange
from assay.conformance.connection import Connection
from assay.conformance.pace import Clock, Courier
from assay.messages import Request, Response
from assay.model import Operation

CHAT = Operation("chat", "POST", "/chat")
REFUSED = Exchange(CHAT, Request("POST", "/chat", {}, b"body"))
NEXT = Exchange(CHAT, Request("POST", "/next", {}, b"next"))


class Server:
    """Refuses ``/chat``; ``spoils`` says that it leaves the body for the next request on the same connection."""

    def __init__(self, *, spoils: bool, answer: int = 200):
        self.spoils, self.answer = spoils, answer
        self.left = False
        self.log: list[str] = []

    def send(self, request):
        """Send on the shared connection."""
        self.log.append(request.target)
        if self.left:
            self.left = False
            return Response(400, {"content-type": "text/html"}, b"<html>")
        if request.target == "/chat":
            self.left = self.spoils
            return Response(404, {"content-type": "application/json"}, b"{}")
        return Response(self.answer, {"content-type": "application/json"}, b"{}")

    def fresh(self, request):
        """Send on a connection of its own."""
        self.left = False
        return self.send(request)

    def connection(self):
        """A connection to this server."""
        return Connection(Courier(self.send, Request("GET", "/models"), 100), self.fresh)


def test_a_body_left_unread_is_proven_and_avoided():
    """The next request gets its true answer, the refused one is named with it, and nothing is shared any more."""
    server = Server(spoils=True)
    send = server.connection()
    assert send(REFUSED).status == 404
    assert send(NEXT).status == 200
    assert (send.spoiled.request, send.spoiled.then, send.status) == (REFUSED.request, NEXT.request, 400)
    assert [send(REFUSED).status, send(NEXT).status] == [404, 200]
    assert server.log[-2:] == ["/chat", "/next"]


@pytest.mark.parametrize("answer", [200, 400, 500])
def test_a_server_that_reads_its_bodies_is_not_blamed(answer):
    """Refusals in a row are no sign of anything when a new connection gets the same."""
    send = Server(spoils=False, answer=answer).connection()
    for exchange in (REFUSED, NEXT, NEXT, REFUSED, NEXT):
        send(exchange)
    assert send.spoiled is None


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_overloaded_server_is_not_blamed(status):
    """A target that fails every third request, whatever the connection, leaves no body unread."""
    turns = itertools.count(1)

    def moody(request):
        return Response(status if next(turns) % 3 == 0 else 404 if request.target == "/chat" else 200, {}, b"<html>")

    clock = Clock(sleep=lambda _: None)
    send = Connection(Courier(moody, Request("GET", "/models"), 100, clock=clock), moody)
    for exchange in (REFUSED, NEXT) * 6:
        send(exchange)
    assert send.spoiled is None

"""The next exchange on a connection that was kept alive: written in one piece, and read without ado where that will do.

The rule of this module: the bytes that go out are those of a first exchange, and what cannot be written plainly is
left to it; an answer that is not plain (one Content-Length, nothing that closes) is read by ``http.client``, as the
first is.
"""

from __future__ import annotations

import errno
import io
import re
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["LOST", "Answer", "Final", "unfolded", "written"]

LOST = (HTTPException, OSError, ValueError)
"""What may be raised where an answer does not come, or not whole."""

_CHUNK = 1 << 16
_LINE = 65536
_INTERIM = frozenset(range(102, 200))  # RFC 9110, 15.2; 101 is final, and nobody asked for it
_BODILESS = frozenset({204, 304})
_GONE = frozenset({errno.EPIPE, errno.ECONNRESET})
_NO_LENGTH = frozenset({"GET", "HEAD", "DELETE", "TRACE", "OPTIONS", "CONNECT"})  # where there is no body
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS = re.compile(r"[\r\n]|@@@")  # the second means something to urllib3
_FRAMING = frozenset({"host", "content-length", "transfer-encoding"})
_FOLD = re.compile(r"[ \t]*\r?\n[ \t]+")
_HEAD = re.compile(rb"HTTP/1\.1 ([2-5]\d\d)(?: [\t -~]*)?\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*\r\n)*)\r\n")


class Final(HTTPResponse):
    """A response that waits for the final status; of the interim ones, ``http.client`` knows 100 alone."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]  # private
            if found[1] not in _INTERIM:
                return found
            while self.fp.readline(_LINE) not in (b"\r\n", b"\n", b""):
                pass


def written(method: str, target: str, host: bytes, fields: Sequence[tuple[str, str]], body: bytes) -> bytes | None:
    """A whole request as it goes out; None where it has anything that a first exchange would look at closely."""
    names = [name.lower() for name, _ in fields]
    plain = _TOKEN.fullmatch(method) and all(_TOKEN.fullmatch(name) for name in names)
    if not plain or len({*names}) < len(names) or not _FRAMING.isdisjoint(names):
        return None
    if any(_BREAKS.search(value) for _, value in fields):
        return None
    head = [f"{method} {target} HTTP/1.1".encode(), b"Host: " + host]
    if body or method.upper() not in _NO_LENGTH:
        head.append(b"Content-Length: %d" % len(body))
    head += [f"{name}: {value}".encode("latin-1") for name, value in fields]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def unfolded(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Fields of an answer with their values on one line, and nothing around them (RFC 9112, 5.1 and 5.2)."""
    return [(name, _FOLD.sub(" ", value).strip(" \t")) for name, value in fields]


class Answer:
    """The answer to a request that is sent on a connected socket: ``status``, ``fields``, and a body to be read.

    ``closes`` says, once the body was read, that the connection carries no other request. Raises what ``LOST`` names.
    """

    def __init__(self, connected: socket.socket, method: str, text: bytes) -> None:
        self._socket = connected
        self._late: OSError | None = None
        with _answered():
            connected.sendall(text)
        data = connected.recv(_CHUNK)
        if not data:
            raise RemoteDisconnected("no answer")
        self._rest: bytes = b""
        self._left = 0
        self._slow: HTTPResponse | None = None
        if not (method != "HEAD" and self._plain(data)):
            self._slow = Final(cast("Any", _Begun(connected, data)), method=method)
            self._slow.begin()
            self.status = self._slow.status
            self.fields = unfolded(self._slow.msg.items())

    def _plain(self, data: bytes) -> bool:
        """Whether the answer's head is here, and says no more of its body than how long it is."""
        head = _HEAD.match(data)
        if head is None or int(head[1]) in _BODILESS:
            return False
        fields, lengths = [], []
        for line in head[2].decode("ascii").split("\r\n")[:-1]:
            name, _, value = line.partition(":")
            value = value.strip(" \t")
            fields.append((name, value))
            match name.lower():
                case "content-length":
                    lengths.append(value)
                case "transfer-encoding":
                    return False
                case "connection" if value.lower() != "keep-alive":
                    return False
        if len(lengths) != 1 or not lengths[0].isdecimal():
            return False
        self.status, self.fields = int(head[1]), fields
        self._rest, self._left = data[head.end() :], int(lengths[0])
        return len(self._rest) <= self._left  # more than that is for no one

    def read(self) -> bytes:
        """The next piece of the body; empty at its end. Raises IncompleteRead where it stops before."""
        if self._slow is not None:
            piece = self._slow.read1(_CHUNK)
            if not piece and self._slow.length:
                raise IncompleteRead(b"")
            return piece
        piece, self._rest = self._rest, b""
        if not piece and self._left:
            piece = self._socket.recv(min(self._left, _CHUNK))
            if not piece:
                raise IncompleteRead(b"")
        self._left -= len(piece)
        return piece

    @property
    def closes(self) -> bool:
        """Whether the connection ends with this answer, or something of it is still to be read."""
        if self._slow is not None:
            return self._slow.will_close or not self._slow.isclosed()
        return self._left > 0


@contextmanager
def _answered() -> Iterator[None]:
    """A peer may answer and go before it has read everything: the answer counts."""
    try:
        yield
    except OSError as error:
        if error.errno not in _GONE:
            raise


class _Begun:
    """A socket from which something was read already, for who wants a file of it."""

    def __init__(self, connected: socket.socket, data: bytes) -> None:
        self._socket, self._data = connected, data

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A file that begins with what was read."""
        return io.BufferedReader(_Raw(self._socket, self._data))


class _Raw(io.RawIOBase):
    def __init__(self, connected: socket.socket, data: bytes) -> None:
        self._socket, self._data = connected, data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._data:
            return self._socket.recv_into(buffer)
        size = min(len(buffer), len(self._data))
        buffer[:size], self._data = self._data[:size], self._data[size:]
        return size

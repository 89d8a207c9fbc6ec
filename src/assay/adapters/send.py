"""Send one request to a target and read its whole response: the wire's end of ``messages.Send``.

The rule of this module: the exact bytes go out (target, header values and body untouched; no redirect followed,
no status retried) and whatever comes back ends, within its time and size, in a Response, with ``broken`` set
where the body stopped short, or in a TargetError of one line.
"""

from __future__ import annotations

import re
import threading
import time
import urllib.parse
import urllib.request
from http.client import HTTPException, RemoteDisconnected
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import parse_url

from assay.adapters.again import LOST, Answer, Final, unfolded, written
from assay.adapters.watchdog import Ward, Watchdog
from assay.errors import TargetError, UsageError
from assay.messages import Headers, HeadersLike, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from urllib3.response import BaseHTTPResponse

__all__ = ["Sender"]

_CHUNK = 1 << 16
_CONNECT = 10.0  # seconds; more than enough for a handshake, even with a far gateway
_IDLE_CONNECTIONS = 16
_UNWRITABLE = re.compile(r"[\x00-\x20\x7f]")
_Read = tuple[int, list[tuple[str, str]], bytes, str]
"""Status, fields and body of a response, and why the body ended too soon."""
_DEFAULTS = (("user-agent", "assay"), ("accept", "*/*"), ("accept-encoding", "identity"))


class Sender:
    """A target's ``Send``: thread-safe, every thread with connections of its own, which are kept alive.

    ``base_url``  ``http(s)://host[:port][/path]``, without credentials, query or fragment.
    ``headers``   fields for every request that does not bring its own of that name (``Authorization``).
    ``timeout``   seconds for a whole exchange, and so for every wait inside it.
    ``limit``     bytes of a response's body that are read and kept.
    ``bases``     base paths of the operations (``/v1``); a path in ``base_url`` takes their place.
    ``proxy``     ``http(s)://host:port``; None stands for the one of the environment, if there is one.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: HeadersLike = (),
        timeout: float = 60.0,
        limit: int = 16 * 1024 * 1024,
        bases: Iterable[str] = ("/v1",),
        proxy: str | None = None,
    ) -> None:
        self._origin, self._path = _address(base_url)
        self._headers = Headers(headers)
        self._timeout = timeout
        self._limit = limit
        self._bases = sorted((base.rstrip("/") for base in bases), key=len, reverse=True)
        self._times = urllib3.Timeout(connect=min(_CONNECT, timeout), read=timeout)
        self._proxy = _proxy(self._origin) if proxy is None else _proxy_url(proxy)
        # A forwarding proxy is asked in absolute form; everything else, a tunnel too, by the path alone.
        forwarded = self._proxy is not None and self._origin.startswith("http://")
        self._placeholder = f"{self._origin}/" if forwarded else "/"
        self._local = threading.local()
        self._watchdog = Watchdog()

    def __call__(self, request: Request, /) -> Response:
        """Send one request and read its whole response; see the module for what can come of it."""
        began = time.monotonic()
        if _UNWRITABLE.search(request.target):
            raise UsageError("this request cannot be written in HTTP: a space or control character in its target")
        fields = self._fields(request)
        with self._watchdog.guard(self._timeout) as ward:
            status, shown, body, broken = self._again(request, fields, ward) or self._anew(request, fields, ward)
        return Response(status, shown, body, elapsed=time.monotonic() - began, broken=broken)

    def afresh(self, request: Request, /) -> Response:
        """Send one request on a new connection; this thread's idle ones are closed."""
        self.close()
        return self(request)

    def url(self, target: str) -> str:
        """Return the absolute URL that a request's target is sent to."""
        return self._origin + self._exact(target)

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names of the header fields that are added to every request; the values may be secret."""
        return tuple(name for name, _ in self._headers.fields)

    def close(self) -> None:
        """Close this thread's idle connections; those of threads that have ended are closed already."""
        self._local.kept = None
        self._pools().clear()

    def _pools(self) -> urllib3.PoolManager:
        # What a server left unread on a connection must meet the next request of that thread, and of no other.
        pools: urllib3.PoolManager | None = getattr(self._local, "pools", None)
        if pools is None:
            pools = self._local.pools = _manager(self._proxy, self._times)
        return pools

    def _exact(self, target: str) -> str:
        if target.startswith(("http://", "https://")):
            target = "/" + target.split("/", 3)[3] if target.count("/") > 2 else "/"  # noqa: PLR2004  scheme://host/rest
        for base in self._bases:
            inside = target == base or target.startswith((f"{base}/", f"{base}?"))
            if self._path and base and inside:
                return self._path + target[len(base) :]
        return self._path + target

    def _again(self, request: Request, fields: list[tuple[str, str]], ward: Ward) -> _Read | None:
        """Send on the connection of the exchange before; None where there is none, or where it has died."""
        kept: _Exact | None = getattr(self._local, "kept", None)
        self._local.kept = None
        if kept is None or not kept.is_connected or not kept.host_field:
            return None
        text = written(request.method, self._exact(request.target), kept.host_field, fields, request.body)
        if text is None:
            return None
        ward.hold(kept.sock)
        try:
            kept.sock.settimeout(self._timeout)
            answer = Answer(kept.sock, request.method, text)
        except LOST as error:
            kept.close()
            if ward.expired or isinstance(error, TimeoutError):
                raise TargetError(self._silence()) from error
            return None
        body, broken = self._body(answer.read, ward)
        if broken or answer.closes:
            kept.close()
        else:
            self._local.kept = kept
        return answer.status, answer.fields, body, broken

    def _anew(self, request: Request, fields: list[tuple[str, str]], ward: Ward) -> _Read:
        """Send by the pool, which opens a connection where it has none, and remember the connection."""
        carried = _Fields(fields, target=self._exact(request.target), ward=ward)
        answer = self._open(request, carried, ward)
        try:
            body, broken = self._body(lambda: answer.read1(_CHUNK, decode_content=False), ward)
        finally:
            # Nothing remains unread on a connection that is kept: close() drops one that was not read to its end.
            answer.close()
        if not broken and self._proxy is None:
            self._local.kept = carried.trace.connection
        return answer.status, unfolded(answer.headers.items()), body, broken

    def _open(self, request: Request, fields: _Fields, ward: Ward) -> BaseHTTPResponse:
        """Send, and return the response with its body unread.

        A kept-alive connection may have died since its last response: then the failure says nothing of this
        request, so it is sent again until a fresh connection has carried it.
        """
        for _ in range(_IDLE_CONNECTIONS + 1):
            try:
                return (
                    self._pools()
                    .connection_from_url(self._origin)
                    .urlopen(
                        request.method,
                        self._placeholder,
                        body=request.body or None,
                        headers=fields,
                        redirect=False,
                        retries=False,
                        assert_same_host=False,
                        preload_content=False,
                        decode_content=False,
                    )
                )
            except (HTTPError, OSError) as error:
                if ward.expired or isinstance(error, ReadTimeoutError) or not fields.trace.reused:
                    raise TargetError(self._failure(error, ward)) from error
            except (ValueError, UnicodeError) as error:
                raise UsageError(f"this request cannot be written in HTTP: {type(error).__name__}") from error
        raise TargetError(f"{self._origin} closes every connection without a response")

    def _fields(self, request: Request) -> list[tuple[str, str]]:
        given = [(name, _latin(value)) for name, value in request.headers.fields]
        own = [(name, _latin(value)) for name, value in self._headers.fields if name not in request.headers]
        rest = [(name, value) for name, value in _DEFAULTS if name not in request.headers and name not in self._headers]
        return given + own + rest

    def _body(self, read: Callable[[], bytes], ward: Ward) -> tuple[bytes, str]:
        """All pieces of a body, and why there are no more of them where one is missing."""
        body = bytearray()
        try:
            while chunk := read():
                body += chunk
                if len(body) > self._limit:
                    return bytes(body[: self._limit]), f"more than {self._limit} bytes, not read to the end"
                if ward.expired:
                    break
        except (HTTPError, *LOST) as error:
            late = ward.expired or isinstance(error, ReadTimeoutError | TimeoutError)
            return bytes(body), self._late() if late else _cut(error, len(body))
        return bytes(body), self._late() if ward.expired else ""

    def _late(self) -> str:
        return f"time-out: not finished after {self._timeout:g} s"

    def _silence(self) -> str:
        return f"time-out: no response from {self._origin} within {self._timeout:g} s"

    def _failure(self, error: Exception, ward: Ward) -> str:
        place = self._origin
        reason: object = error
        if isinstance(error, ProxyError):
            return f"the proxy for {place} does not answer ({type(error.original_error).__name__})"
        if isinstance(error, NameResolutionError):
            return f"cannot connect to {place}: the host's name is not known"
        if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
            return f"cannot connect to {place}: no connection within {min(_CONNECT, self._timeout):g} s"
        if isinstance(error, NewConnectionError):
            return f"cannot connect to {place}: {_plain(error.__cause__ or error)}"
        if ward.expired or isinstance(error, ReadTimeoutError):
            return self._silence()
        if isinstance(error, SSLError):
            return f"cannot connect to {place}: TLS failed ({_plain(error.args[0] if error.args else error)})"
        if len(error.args) > 1:
            reason = error.args[1]
        return f"no HTTP response from {place}: {_plain(reason)}"


class _Trace:
    """What one exchange tells of the connection that carried it."""

    __slots__ = ("connection", "reused")

    def __init__(self) -> None:
        self.reused = False
        self.connection: _Exact | None = None


class _Fields(urllib3.HTTPHeaderDict):
    """Header fields that also carry the exact target and the ward through the pool to the connection.

    The pool rewrites targets (it normalises percent-encoding), so the one it is given is only a placeholder.
    """

    def __init__(self, fields: Iterable[tuple[str, str]], *, target: str, ward: Ward) -> None:
        super().__init__()
        for name, value in fields:
            self.add(name, value)
        self.target, self.ward, self.trace = target, ward, _Trace()

    def copy(self) -> _Fields:
        clone = _Fields(self.iteritems(), target=self.target, ward=self.ward)
        clone.trace = self.trace
        return clone


class _Exact:
    """Mixed into a connection: writes the exact target, and tells whether the connection had served before.

    ``host_field`` is the value of the Host field that it wrote by itself.
    """

    response_class: Any = Final
    sock: Any
    is_connected: Any
    close: Any
    host_field = b""
    _host_given = False
    _served = 0

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **rest: Any) -> None:
        if not isinstance(headers, _Fields):
            super().request(method, url, body, headers, **rest)  # type: ignore[misc]
            return
        headers.trace.reused = self._served > 0 and self.sock is not None
        headers.trace.connection = self
        self._host_given = "host" in headers
        self._served += 1
        headers.ward.hold(self.sock)
        super().request(method, url.removesuffix("/") + headers.target, body, headers, **rest)  # type: ignore[misc]
        headers.ward.hold(self.sock)

    def putheader(self, header: Any, *values: Any) -> None:
        super().putheader(header, *values)  # type: ignore[misc]
        if header == "Host" and not self._host_given:
            self.host_field = values[0] if isinstance(values[0], bytes) else values[0].encode("latin-1")

    def _encode_request(self, request: str) -> bytes:
        # What http.client does, but for targets with raw UTF-8 in them as well: they go out as they are.
        return request.encode("utf-8")


class _Http(_Exact, HTTPConnection):
    pass


class _Https(_Exact, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


def _address(base_url: str) -> tuple[str, str]:
    """Split a base URL into origin and path (without a slash at its end)."""
    try:
        parts = parse_url(base_url)
    except HTTPError as error:
        raise UsageError(f"this is not a URL: expected http://host[:port][/path], got {base_url!r}") from error
    if parts.scheme not in ("http", "https") or not parts.host:
        raise UsageError(f"the target must be http://host[:port][/path] or https://…, got {base_url!r}")
    if parts.auth:
        raise UsageError("the target's URL holds credentials: give them with --header 'Authorization: …' instead")
    if parts.query or parts.fragment:
        raise UsageError("the target's URL must end with its path: it has a query or a fragment")
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.host}{port}", (parts.path or "").rstrip("/")


def _proxy(origin: str) -> str | None:
    """The proxy that the environment names for an origin (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY)."""
    scheme, _, netloc = origin.partition("://")
    named = urllib.request.getproxies()
    proxy = named.get(scheme) or named.get("all")
    # What listens on this machine's own loopback cannot be reached through another one.
    near = parse_url(origin).host in ("127.0.0.1", "localhost", "[::1]")
    return None if not proxy or near or urllib.request.proxy_bypass(netloc) else _proxy_url(proxy)


def _proxy_url(proxy: str) -> str:
    """A proxy as a URL; one without a scheme, as environments have it, is meant as http."""
    url = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = parse_url(url)
    except HTTPError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.host:
        # It may hold a password, so it is not repeated.
        raise UsageError("the proxy must be http://host:port or https://host:port")
    return url


def _manager(proxy: str | None, timeout: urllib3.Timeout) -> urllib3.PoolManager:
    manager: urllib3.PoolManager
    if proxy is None:
        manager = urllib3.PoolManager(maxsize=_IDLE_CONNECTIONS, timeout=timeout)
    else:
        given = parse_url(proxy).auth
        headers = urllib3.make_headers(proxy_basic_auth=urllib.parse.unquote(given)) if given else None
        manager = urllib3.ProxyManager(proxy, maxsize=_IDLE_CONNECTIONS, timeout=timeout, proxy_headers=headers)
    manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return manager


def _latin(value: str) -> str:
    """Make a value writable: http.client writes latin-1, and what is outside of it goes out as UTF-8."""
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8").decode("latin-1")
    return value


def _cut(error: Exception, read: int) -> str:
    if "IncompleteRead" in repr(error):
        return f"the body ended after {read} bytes, before its end"
    return f"the connection broke after {read} bytes of the body"


def _plain(error: object) -> str:
    """The reason of an error for people, without a byte that the peer sent."""
    if isinstance(error, RemoteDisconnected):
        return "it closed the connection without an answer"
    if isinstance(error, HTTPException):
        return f"what came back is not HTTP ({type(error).__name__})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__

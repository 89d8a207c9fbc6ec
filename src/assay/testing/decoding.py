"""Content codings as clients ask for them: those that Assay knows, and those whose library the client brought.

The rule of this module: what cannot be undone here is not judged, and nobody is blamed for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from assay.wire.media import Decompressor
from assay.wire.problem import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Undecodable", "decoder"]


class Undecodable(Exception):  # noqa: N818  what is so, and nobody's fault
    """The content coding of a body cannot be undone here."""


def decoder(encodings: str | None, limit: int) -> Callable[[bytes], bytes] | None:
    """What undoes a Content-Encoding piece by piece; None where there is none. Raises ``Undecodable``."""
    names = [name.strip().lower() for name in (encodings or "").split(",") if name.strip()]
    if not names or names == ["identity"]:
        return None
    if names == ["br"]:
        return _guarded(_brotli())
    if names == ["zstd"]:
        return _guarded(_zstandard())
    try:
        return _guarded(Decompressor(encodings, limit).feed)
    except Malformed:
        raise Undecodable from None


def _guarded(feed: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def fed(chunk: bytes) -> bytes:
        try:
            return feed(chunk)
        except Exception as error:
            raise Undecodable from error

    return fed


def _brotli() -> Callable[[bytes], bytes]:
    module = _first("brotli", "brotlicffi")
    made = module.Decompressor()
    feed: Callable[[bytes], bytes] = made.decompress if hasattr(made, "decompress") else made.process
    return feed


def _zstandard() -> Callable[[bytes], bytes]:
    module = _first("zstandard")
    feed: Callable[[bytes], bytes] = module.ZstdDecompressor().decompressobj().decompress
    return feed


def _first(*names: str) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise Undecodable
